"""Rates and rewrites examples, one on screen at a time, a key a decision."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from aitelier_nb.errors import AitelierError, DataError
from aitelier_nb.widgets.decks import Deck, OnEdit, Page
from aitelier_nb.widgets.sessions import Plan, Session
from aitelier_nb.widgets.sources import script, style
from aitelier_nb.widgets.surface import Message, whole

__all__ = ["Rater"]

LIGHT = ("rate", "annotate")  # decisions that change no text: their answers carry none
TEXTS = ("messages", "originalOutput")


class Rater(Deck):
    """A queue of examples; a digit rates the one on screen and the next one is there.

    An example is a dict {"id", "messages", "rating", "version", ...}; what is known of it beside
    ("findings", "tags", "note", "flagged", "originalOutput", "split", "n_tokens" or, when it is an
    estimate, "about_tokens") is shown.

    Decisions given to `on_edit` are dicts with `kind`:

    - "rate" with `value` (1-10) and `before` (the rating that the person saw),
    - "rewrite" with `text` and `value` (the rating that was given to the new text),
    - "annotate" with one of `flagged`, `tags`, `note`,
    - "repeat" with `value` and `first`: the person rated an example again without knowing; the
      rating that it has stays,
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
    next_step
        What is next, shown at the end.
    repeats, seed
        The share of examples that are shown a second time, unmarked, and the seed of their choice.
    together
        Returns a block whose decisions may reach the disk together, at its end; by default each does alone.
    session, on_session
        What `sessions.Session.to_json` gave last time, and who keeps it: the numbers of the latest
        session stay readable in a notebook that is run again.
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
        next_step: str = "",
        repeats: float = 0,
        seed: int = 0,
        together: Callable[[], AbstractContextManager[object]] = nullcontext,
        session: Mapping[str, Any] | None = None,
        on_session: Callable[[dict[str, Any]], object] | None = None,
        summary: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self._plan = Plan(total, start, repeats, seed)
        super().__init__(
            self._planned(page), on_edit, total=len(self._plan), start=self._plan.start, store=store
        )
        self._rated, self._examples = rated, total if examples is None else examples
        self._told = {"threshold": threshold, "guideline": guideline, "next": next_step}
        self._session, self._on_session = Session(session), on_session
        self._summary, self._together = summary, together
        self._has_rating: dict[int, bool] = {}
        self._first: dict[int, int] = {}

    def settings(self) -> Message:
        """Return threshold, guideline and what is next."""
        return self._told

    def counts(self) -> Message:
        """Return how many examples of the project are rated, and what this session did."""
        return {"rated": self._rated, "examples": self._examples, "session": self._session.shown()}

    def lines(self) -> list[str]:
        """Return the state on disk, a line each."""
        further = list(self._summary()) if self._summary is not None else []
        return [f"{self._rated} of {self._examples} examples rated", *self._session.lines(), *further]

    def refresh(self) -> None:
        """Bring the static twin up to date, and let the session's numbers be kept."""
        if self._on_session is not None and self._session.begun:
            self._on_session(self._session.to_json())
        super().refresh()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Return the project's block; what was counted in it is forgotten when the disk refuses."""
        before = self._rated, dict(self._has_rating), copy.deepcopy(self._session)
        try:
            with self._together():
                yield
        except AitelierError:
            self._rated, self._has_rating, self._session = before
            raise

    def decide(self, edit: Message) -> Mapping[str, Any]:
        """Hand one decision to `on_edit` and count what it changed."""
        checked = _CHECKS.get(str(edit.get("kind")))
        if checked is None:
            raise DataError(f"there is no decision {edit.get('kind')!r}", hint="run the cell again")
        checked(edit)
        if edit.get("repeat") and edit["kind"] == "rate":
            edit = {**edit, "kind": "repeat", "first": self._first.get(edit["id"])}
        done = dict(self._on_edit(edit) or {}) if edit["kind"] != "skip" else {}
        self._count(edit, done)
        self._session.add(edit)
        if "position" in done:
            done["position"] = self._plan.shown_at(done["position"])
        if edit["kind"] in LIGHT and isinstance(done.get("example"), dict):
            done["example"] = {key: value for key, value in done["example"].items() if key not in TEXTS}
        return {**done, "counts": self.counts()}

    def _count(self, edit: Message, done: Message) -> None:
        """Keep the number of rated examples right, also when the callback does not give it."""
        now = done.get("example")
        changed = (
            [(now["id"], now.get("rating") is not None)] if isinstance(now, dict) and "id" in now else []
        )
        if not changed and edit["kind"] in ("rate", "rewrite"):
            changed = [(edit["id"], True)]
        for name, is_rated in changed:
            self._rated += is_rated - self._has_rating.get(name, edit.get("before") is not None)
            self._has_rating[name] = is_rated
        self._rated = done.get("rated", self._rated)

    def _planned(self, page: Page) -> Page:
        """Return pages with the planted repeats in them; a repeat shows no rating."""

        def planned(start: int, n: int) -> list[dict[str, Any]]:
            rows = []
            for places, again in self._plan.stretches(start, n):
                found = page(places[0], len(places))
                placed = {row.get("position", places[0] + offset): row for offset, row in enumerate(found)}
                rows += [self._noted(placed.get(place), again=again) for place in places]
            return rows

        return planned

    def _noted(self, row: dict[str, Any] | None, *, again: bool) -> dict[str, Any]:
        if row is None:  # deleted since the list was made: its place stays
            return {"id": None, "messages": [], "deleted": True}
        name, rating = row["id"], row.get("rating")
        self._has_rating[name] = rating is not None
        if not again:
            return row
        if rating is not None:
            self._first[name] = rating
        hidden = {key: value for key, value in row.items() if key not in ("rating", "ratings")}
        return {**hidden, "rating": None, "repeat": True}


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


def _check_annotation(edit: Message) -> None:
    _check_id(edit)
    tags = edit.get("tags")
    if tags is not None and not (isinstance(tags, list) and all(isinstance(tag, str) for tag in tags)):
        raise DataError(f"tags are a list of texts, not {tags!r}", hint="write the tags again")
    if not isinstance(edit.get("note", ""), str):
        raise DataError(f"a note is text, not {edit['note']!r}", hint="write the note again")
    if not isinstance(edit.get("flagged", False), bool):
        raise DataError(f"flagged is true or false, not {edit['flagged']!r}", hint="flag it again")


_CHECKS: dict[str, Callable[[Message], None]] = {
    "rate": _check_rating,
    "rewrite": _check_rewrite,
    "annotate": _check_annotation,
    "undo": _unchecked,
    "skip": _unchecked,
}
