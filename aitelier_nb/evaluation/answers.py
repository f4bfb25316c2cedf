"""Asks every contestant the true prefix of every example, with pinned parameters; every outcome is a row.

A failure, a truncation or a refusal is an answer with its reason, never a gap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aitelier_nb.errors import EvaluationError
from aitelier_nb.interrupts import Interrupted, heard_by
from aitelier_nb.progress import Progress
from aitelier_nb.providers.base import ChatRequest, Provider
from aitelier_nb.providers.recordings import Mode, answers, identity_of
from aitelier_nb.schema import Answer, Example, Parameters
from aitelier_nb.storage.project import Project

__all__ = ["PARAMETERS", "UNFINISHED", "Asked", "Contestant", "Row", "ask", "prompt", "sha256", "validation"]

PARAMETERS = Parameters(temperature=0.0, max_tokens=512, seed=0)
"""How contestants are asked unless something else is said: greedy, and the same for all."""


UNFINISHED = {
    "length": "cut off at the token limit",
    "refusal": "refused",
    "content_filter": "stopped by a content filter",
}
"""Finish reasons of answers that are judged, but did not end of themselves, in words."""


@dataclass(frozen=True)
class Contestant:
    """A model in an evaluation, under a label such as "base", "prompted" or "tuned".

    `prefix` holds messages that are put before each example: an instruction (a system message) and
    examples in the prompt.
    """

    label: str
    provider: Provider
    model: str
    prefix: Sequence[Mapping[str, Any]] = ()

    def to_json(self, project: Project) -> dict[str, Any]:
        """Return what an evaluation file of the project says about the contestant."""
        prefix = {"prefix": [dict(message) for message in self.prefix]} if self.prefix else {}
        identity = {"identity": identity_of(self.provider, self.model, project.recordings_path)}
        return {
            "label": self.label,
            "provider": self.provider.name,
            "model": self.model,
            **identity,
            **prefix,
        }


@dataclass(frozen=True)
class Row:
    """One contestant's answer to one example."""

    example: Example
    label: str
    answer: Answer

    @property
    def answered(self) -> bool:
        """Whether there is an answer to judge; a truncated one is one, a failed request is not."""
        return self.answer.error is None

    def to_json(self) -> dict[str, Any]:
        """Return the row as evaluation files and `--json` hold it."""
        answer = self.answer.model_dump(exclude_none=True)
        return {
            "id": self.example.id,
            "createdAt": self.example.created_at,
            "contestant": self.label,
            "model": answer.pop("model"),
            "text": answer.pop("text"),
            "finish_reason": answer.pop("finish_reason", "stop"),
            **answer,
        }


@dataclass(frozen=True)
class Asked:
    """Validation examples that are asked, and those that are not, with the reason of each."""

    examples: Sequence[Example]
    left_out: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def notes(self) -> list[str]:
        """Return a sentence for each reason to leave examples out."""
        return [f"left out {len(ids)}: {reason}" for reason, ids in self.left_out.items() if ids]


def sha256(text: str) -> str:
    """Return the SHA-256 (hex) of a text's UTF-8 bytes; lone surrogates are kept apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def validation(project: Project, ids: Iterable[int] | None = None) -> Asked:
    """Return the validation examples to ask: those at or above the threshold that end with an answer.

    Parameters
    ----------
    project
        The project.
    ids
        Only these; each must be a validation example.

    Raises
    ------
    EvaluationError
        There are none, or an id is not in validation: on other examples a model may have been trained.
    """
    chosen = list(project.dataset.examples(list(ids) if ids is not None else None))
    if ids is not None and (outside := [example.id for example in chosen if example.split != "val"]):
        raise EvaluationError(
            f"example {outside[0]} is not in validation",
            hint="evaluate on held-out examples: `ait list --split val`",
        )
    held_out = [example for example in chosen if example.split == "val"]
    threshold = project.config.quality_threshold
    low = [e.id for e in held_out if e.rating is None or e.rating < threshold]
    mute = [e.id for e in held_out if e.id not in set(low) and (not e.output or not e.input)]
    skipped = {*low, *mute}
    examples = [example for example in held_out if example.id not in skipped]
    if not examples:
        raise EvaluationError(
            "there is no validation example to ask"
            + (f": all {len(held_out)} are rated below {threshold:g} or have no answer" if held_out else ""),
            hint="`ait split` holds examples out",
        )
    return Asked(examples, {f"rated below {threshold:g}": low, "without a question or an answer": mute})


def prompt(example: Example, prefix: Sequence[Mapping[str, Any]] = ()) -> list[dict[str, Any]]:
    """Return what a contestant is asked: its prefix, then all turns before the last answer.

    Two system messages become one, the example's first, because most chat templates take one.
    """
    turns = [message.to_json() for message in example.prompt]
    before = [dict(message) for message in prefix]
    if before and before[0]["role"] == "system" and turns and turns[0]["role"] in ("system", "developer"):
        first = turns.pop(0)
        before[0] = first | {"content": f"{first['content']}\n\n{before[0]['content']}"}
    elif before and turns and turns[0]["role"] in ("system", "developer"):
        before.insert(0, turns.pop(0))
    return [*before, *turns]


def ask(
    project: Project,
    contestants: Sequence[Contestant],
    examples: Sequence[Example],
    parameters: Parameters = PARAMETERS,
    mode: Mode = "auto",
) -> list[Row]:
    """Return a row for each example and contestant, in that order; what is recorded is not asked again.

    When it is interrupted, what was answered is kept, and the next call continues.
    """
    labels = [contestant.label for contestant in contestants]
    if len(set(labels)) < len(labels):
        raise EvaluationError(
            f"two contestants have one label: {', '.join(labels)}", hint="give each its own"
        )
    found: dict[tuple[int, str], Answer] = {}
    with Progress("answers", len(contestants) * len(examples)) as progress:
        for members in _by_provider(contestants):
            keys = [(example.id, one.label) for one in members for example in examples]
            requests = [
                ChatRequest(one.model, prompt(example, one.prefix), parameters)
                for one in members
                for example in examples
            ]
            before = sum(answer.error is None for answer in found.values())
            stream = answers(members[0].provider, requests, folder=project.recordings_path, mode=mode)
            try:
                with heard_by(stream):
                    for place, answer in stream:
                        found[keys[place]] = answer
                        progress.advance(note=keys[place][1])
            except Interrupted as stop:
                raise Interrupted(before + stop.kept, progress.total or 0, stop.elsewhere) from stop
    return [
        Row(example, label, found.get((example.id, label)) or _lost(model))
        for example in examples
        for label, model in ((one.label, one.model) for one in contestants)
    ]


def _by_provider(contestants: Sequence[Contestant]) -> list[list[Contestant]]:
    groups: dict[int, list[Contestant]] = {}
    for contestant in contestants:
        groups.setdefault(id(contestant.provider), []).append(contestant)
    return list(groups.values())


def _lost(model: str) -> Answer:
    return Answer(model=model, text="", finish_reason="error", error="the provider gave no answer")
