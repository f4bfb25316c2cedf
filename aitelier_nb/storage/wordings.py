"""Questions that validation asked before they were edited: once held out, held out for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from aitelier_nb.schema import Example, Message
from aitelier_nb.storage import edit_log, editing
from aitelier_nb.storage.journal import GONE, Change, Journal
from aitelier_nb.storage.state import State

__all__ = ["former", "waiting"]


def former(state: State, history: Path, deleted: Mapping[int, Example]) -> Iterator[Example]:
    """Yield examples of validation with each other question that they had while they were there.

    Parameters
    ----------
    deleted
        Those that were in validation when they were deleted, by id.
    """
    standing: dict[int, Example | None] = dict(deleted)
    reworded = chain(waiting(state.journal), edit_log.reworded(history))
    names = {change.id for change in reworded if _asked_else(state, change, standing)}
    if not names:
        return
    told: dict[int, list[list[object]]] = {}
    for change in chain(waiting(state.journal), edit_log.of_examples(history, names)):
        if change.id not in names or GONE in (change.on, change.to):
            continue
        now_is, before, after = standing[change.id], change.former, change.later
        if after.get("split") == "val" != before.get("split"):
            names.discard(change.id)  # what it asked before that was no validation
        elif "messages" in before and now_is is not None:
            asked = _messages(before)
            if _asked(asked) not in told.setdefault(change.id, [_asked(now_is.messages)]):
                told[change.id].append(_asked(asked))
                yield now_is.model_copy(update={"messages": asked})


def waiting(journal: Journal) -> Iterator[Change]:
    """Yield the changes that are not folded yet, the latest first."""
    for entry in reversed(journal.entries):
        yield from entry.every()


def _asked_else(state: State, change: Change, standing: dict[int, Example | None]) -> bool:
    """Say whether an example of validation asked something else before a change than it does now."""
    if GONE in (change.on, change.to) or "messages" not in change.former:
        return False
    if change.id not in standing:
        body = state.body(change.id)
        example = None if body is None else editing.example(body)
        standing[change.id] = example if example is not None and example.split == "val" else None
    now_is = standing[change.id]
    return now_is is not None and _asked(_messages(change.former)) != _asked(now_is.messages)


def _messages(keys: Mapping[str, Any]) -> list[Message]:
    return [Message.model_validate(turn) for turn in keys["messages"]]


def _asked(messages: Sequence[Message]) -> list[object]:
    return [turn.content for turn in messages if turn.role == "user"] or [turn.text for turn in messages]
