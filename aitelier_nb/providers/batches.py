"""Many requests as one batch: cheaper, answered within a day, taken up again after any break.

A batch is written down before it is sent and looked for before it is sent again; requests that
are under way in one are never put into another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from aitelier_nb.errors import NotFound, ProviderError, ResponseError, UsageError
from aitelier_nb.interrupts import Interrupted, pause
from aitelier_nb.progress import Progress
from aitelier_nb.providers import batch_lines, chat
from aitelier_nb.providers.base import ChatRequest, Provider
from aitelier_nb.providers.creation import create_once
from aitelier_nb.providers.http import Client
from aitelier_nb.providers.recordings import fingerprint
from aitelier_nb.providers.shapes import UNREADABLE, WORD, id_in
from aitelier_nb.providers.watching import Watch
from aitelier_nb.redaction import quoted
from aitelier_nb.schema import Answer
from aitelier_nb.storage import files
from aitelier_nb.storage.locks import lock

__all__ = ["BatchService", "Batched", "batched"]

EVERY = 30.0  # seconds between two looks; the services ask for no more
ENDPOINT = "/v1/chat/completions"
WINDOW = "24h"
RUN_KEY = "aitelier_batch"
ENDED = ("completed", "failed", "expired", "cancelled")
UNDER_WAY = ("validating", "in_progress", "finalizing")


@dataclass(frozen=True)
class BatchService:
    """How one service takes batches.

    Parameters
    ----------
    client, dialect
        The way to it, and how it spells a request.
    upload
        Returns the id of an uploaded file of requests.
    listed
        Returns the account's batches.
    addressed
        Whether a line names method and address beside the request.
    named
        Whether a batch takes metadata.
    most, largest
        Requests and bytes of a file.
    """

    client: Client
    dialect: chat.Dialect
    upload: Callable[[Path], str]
    listed: Callable[[], Iterable[Mapping[str, Any]]]
    addressed: bool
    named: bool
    most: int
    largest: int
    every: float = EVERY


@runtime_checkable
class TakesBatches(Provider, Protocol):
    """A provider that also answers batches."""

    def batch_service(self) -> BatchService:
        """Return how its service takes batches; the key is looked up here."""
        ...


def batched(provider: Provider, project: Path) -> Batched:
    """Return a provider that answers by batches, for the time of a verb.

    Raises
    ------
    UsageError
        The provider takes no batches.
    """
    if not isinstance(provider, TakesBatches):
        raise UsageError(f"{provider.name} takes no batches", hint="leave batch=True (--batch) out")
    return Batched(provider, project / ".aitelier" / "batches")


class Batched:
    """Answers as its provider does, by batches; what a batch holds is on disk until its answers are."""

    def __init__(self, provider: TakesBatches, folder: Path) -> None:
        self.name = provider.name
        self.costs_money = getattr(provider, "costs_money", True)
        self._provider = provider
        self._folder = folder

    def identify(self, model: str) -> str:
        """Return what identifies the weights behind a model name."""
        return self._provider.identify(model)

    def close(self) -> None:
        """Close the connections."""
        self._provider.close()

    def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
        """Yield (place in requests, answer) when their batches have ended.

        An interrupt leaves the batches to the service; the next call waits for the same ones.

        Raises
        ------
        ProviderError
            The service refused a batch as a whole.
        """
        if not requests:
            return
        service = self._provider.batch_service()
        names = [fingerprint(self.name, one, self.identify(one.model)) for one in requests]
        places = {name: place for place, name in enumerate(names)}
        with lock(self._folder / "lock"):
            waiting = [state for state in self._standing() if places.keys() & set(state["ids"])]
            sent = {name for state in waiting for name in state["ids"]}
            rest = {name: requests[place] for name, place in places.items() if name not in sent}
            waiting += self._written(service, rest)
            waiting = [self._started(service, state) for state in waiting]
        for name, answer in self._collected(service, waiting):
            if name in places:
                yield places[name], answer.model_copy(update={"model": requests[places[name]].model})

    def _standing(self) -> list[dict[str, Any]]:
        """Return the batches of this provider whose answers were not collected yet."""
        found = []
        for path in sorted(self._folder.glob("*.json")):
            state = json.loads(path.read_bytes())
            if state["provider"] == self.name:
                found.append(state)
        return found

    def _written(self, service: BatchService, requests: Mapping[str, ChatRequest]) -> list[dict[str, Any]]:
        """Write the files of new batches, each of one model and within the service's limits."""
        written = []
        for ids, lines in batch_lines.parted(requests, service.dialect, service):
            digest = hashlib.sha256(b"".join(lines)).hexdigest()
            self._folder.mkdir(parents=True, exist_ok=True)
            files.replace(self._folder / f"{digest[:32]}.jsonl", lines)
            written.append({"provider": self.name, "digest": digest[:32], "ids": ids})
        return written

    def _started(self, service: BatchService, state: dict[str, Any]) -> dict[str, Any]:
        """Return the state of a batch with its id: found at the service, or started there once."""
        if "id" in state:
            return state
        file_id = service.upload(self._folder / f"{state['digest']}.jsonl")
        if "before" not in state:
            ended = [one["id"] for one in service.listed() if _is_of(one, file_id) and word_of(one) in ENDED]
            state = self._kept(state | {"before": ended})
        known = frozenset(state["before"])

        def find() -> str | None:
            return next((str(o["id"]) for o in service.listed() if _is_usable(o, file_id, known)), None)

        found = find()
        if found is None:
            body: dict[str, Any] = {
                "input_file_id": file_id,
                "endpoint": ENDPOINT,
                "completion_window": WINDOW,
            }
            body |= {"metadata": {RUN_KEY: state["digest"]}} if service.named else {}
            found = create_once(lambda: _created(service.client, body), find, service.client.patience)
        return self._kept(state | {"id": found})

    def _kept(self, state: dict[str, Any]) -> dict[str, Any]:
        files.replace(self._folder / f"{state['digest']}.json", [json.dumps(state).encode() + b"\n"])
        return state

    def _forget(self, state: Mapping[str, Any]) -> None:
        for ending in ("json", "jsonl"):
            (self._folder / f"{state['digest']}.{ending}").unlink(missing_ok=True)

    def _collected(
        self, service: BatchService, waiting: Sequence[dict[str, Any]]
    ) -> Iterator[tuple[str, Answer]]:
        """Yield (id, answer) of each batch once it has ended; then what was kept of it may go."""
        for number, state in enumerate(waiting, 1):
            which = f"batch {number} of {len(waiting)}" if len(waiting) > 1 else "the batch"
            batch = self._ended(service, state, f"answers of {which}")
            yield from batch_lines.answers_in(service.client, batch, state["ids"], self.name)
            self._forget(state)

    def _ended(self, service: BatchService, state: Mapping[str, Any], label: str) -> dict[str, Any]:
        watch = Watch()
        with Progress(label, len(state["ids"]), lasting=False) as progress:
            while True:
                try:
                    batch: Any = watch.look(lambda: service.client.json("GET", f"/batches/{state['id']}"))
                except NotFound:
                    self._forget(state)
                    raise
                word = word_of(batch or {})
                if batch is not None and word in ENDED:
                    self._refuse(batch, state, word)
                    return dict(batch)
                try:
                    progress.reach(_done(batch or {}, len(state["ids"])), watch.fault or word)
                    pause(service.every)
                except KeyboardInterrupt as stop:
                    raise Interrupted(elsewhere=f"{state['id']} goes on at {self.name}") from stop

    def _refuse(self, batch: Mapping[str, Any], state: Mapping[str, Any], word: str) -> None:
        """Raise what the service found wrong with a batch that holds no answers at all."""
        if word != "failed" or batch.get("output_file_id") or batch.get("error_file_id"):
            return
        self._forget(state)
        said = batch_lines.faults_of(batch)
        raise ProviderError(
            f"{self.name} refuses the batch: {said}", hint="leave batch=True out, or mend the requests"
        )


def word_of(batch: Mapping[str, Any]) -> str:
    """Return the state of a batch; both services use the same words, one of them in capitals."""
    return quoted(batch.get("status", ""), WORD).lower()


def _is_of(batch: Mapping[str, Any], file_id: str) -> bool:
    return batch.get("input_file_id") == file_id


def _is_usable(batch: Mapping[str, Any], file_id: str, known: frozenset[str]) -> bool:
    """Return whether a listed batch is the one that was started: it runs, or it is new and done."""
    word = word_of(batch)
    done = word == "completed" and batch.get("id") not in known
    return _is_of(batch, file_id) and (word in UNDER_WAY or done)


def _created(client: Client, body: Mapping[str, Any]) -> str:
    told = client.json("POST", "/batches", repeatable=False, json=body)
    batch = told.get("job", told)
    if not isinstance(batch, dict) or not batch.get("id"):
        raise ResponseError(f"{client.provider} answered without a batch", hint="try again later")
    return id_in(batch["id"], client.provider)


def _done(batch: Mapping[str, Any], total: int) -> int:
    counts = batch.get("request_counts") or {}
    try:
        if counts:
            return int(counts.get("completed", 0)) + int(counts.get("failed", 0))
        return int(total * float(batch.get("progress") or 0) / 100)
    except UNREADABLE:
        return 0  # it is only shown
