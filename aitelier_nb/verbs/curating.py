"""Examples are rated, rewritten, annotated, deleted, and all of it undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aitelier_nb.errors import DataError
from aitelier_nb.schema import Edit
from aitelier_nb.verbs.current import Where, current, fold_soon
from aitelier_nb.views import View

__all__ = ["Changed", "annotate", "delete", "rewrite", "set_rating", "undo"]


@dataclass(frozen=True, repr=False)
class Changed(View):
    """What an edit did to one example; `changed` is False when it was so already."""

    id: int
    what: str
    changed: bool
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return id, what, changed, before, after."""
        return {
            "id": self.id,
            "kind": self.what,
            "changed": self.changed,
            "before": self.before,
            "after": self.after,
        }

    def headline(self) -> str:
        """Say what happened."""
        return f"example {self.id}: {self.what}" if self.changed else f"example {self.id}: it was so already"


def set_rating(id: int, rating: int | None, project: Where = None) -> Changed:  # noqa: A002 - the field's word
    """Rate one example from 1 to 10; None takes the rating back.

    Parameters
    ----------
    id
        The example's number, as `ait.examples()` shows it.
    rating
        A whole number from 1 (unusable) to 10 (exactly right), or None.

    Raises
    ------
    DataError
        There is no such example, or the rating is no whole number from 1 to 10.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.set_rating(1, 9, project=project)
    <Changed: example 1: rated 9>
    """
    place = current(project)
    edit = place.dataset.set_rating(id, rating)
    fold_soon(place)
    return _changed(id, f"rated {rating}" if rating is not None else "rating taken back", edit)


def rewrite(id: int, text: str, rating: int | None = None, project: Where = None) -> Changed:  # noqa: A002
    """Replace the last answer of an example; the text before stays in its history.

    The rewrite becomes the training target. Without a rating the example is unrated afterwards,
    because nobody has judged the new text.

    Parameters
    ----------
    id
        The example's number, as `ait.examples()` shows it.
    text
        The new answer, whole.
    rating
        The rating of the new answer, 1 to 10; unrated when not given.

    Raises
    ------
    DataError
        There is no such example, or the text is empty.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.rewrite(2, "Open Settings and choose Reset.", rating=9, project=project)
    <Changed: example 2: rewritten, rated 9>
    """
    place = current(project)
    edit = place.dataset.rewrite(id, text, rating)
    fold_soon(place)
    return _changed(id, "rewritten" + (f", rated {rating}" if rating is not None else ", unrated"), edit)


def annotate(
    id: int,  # noqa: A002 - the field's word
    tags: Sequence[str] | None = None,
    note: str | None = None,
    flagged: bool | None = None,
    project: Where = None,
) -> Changed:
    """Give an example tags, a note or a flag; what is not given stays as it is.

    Parameters
    ----------
    id
        The example's number, as `ait.examples()` shows it.
    tags
        All tags that it has from now on; an empty list takes them off.
    note
        A remark for people; an empty text takes it off.
    flagged
        Whether it is marked for a second look.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.annotate(1, tags=["refund"], project=project)
    <Changed: example 1: annotated>
    """
    place = current(project)
    edit = place.dataset.annotate(id, tags=None if tags is None else list(tags), note=note, flagged=flagged)
    fold_soon(place)
    return _changed(id, "annotated", edit)


def undo(project: Where = None) -> Changed:
    """Revert your own latest edit; again reverts the one before it.

    What was held out must never be trained on unasked, so that an edit which put examples into
    validation is not taken back here.

    Raises
    ------
    DataError
        There is nothing to undo.
    SplitError
        The latest edit put examples into validation.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.undo(project=project)
    <Changed: example 1: undone>
    """
    place = current(project)
    edit = place.dataset.undo()
    if edit is None:
        raise DataError(
            f"{place.rater} has nothing to undo here", hint="ait history ID shows what was edited"
        )
    fold_soon(place)
    return _changed(edit.id, "undone", edit)


def delete(id: int, project: Where = None) -> Changed:  # noqa: A002 - the field's word
    """Delete an example; its line stays in the history and `undo` brings it back.

    Parameters
    ----------
    id
        The example's number, as `ait.examples()` shows it; that of one deleted before changes nothing.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.delete(3, project=project)
    <Changed: example 3: deleted>
    """
    place = current(project)
    if place.dataset.is_deleted(id):
        return _changed(id, "deleted", None)
    edit = place.dataset.delete(id)
    fold_soon(place)
    return _changed(id, "deleted", edit)


def _changed(id: int, what: str, edit: Edit | None) -> Changed:  # noqa: A002
    if edit is None:
        return Changed(id, what, changed=False)
    return Changed(id, what, changed=True, before=edit.before, after=edit.after)
