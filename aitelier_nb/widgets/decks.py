"""A list of examples shown one at a time: what rating, scoring and comparing have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from aitelier_nb.errors import DataError
from aitelier_nb.widgets.surface import Message, Surface

__all__ = ["Deck", "OnEdit", "Page"]

Page = Callable[[int, int], list[dict[str, Any]]]
OnEdit = Callable[[dict[str, Any]], Mapping[str, Any] | None]

AHEAD = 60  # examples in the first page: a burst of keys has to find them there
BEHIND = 2  # examples before the starting place that come with it
HEAVY = 1_000_000  # characters of one page after which it is cut; the view asks for the rest


class Deck(Surface):
    """A list of `total` examples that a view goes through from `start`.

    Parameters
    ----------
    page
        Called with (start, n), returns the examples at these places as plain dicts, fresh from disk.
    on_edit
        Called with one decision. It must return only when the decision is on disk, may be called
        from another thread, and must take the same (session, seq) twice without doing it twice.
    total, start
        How many examples there are, and the place (from 0) to begin at.
    store
        Names the data, so that decisions that a reload left unsaved find their way back.
    """

    def __init__(self, page: Page, on_edit: OnEdit, *, total: int, start: int = 0, store: str = "") -> None:
        super().__init__()
        self._page, self._on_edit = page, on_edit
        self._total, self._start, self._store = total, start, store

    def settings(self) -> Message:
        """Return what a view has to know beside the examples."""
        return {}

    def counts(self) -> Message:
        """Return the numbers that the view shows."""
        return {}

    def welcome(self, _: Message) -> Message:
        """Return the first page and where to begin."""
        first = max(0, self._start - BEHIND)
        return {
            "total": self._total,
            "start": self._start,
            "first": first,
            "examples": self._light(first, AHEAD),
            "settings": {"store": self._store, **self.settings()},
            "counts": self.counts(),
        }

    def fetch(self, message: Message) -> Message:
        """Return a page of examples."""
        start, n = message.get("start"), message.get("n")
        if not isinstance(start, int) or not isinstance(n, int) or start < 0 or not 0 < n <= AHEAD:
            raise DataError(
                f"a page was asked for with start {start!r} and n {n!r}", hint="run the cell again"
            )
        return {"start": start, "examples": self._light(start, n)}

    def look_again(self) -> None:
        """Tell every view that more is known of the examples than the pages that it has."""
        self.send({"kind": "news"})

    def _light(self, start: int, n: int) -> list[dict[str, Any]]:
        """Return a page, cut where it gets too heavy for one message; at least one example."""
        rows, weight = self._page(start, n), 0
        for place, row in enumerate(rows):
            weight += len(json.dumps(row, default=str))
            if weight > HEAVY:
                return rows[: place + 1]
        return rows
