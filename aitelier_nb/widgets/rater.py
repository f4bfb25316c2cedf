"""Rates and rewrites examples, one on screen at a time, a key a decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aitelier_nb.errors import DataError
from aitelier_nb.widgets.decks import Deck, OnEdit, Page
from aitelier_nb.widgets.sources import script, style
from aitelier_nb.widgets.surface import Message, whole

__all__ = ["Rater"]


class Rater(Deck):
    """A queue of examples; a digit rates the one on screen and the next one is there.

    An example is a dict {"id", "messages", "rating", "version", ...}; what is known of it beside
    ("findings", "tags", "note", "flagged", "originalOutput", "split", "n_tokens") is shown.

    Decisions given to `on_edit` are dicts with `kind`:

    - "rate" with `value` (1-10) and `before` (the rating that the person saw),
    - "rewrite" with `text` and `value` (the rating that was given to the new text),
    - "undo" with `of` (the `seq` of the decision to take back, or None for the person's latest).

    Each also has `id`, `position`, `version`, `session` and `seq`. `on_edit` may return
    {"rated": n, "example": the example as it stands now, "position": its place}.

    Parameters
    ----------
    page, on_edit, total, start, store
        See Deck.
    rated, examples
        How many examples of the whole project are rated, and how many there are (default: total).
    threshold
        The lowest rating that is trained on.
    guideline
        What the ratings mean, shown on request.
    summary
        Returns further lines for the static output, from disk: equal state, equal lines.
    """

    name = "Rater"
    _esm = script("rater.js")
    _css = style("surface.css")

    def __init__(  # noqa: PLR0913  # each is one thing that only the project knows
        self,
        page: Page,
        on_edit: OnEdit,
        *,
        total: int,
        rated: int = 0,
        examples: int | None = None,
        start: int = 0,
        threshold: float = 8,
        guideline: str = "",
        store: str = "",
        summary: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        super().__init__(page, on_edit, total=total, start=start, store=store)
        self._rated, self._examples = rated, total if examples is None else examples
        self._threshold, self._guideline, self._summary = threshold, guideline, summary

    def settings(self) -> Message:
        """Return threshold and guideline."""
        return {"threshold": self._threshold, "guideline": self._guideline}

    def counts(self) -> Message:
        """Return how many examples of the project are rated."""
        return {"rated": self._rated, "examples": self._examples}

    def lines(self) -> list[str]:
        """Return the state on disk, a line each."""
        further = list(self._summary()) if self._summary is not None else []
        return [f"{self._rated} of {self._examples} examples rated", *further]

    def decide(self, edit: Message) -> Mapping[str, Any]:
        """Hand one decision to `on_edit` and count what it changed."""
        checked = _CHECKS.get(str(edit.get("kind")))
        if checked is None:
            raise DataError(f"there is no decision {edit.get('kind')!r}", hint="run the cell again")
        checked(edit)
        if edit["kind"] == "skip":
            return {"counts": self.counts()}
        done = dict(self._on_edit(edit) or {})
        self._count(edit, done)
        return {**done, "counts": self.counts()}

    def _count(self, edit: Message, done: Message) -> None:
        if "rated" in done:
            self._rated = done["rated"]
        elif edit["kind"] in ("rate", "rewrite"):
            self._rated += (edit.get("value") is not None) - (edit.get("before") is not None)


def _check_rating(edit: Message) -> None:
    whole(edit, "value", 1, 10)
    _check_id(edit)


def _check_rewrite(edit: Message) -> None:
    text = edit.get("text")
    if not isinstance(text, str) or not text.strip():
        raise DataError(
            "the rewritten answer is empty", hint="write an answer, or press Esc to leave the old one"
        )
    _check_rating(edit)


def _check_id(edit: Message) -> None:
    whole(edit, "id", 1, 2**53)


def _unchecked(_: Message) -> None:
    """Accept: an undo names what it can, skipping changes nothing."""


_CHECKS: dict[str, Callable[[Message], None]] = {
    "rate": _check_rating,
    "rewrite": _check_rewrite,
    "undo": _unchecked,
    "skip": _unchecked,
}
