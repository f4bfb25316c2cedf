"""Scores answers from 1 to 10, the expected answer beside the actual one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aitelier_nb.errors import DataError
from aitelier_nb.widgets.decks import Deck, OnEdit, Page
from aitelier_nb.widgets.sources import script, style
from aitelier_nb.widgets.surface import Message, whole

__all__ = ["Scorer"]

KINDS = ("score", "note", "example", "undo", "skip")


class Scorer(Deck):
    """A list of answers; a digit scores the one on screen.

    A row is a dict {"id", "messages" (what was asked), "expected", "actual"}; "score", "note",
    "label" (who answered) and "checks" (texts of automatic checks) are shown when they are there.

    Decisions given to `on_edit` are dicts with `kind`: "score" with `value` (1-10), "note" with
    `note`, "example" (make the answer an example), "undo" with `of`. Each has `id`, `position`,
    `session` and `seq`. `on_edit` may return {"scored": n, "example": the row as it stands now}.
    """

    name = "Scoring"
    _esm = script("scorer.js")
    _css = style("surface.css")

    def __init__(
        self,
        page: Page,
        on_edit: OnEdit,
        *,
        total: int,
        scored: int = 0,
        start: int = 0,
        threshold: float = 8,
        store: str = "",
        summary: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        super().__init__(page, on_edit, total=total, start=start, store=store)
        self._scored, self._threshold, self._summary = scored, threshold, summary

    def settings(self) -> Message:
        """Return the score from which an answer can be sent as it is."""
        return {"threshold": self._threshold}

    def counts(self) -> Message:
        """Return how many answers have a score."""
        return {"scored": self._scored, "total": self._total}

    def lines(self) -> list[str]:
        """Return the state on disk."""
        further = list(self._summary()) if self._summary is not None else []
        return [f"{self._scored} of {self._total} answers scored", *further]

    def decide(self, edit: Message) -> Mapping[str, Any]:
        """Hand one decision to `on_edit` and count it."""
        kind = edit.get("kind")
        if kind not in KINDS:
            raise DataError(f"there is no decision {kind!r}", hint="run the cell again")
        if kind == "score":
            whole(edit, "value", 1, 10)
        if kind == "note" and not isinstance(edit.get("note"), str):
            raise DataError("a note is text", hint="write the note again")
        done = dict(self._on_edit(edit) or {}) if kind != "skip" else {}
        self._scored = done.pop("scored", self._scored + (kind == "score" and edit.get("before") is None))
        return {**done, "counts": self.counts()}
