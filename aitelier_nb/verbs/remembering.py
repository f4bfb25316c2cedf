"""What became of an example: every state that it had; and how it is erased for real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aitelier_nb.consent import ask_for
from aitelier_nb.schema import Edit
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.views import View

__all__ = ["Erased", "History", "forget", "history"]


@dataclass(frozen=True, repr=False)
class History(View):
    """Every edit of one example, oldest first."""

    id: int
    events: tuple[Edit, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the keys of `ait history --json`."""
        return {
            "id": self.id,
            "events": [
                {key: getattr(edit, key) for key in ("at", "by", "kind", "before", "after")}
                for edit in self.events
            ],
        }

    def headline(self) -> str:
        """Count the edits."""
        return f"example {self.id}: {len(self.events)} edits"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("at", "by", "kind", "before", "after")

    def rows(self) -> list[Sequence[object]]:
        """Return an edit a row, what changed as text."""
        return [(edit.at, edit.by, edit.kind, _told(edit.before), _told(edit.after)) for edit in self.events]


def _told(state: dict[str, Any] | None) -> str:
    """Return a state of an example in words: its last answer, its rating, the other keys."""
    if not state:
        return ""
    words = []
    for key, value in state.items():
        if key == "messages":
            words.append(f"output: {value[-1].get('content', '') if value else ''}")
        elif key not in ("createdAt", "id") or len(state) == 1:  # all that a renumbering tells is the id
            words.append(f"{key}: {value}")
    return "; ".join(words)


def history(id: int, project: Where = None) -> History:  # noqa: A002 - the field's word
    """Show every edit of an example: when, by whom, what was before and after.

    Parameters
    ----------
    id
        The example's number, as `ait.examples()` shows it.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> [edit.kind for edit in ait.history(1, project=project).events]
    ['rate', 'annotate', 'undo']
    """
    place = current(project)
    return History(id, tuple(place.dataset.history(id)))


@dataclass(frozen=True, repr=False)
class Erased(View):
    """What `forget` erased, and what git still holds."""

    id: int
    places: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return id and places."""
        return {"id": self.id, "places": list(self.places)}

    def headline(self) -> str:
        """Say that it is gone."""
        return f"example {self.id} is erased"

    def notes(self) -> Sequence[str]:
        """Name what was erased and what is left."""
        return self.places


def forget(id: int, confirm: bool | None = None, project: Where = None) -> Erased:  # noqa: A002
    """Erase an example for real from every file of the project; this cannot be undone.

    Parameters
    ----------
    id
        The example's number, as `ait.examples()` shows it.
    confirm
        True answers yes; None asks when a person is there.

    Raises
    ------
    ConfirmationNeeded
        Nobody said yes.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.forget(3, confirm=True, project=project)
    <Erased: example 3 is erased>
    """
    place = current(project)
    place.dataset.get(id)
    ask_for(f"erase example {id} and its history for good?", confirm)
    return Erased(id, tuple(place.dataset.forget(id)))
