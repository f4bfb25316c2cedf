"""Every answer of a model is kept by the fingerprint of its request, and bought once.

One JSON line an answer in data/recordings/{provider}.jsonl, appended as soon as the answer is
there. Only the request's content and the answer are kept: no header, no address, no key.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from aitelier_nb.errors import ProviderError, ReplayMiss, UsageError
from aitelier_nb.interrupts import Interrupted
from aitelier_nb.providers.base import ChatRequest, Provider
from aitelier_nb.redaction import redacted
from aitelier_nb.schema import Answer
from aitelier_nb.storage.files import append, refusals
from aitelier_nb.storage.locks import lock

__all__ = ["MODES", "Mode", "Recordings", "answers", "canonical", "fingerprint", "identity_of", "keep_answer"]

Mode = Literal["auto", "record", "replay", "live"]
MODES: tuple[Mode, ...] = ("auto", "record", "replay", "live")

START = b'{"fingerprint": "'  # how each line begins, so that a look-up parses only the lines it wants
SHOWN = 60  # characters of a request's last turn in the message of a miss


def canonical(provider: str, request: ChatRequest, model_identity: str) -> dict[str, Any]:
    """Return what makes a request the one it is; the address of the server is no part of it.

    Keys that are None are left out, and so is `weight`, which only training reads.
    """
    messages = [
        {key: value for key, value in message.items() if value is not None and key != "weight"}
        for message in request.messages
    ]
    return {
        "provider": provider,
        "model": model_identity,
        "messages": messages,
        "parameters": request.parameters.model_dump(mode="json", exclude_none=True),
        "sample": request.sample,
    }


def fingerprint(provider: str, request: ChatRequest, model_identity: str) -> str:
    """Return the SHA-256 (hex) of the request's canonical JSON: sorted keys, no blanks, ASCII."""
    text = json.dumps(canonical(provider, request, model_identity), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


class Recordings:
    """The answers of one provider that are on disk. A line that was cut by a crash counts as absent."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def find(self, fingerprints: Collection[str]) -> dict[str, Answer]:
        """Return the answers to those requests that have one; the latest recording counts."""
        wanted = {fingerprint.encode() for fingerprint in fingerprints}
        found: dict[str, Answer] = {}
        for line in self._lines() if wanted else ():
            if line.startswith(START) and line[len(START) : len(START) + 64] not in wanted:
                continue
            entry = _parsed(line)
            if entry is not None and entry["fingerprint"] in fingerprints:
                found[entry["fingerprint"]] = entry["answer"]
        return found

    def identity(self, model: str) -> str | None:
        """Return what identified the weights behind a name when it was last asked, or None."""
        latest = None
        for line in self._lines():
            entry = _parsed(line) if model.encode() in line else None
            if entry is not None and entry.get("model") == model:
                latest = str(entry.get("identity", model))
        return latest

    def keep(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Append answers, each a line; other processes may be doing the same."""
        with refusals(self.path), lock(self._project / ".aitelier" / "recordings.lock"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            append(self.path, self._line_end() + b"".join(_line(entry) for entry in entries))

    @property
    def _project(self) -> Path:
        """The folder that holds data/recordings."""
        return self.path.resolve().parents[2]

    def _line_end(self) -> bytes:
        """Return what ends a line that a crash has cut, so that the next one stands alone."""
        if not self.path.exists() or not self.path.stat().st_size:
            return b""
        with self.path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return b"" if file.read(1) == b"\n" else b"\n"

    def _lines(self) -> Iterator[bytes]:
        if self.path.exists():
            with self.path.open("rb") as file:
                yield from file


def answers(
    provider: Provider, requests: Sequence[ChatRequest], *, folder: Path, mode: Mode = "auto"
) -> Generator[tuple[int, Answer]]:
    """Yield (place in requests, answer): from the recordings where they are there, else from the model.

    Equal requests are asked once. A failed answer is yielded and not kept, so the next call asks
    again. When the caller is interrupted, what has arrived by then is kept first.

    Parameters
    ----------
    provider
        Who is asked for what is not recorded.
    requests
        The questions.
    folder
        The project's data/recordings.
    mode
        "auto" asks for what is missing; "record" asks for all and keeps the new answers;
        "replay" asks nobody; "live" asks for all and neither reads nor keeps anything.

    Raises
    ------
    ReplayMiss
        In mode "replay", before anything is yielded: an answer was never recorded.
    Interrupted
        Instead of KeyboardInterrupt: it says how many of the answers are kept.
    """
    if mode not in MODES:
        raise UsageError(f"there is no recording mode {mode!r}", hint=f"one of {', '.join(MODES)}")
    recordings = Recordings(folder / f"{provider.name}.jsonl")
    identities = {model: _identity(provider, model, recordings) for model in {r.model for r in requests}}
    places: dict[str, list[int]] = {}
    for place, request in enumerate(requests):
        places.setdefault(fingerprint(provider.name, request, identities[request.model]), []).append(place)
    kept = recordings.find(places) if mode in ("auto", "replay") else {}
    missing = [name for name in places if name not in kept]
    if mode == "replay" and missing:
        raise _miss([requests[places[name][0]] for name in missing], recordings.path)
    for_later = None if mode == "live" else recordings
    there = set(kept)
    asked = _asked(
        provider, [requests[places[name][0]] for name in missing], missing, identities, for_later, there
    )
    try:
        for name, answer in kept.items():
            for place in places[name]:
                yield place, answer.model_copy(update={"fingerprint": name})
        for number, answer in asked:
            for place in places[missing[number]]:
                yield place, answer
    except KeyboardInterrupt as stop:
        asked.close()
        elsewhere = stop.elsewhere if isinstance(stop, Interrupted) else ""
        raise Interrupted(sum(len(places[name]) for name in there), len(requests), elsewhere) from stop


def _asked(
    provider: Provider,
    requests: Sequence[ChatRequest],
    names: Sequence[str],
    identities: Mapping[str, str],
    recordings: Recordings | None,
    there: set[str],
) -> Generator[tuple[int, Answer]]:
    """Yield the model's answers, each after it is on disk; keep also what arrives after a stop.

    The names of those that are on disk are added to `there`.
    """
    if not requests:
        return

    def kept(number: int, answer: Answer) -> Answer:
        request = requests[number]
        asked = canonical(provider.name, request, identities[request.model])
        asked |= {"model": request.model, "identity": identities[request.model]}
        recorded = keep_answer(recordings, names[number], asked, answer)
        if answer.error is None and recordings is not None:
            there.add(names[number])
        return recorded

    stream = provider.answers(requests)
    arrived: tuple[int, Answer] | None = None
    try:
        for number, answer in stream:
            arrived = (number, answer)
            recorded = kept(number, answer)
            arrived = None
            yield number, recorded
    except (KeyboardInterrupt, GeneratorExit) as stop:
        if arrived is not None:
            kept(*arrived)
        for number, answer in _rest(stream, stop):
            kept(number, answer)
        raise


def keep_answer(recordings: Recordings | None, name: str, asked: Mapping[str, Any], answer: Answer) -> Answer:
    """Keep an answer under its request's fingerprint, unless it failed; return it as it will be replayed.

    Parameters
    ----------
    recordings
        Where to; None keeps nothing.
    name
        The request's fingerprint.
    asked
        What the line says of the request beside it.
    """
    cleaned = redacted(answer.model_dump(mode="json", exclude_none=True, exclude={"fingerprint"}))
    if answer.error is None and recordings is not None:
        recordings.keep([{"fingerprint": name, "at": _now(), **redacted(dict(asked)), "answer": cleaned}])
    return Answer.model_validate(cleaned | {"fingerprint": name})


def _rest(stream: Iterator[tuple[int, Answer]], stop: BaseException) -> Iterator[tuple[int, Answer]]:
    """Tell a provider's generator to stop and yield what it had already received."""
    throw = getattr(stream, "throw", None)
    if throw is None:
        return
    try:
        yield throw(KeyboardInterrupt() if isinstance(stop, GeneratorExit) else stop)
        yield from stream
    except (StopIteration, KeyboardInterrupt):
        return


def identity_of(provider: Provider, model: str, folder: Path) -> str:
    """Return what identifies the weights behind a name; where they are gone, as it was last recorded."""
    return _identity(provider, model, Recordings(folder / f"{provider.name}.jsonl"))


def _identity(provider: Provider, model: str, recordings: Recordings) -> str:
    """Return the model's identity; where its weights are gone, the one it was recorded under."""
    try:
        return provider.identify(model)
    except ProviderError:
        recorded = recordings.identity(model)
        if recorded is None:
            raise
        return recorded


def _miss(missing: Sequence[ChatRequest], path: Path) -> ReplayMiss:
    first = missing[0]
    text = str(first.messages[-1].get("content", "")) if first.messages else ""
    shown = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    sample = f", sample {first.sample}" if first.sample else ""
    return ReplayMiss(
        f"{path.name} holds no answer of {first.model} to {shown!r}{sample}{others}",
        hint='run once with mode="auto" where the model can be asked, and keep data/recordings',
    )


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return a recording, or None when the line is not one."""
    try:
        entry = json.loads(line)
        entry["answer"] = Answer.model_validate(entry["answer"])
        entry["fingerprint"] = str(entry["fingerprint"])
    except (ValueError, KeyError, TypeError):
        return None
    return dict(entry)


def _line(entry: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(entry, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # a lone surrogate, which no UTF-8 file can hold
        return json.dumps(entry).encode() + b"\n"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
