"""Shows two answers to the same question and takes a vote; whose answers they are is not known here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aitelier_nb.errors import DataError
from aitelier_nb.widgets.decks import Deck, OnEdit, Page
from aitelier_nb.widgets.sources import script, style
from aitelier_nb.widgets.surface import Message

__all__ = ["Comparator"]

CHOICES = ("left", "right", "tie", "bad")
SHOWN = ("position", "id", "messages", "left", "right", "choice")
"""All that reaches the page: a key that is not in this list never leaves the kernel."""


class Comparator(Deck):
    """A list of pairs; 1 and 2 vote for a side, 0 is a tie, b means that both are bad.

    A pair is a dict {"id", "messages" (what was asked), "left", "right" (texts)} and "choice", the
    vote that it has. Any other key is dropped, so that nothing identifies a side.

    Votes given to `on_vote` are dicts {"kind": "vote", "choice": "left", "right", "tie" or "bad",
    "id", "position", "session", "seq"}; {"kind": "undo", "of"} takes the vote with that `seq` back, or
    the person's latest when `of` is None. `on_vote` may return {"voted": n}.

    Parameters
    ----------
    page, on_vote, total, start, store
        See Deck.
    voted
        How many pairs have a vote.
    question
        What is asked of the rater, shown above each pair.
    """

    name = "Blind comparison"
    _esm = script("comparator.js")
    _css = style("surface.css")

    def __init__(
        self,
        page: Page,
        on_vote: OnEdit,
        *,
        total: int,
        voted: int = 0,
        start: int = 0,
        question: str = "",
        store: str = "",
        summary: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        super().__init__(page, on_vote, total=total, start=start, store=store)
        self._voted, self._question, self._summary = voted, question, summary

    def settings(self) -> Message:
        """Return the question."""
        return {"question": self._question}

    def counts(self) -> Message:
        """Return how many pairs have a vote."""
        return {"voted": self._voted, "total": self._total}

    def lines(self) -> list[str]:
        """Return the state on disk; never who is ahead."""
        further = list(self._summary()) if self._summary is not None else []
        return [f"{self._voted} of {self._total} pairs voted", *further]

    def _light(self, start: int, n: int) -> list[dict[str, Any]]:
        return [{key: row[key] for key in SHOWN if key in row} for row in super()._light(start, n)]

    def decide(self, edit: Message) -> Mapping[str, Any]:
        """Hand one vote to `on_vote` and count it."""
        kind = edit.get("kind")
        if kind not in ("vote", "undo"):
            raise DataError(f"there is no decision {kind!r}", hint="run the cell again")
        if kind == "vote" and edit.get("choice") not in CHOICES:
            raise DataError(f"a vote is {', '.join(CHOICES)}, not {edit.get('choice')!r}", hint="vote again")
        done = dict(self._on_edit(edit) or {})
        self._voted = done.pop("voted", self._voted + (kind == "vote" and edit.get("before") is None))
        return {**_spoken(done), "counts": self.counts()}


def _spoken(done: Message) -> Message:
    """Return what of an answer may reach the page."""
    return {key: done[key] for key in ("position",) if key in done}
