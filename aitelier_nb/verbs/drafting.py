"""Answers from a model, to rate or to keep: candidate answers, and answers of a model that will be gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aitelier_nb.errors import ProviderError, UsageError
from aitelier_nb.evaluation.answers import PARAMETERS, prompt, validation
from aitelier_nb.interrupts import heard_by
from aitelier_nb.progress import track
from aitelier_nb.providers import recordings
from aitelier_nb.providers.base import ChatRequest, Provider
from aitelier_nb.providers.batches import batched
from aitelier_nb.providers.recordings import Mode
from aitelier_nb.schema import Answer, Parameters
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.current import Where, current, fold_soon
from aitelier_nb.verbs.naming import Named, agree, origin, questions
from aitelier_nb.views import View

__all__ = ["Drafts", "Recorded", "draft", "record"]

SAMPLING = 0.8
"""Temperature of drafts when several answers to one input are wanted and none was said."""


@dataclass(frozen=True, repr=False)
class Drafts(View):
    """What `draft` did: the new examples, those that were there, the requests that failed."""

    model: str
    drafted: tuple[Mapping[str, Any], ...]
    failed_requests: tuple[str, ...]
    assumed: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return ids, counts and failures."""
        return {
            "model": self.model,
            "added": sum(not one["existed"] for one in self.drafted),
            "existed": sum(one["existed"] for one in self.drafted),
            "failed": list(self.failed_requests),
            "examples": [dict(one) for one in self.drafted],
        }

    def headline(self) -> str:
        """Count the drafts."""
        told = self.to_json()
        there = f", {told['existed']} were there already" if told["existed"] else ""
        failures = f", {len(self.failed_requests)} failed" if self.failed_requests else ""
        return f"{told['added']} unrated examples drafted by {self.model}{there}{failures}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("id", "input", "output", "ended")

    def rows(self) -> list[Sequence[object]]:
        """Return a draft a row."""
        return [(one["id"], one["input"], one["output"], one["finish_reason"]) for one in self.drafted]

    def notes(self) -> Sequence[str]:
        """Say what was assumed, and what comes next."""
        return [*self.assumed, "rate them with ait.rate() (ait rate)"] if self.drafted else self.assumed

    def warnings(self) -> Sequence[str]:
        """Return the failures."""
        return self.failed_requests

    def failed(self) -> bool:
        """Return whether no request was answered."""
        return not self.drafted


@dataclass(frozen=True, repr=False)
class Recorded(View):
    """What `record` did: answers that are kept now, and those that failed."""

    model: str
    kept: int
    failed_requests: tuple[str, ...]
    path: str
    shutdown: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the counts and the file."""
        told = {
            "model": self.model,
            "kept": self.kept,
            "failed": list(self.failed_requests),
            "file": self.path,
        }
        return told | ({"shutdown_date": self.shutdown} if self.shutdown else {})

    def headline(self) -> str:
        """Count the answers."""
        failures = f", {len(self.failed_requests)} failed" if self.failed_requests else ""
        return f"{self.kept} answers of {self.model} are kept in {self.path}{failures}"

    def notes(self) -> Sequence[str]:
        """Say when the model stops answering."""
        return [f"{self.model} stops answering on {self.shutdown}"] if self.shutdown else []

    def warnings(self) -> Sequence[str]:
        """Return the failures."""
        return self.failed_requests

    def failed(self) -> bool:
        """Return whether nothing is kept."""
        return not self.kept


def draft(  # noqa: PLR0913, PLR0917 - how answers are drawn
    inputs: Any,
    model: str | None = None,
    n: int = 1,
    temperature: float | None = None,
    max_tokens: int | None = None,
    batch: bool = False,
    mode: Mode = "auto",
    confirm: bool | None = None,
    project: Where = None,
) -> Drafts:
    """Let a model answer inputs, and add its answers as unrated examples with their origin.

    Parameters
    ----------
    inputs
        A text, a list of texts, a list of conversations without their answer, or a file: a text
        file with an input a line, or JSONL with `input` or `messages`.
    model
        Its name, a job id, "base", "tuned", or PROVIDER:NAME; the base model when not given.
    n
        Answers to each input.
    temperature
        0 for one answer, 0.8 for several, when not given.
    max_tokens
        Tokens of an answer at most; 512 when not given.
    batch
        Ask by the provider's batch service (OpenAI, Together): cheaper, and answered within a day. An
        interrupted call goes on with the same batch when it is made again.
    mode
        Of the recordings: auto, record, replay, live.
    confirm
        True says yes to the price of a hosted model's answers.

    Raises
    ------
    DataError
        There is no input.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.draft(["Where is my parcel?"], max_tokens=8, project=project).to_json()["added"]
    1
    """
    place = current(project)
    asked = questions(place, inputs)
    if n < 1:
        raise UsageError(f"n={n} cannot be", hint="1 or more answers to each input")
    named = Named(place)
    provider, name = named.find(model)
    sampled = temperature if temperature is not None else (SAMPLING if n > 1 else 0.0)
    parameters = Parameters(temperature=sampled, max_tokens=max_tokens or PARAMETERS.max_tokens, seed=0)
    requests = [ChatRequest(name, turns, parameters, sample) for turns in asked for sample in range(n)]
    agree(provider, [name], len(requests), confirm, mode, batch=batch)
    asked_by = batched(provider, place.path) if batch else provider
    stream = recordings.answers(asked_by, requests, folder=place.recordings_path, mode=mode)
    with heard_by(stream):
        found = dict(track(stream, "answers", len(requests)))
    named.close()
    assumed = (f"temperature {sampled:g}",) if temperature is None and n > 1 else ()
    return _added(place, provider.name, requests, found, assumed)


def _added(
    project: Project,
    provider: str,
    requests: Sequence[ChatRequest],
    found: Mapping[int, Answer],
    assumed: tuple[str, ...],
) -> Drafts:
    """Add the answers as unrated examples; failed and empty ones are told, not added."""
    usable = {
        place: answer for place, answer in sorted(found.items()) if answer.error is None and answer.text
    }
    failures = tuple(
        answer.error or f"{answer.model} gave an empty answer ({answer.finish_reason})"
        for place, answer in sorted(found.items())
        if place not in usable
    )
    rows = [
        {
            "messages": [*requests[place].messages, {"role": "assistant", "content": answer.text}],
            "rating": None,
            "source": origin(answer, provider),
        }
        for place, answer in usable.items()
    ]
    added = project.dataset.add(rows) if rows else []
    fold_soon(project)
    drafted = tuple(
        {
            "id": one.id,
            "existed": one.existed,
            "input": str(requests[place].messages[-1].get("content", "")),
            "output": answer.text,
            "finish_reason": answer.finish_reason,
        }
        for one, (place, answer) in zip(added, usable.items(), strict=True)
    )
    return Drafts(requests[0].model, drafted, failures, assumed)


def record(
    model: str | None = None,
    inputs: Any = None,
    max_tokens: int | None = None,
    batch: bool = False,
    mode: Mode = "auto",
    confirm: bool | None = None,
    project: Where = None,
) -> Recorded:
    """Keep a model's answers to the validation examples, and to inputs given, before it is shut down.

    The answers are those that `evaluate` and `compare` ask for, so both work when the model is gone.

    Parameters
    ----------
    model
        Its name, a job id, "base", "tuned" or PROVIDER:NAME; the last tuned model when not given.
    inputs
        Further questions, as `draft` takes them.
    max_tokens
        Tokens of an answer at most; 512 when not given.
    batch
        Ask by the provider's batch service (OpenAI, Together): cheaper, and answered within a day. An
        interrupted call goes on with the same batch when it is made again.
    mode
        "auto" asks for what is not kept yet; "record" asks for all anew.
    confirm
        True says yes to the price of a hosted model's answers.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.record(max_tokens=8, project=project).kept > 0
    True
    """
    place = current(project)
    named = Named(place)
    provider, name = named.find(model or "tuned")
    parameters = PARAMETERS.model_copy(update={"max_tokens": max_tokens or PARAMETERS.max_tokens})
    asked = [prompt(example) for example in validation(place).examples]
    asked += questions(place, inputs) if inputs is not None else []
    requests = [ChatRequest(name, turns, parameters) for turns in asked]
    agree(provider, [name], len(requests), confirm, mode, batch=batch)
    asked_by = batched(provider, place.path) if batch else provider
    stream = recordings.answers(asked_by, requests, folder=place.recordings_path, mode=mode)
    with heard_by(stream):
        found = dict(track(stream, "answers", len(requests)))
    failures = tuple(answer.error for answer in found.values() if answer.error is not None)
    path = place.recordings_path / f"{provider.name}.jsonl"
    shown = path.relative_to(place.path).as_posix()
    shutdown = _shutdown(provider, name) if mode != "replay" else None
    named.close()
    return Recorded(name, len(found) - len(failures), failures, shown, shutdown)


def _shutdown(provider: Provider, model: str) -> str | None:
    """Return the day on which the service takes the model away, where it says so."""
    ask = getattr(provider, "shutdown_date", None)
    try:
        return ask(model) if ask is not None else None
    except ProviderError:
        return None
