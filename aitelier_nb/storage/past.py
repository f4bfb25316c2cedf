"""What became of each example: its history, the way back, and what was deleted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from aitelier_nb.errors import ConflictError, DataError, SplitError
from aitelier_nb.schema import Edit, Example
from aitelier_nb.storage import edit_log, editing, wordings
from aitelier_nb.storage.editing import now
from aitelier_nb.storage.folding import conflict_entry
from aitelier_nb.storage.journal import GONE, Change, Entry, edit
from aitelier_nb.storage.ledger import Ledger
from aitelier_nb.storage.lines import decode, parse
from aitelier_nb.storage.reading import Reading

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Key", "Past"]

Key = tuple[str, int]


class Past(Reading):
    """The part of a dataset that knows its edits.

    Parameters
    ----------
    folder
        The project's folder.
    rater
        Tells who makes edits that do not say `by`.
    """

    def __init__(self, folder: Path, *, rater: Callable[[], str]) -> None:
        super().__init__(folder)
        self._ask_rater = rater
        self._ledger = Ledger(self.history_path, self._state.journal)

    @cached_property
    def _rater(self) -> str:
        return self._ask_rater()

    def is_deleted(self, example_id: int) -> bool:
        """Return whether an example was there once and was deleted."""
        with self._state.reading():
            there = self._state.body(example_id) is not None
        return not there and any(edit.kind == "delete" for edit in self.history(example_id))

    def history(self, example_id: int) -> list[Edit]:
        """Return every edit of an example, oldest first; of deleted ones too."""
        with self._state.reading():
            body = self._state.body(example_id)
            made = "" if body is None else str(decode(body).get("createdAt", ""))
            entries = self._entries_of(example_id)
            for change in _renumberings(entries, example_id, made):
                entries = [*self._entries_of(change.former["id"]), *entries]
        own = {example_id, *(change.former["id"] for change in _renumberings(entries, example_id, made))}
        bulk = [entry for entry in entries if any(edit_log.concerns(entry.ids, one) for one in own)]
        events = {entry.event for entry in bulk} - _adds_of_others(bulk, made)
        found = []
        for entry in entries:
            if entry.event in events:
                found.append(_added(entry, example_id, made))
            found += [
                edit(entry, change)
                for change in entry.every()
                if change.id in own and made in ("", change.created_at)
            ]
        if not found and body is None:
            raise DataError(f"there is no example {example_id}", hint="`ait list` shows the ids")
        return found

    def ratings(self) -> pd.DataFrame:
        """Return each rater's own rating of each example: columns id, rater and rating, one row each.

        The rater is null where nobody here gave the rating: it came with an import, or from another tool.
        """
        import pandas as pd
        import pyarrow as pa

        ids: list[int] = []
        raters: list[str | None] = []
        values: list[int] = []
        for body in self.raw():
            line = parse(body)
            alone = {} if line.rating is None else {self._ledger.rater(line.id): line.rating}
            for rater, rating in (line.ratings or alone).items():
                ids.append(line.id)
                raters.append(rater)
                values.append(rating)
        columns = {"id": pa.array(ids, pa.int64()), "rater": pa.array(raters, pa.string())}
        table = pa.table({**columns, "rating": pa.array(values, pa.int8())})
        frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def _entries_of(self, example_id: int) -> list[Entry]:
        folded = edit_log.of_example(self.history_path, example_id)
        known = {entry.event for entry in folded}
        waiting = [*self._state.journal.entries, *map(conflict_entry, self._state.conflicts)]
        return [
            *folded,
            *(
                entry
                for entry in waiting
                if entry.event not in known
                and (
                    edit_log.concerns(entry.ids, example_id) or any(c.id == example_id for c in entry.every())
                )
            ),
        ]

    def deleted_validation(self) -> list[Example]:
        """Return the examples that were in validation when they were deleted."""
        found: dict[int, Example] = {}
        with self._state.reading():
            for change in chain(wordings.waiting(self._state.journal), edit_log.deletions(self.history_path)):
                gone = change.to == GONE and change.on != GONE and change.id not in found
                if gone and self._state.body(change.id) is None and change.former.get("split") == "val":
                    found[change.id] = editing.example(bytes(change.before))
        return list(found.values())

    def former_validation(self) -> list[Example]:
        """Return what validation held before: deleted examples, and others with the questions they had.

        A question that was asked in validation stays validation's, whatever its example asks now.
        """
        deleted = self.deleted_validation()
        with self._state.reading():
            by_id = {example.id: example for example in deleted}
            return [*deleted, *wordings.former(self._state, self.history_path, by_id)]

    def forgotten(self) -> list[Edit]:
        """Return which examples were forgotten, and when and by whom, oldest first."""
        with self._state.reading():
            found = [entry for entry in self._backwards() if entry.kind == "forget"]
        return [edit(entry, change) for entry in reversed(found) for change in entry.every()]

    def undo(self, *, by: str | None = None, key: Key | None = None, of: Key | None = None) -> Edit | None:
        """Revert the caller's own latest edit that still stands; None when there is none left.

        Parameters
        ----------
        key
            (session, number) of a message from a browser: the same one is taken once.
        of
            (session, number) of the edit to revert instead of the latest.

        Raises
        ------
        ConflictError
            Somebody else has changed the same example since.
        SplitError
            The edit put examples into validation, which nothing but a reshuffle takes them out of.
        """
        who = by or self._rater
        with self._state.writing():
            if self._seen(key):
                return None
            entry = self._standing(who, of)
            if entry is None:
                return None
            if any(_opens_validation(change) for change in entry.every()):
                raise SplitError(
                    "undoing this edit would open validation to training",
                    hint="`ait split --reshuffle` places every example anew, and asks first",
                )
            changes = [self._reverse(change) for change in entry.every()]
            for first, last in entry.ids:
                bodies = (self._state.body(example_id) for example_id in range(first, last + 1))
                changes += [editing.removed(body) for body in bodies if body is not None]
            undone = self._entry("undo", who, key, changes)
            undone.reverts = entry.event
            self._state.commit(undone)
            return edit(undone, changes[0]) if changes else None

    def next_undo(self, *, by: str | None = None) -> str | None:
        """Return the kind of edit that `undo` would revert (rate, rewrite, split, ...), or None."""
        with self._state.reading():
            entry = self._standing(by or self._rater, None)
            return None if entry is None else entry.kind

    def _standing(self, by: str, of: Key | None) -> Entry | None:
        reverted = set()
        for entry in self._backwards():
            if entry.reverts is not None:
                reverted.add(entry.reverts)
            elif (
                entry.event in reverted or entry.by != by or entry.kind in ("conflict", "forget", "renumber")
            ):
                continue
            elif of is None or entry.key == of:
                return entry
        return None

    def _backwards(self) -> Iterator[Entry]:
        yield from reversed(self._state.journal.entries)
        yield from edit_log.entries(self.history_path)

    def _reverse(self, change: Change) -> Change:
        back = editing.reverse(change, self._state.body(change.id))
        if back is None:
            raise ConflictError(
                f"example {change.id} has been changed since", hint=f"look at `ait history {change.id}`"
            )
        return back

    def _entry(self, kind: str, by: str | None, key: Key | None, changes: list[Change]) -> Entry:
        return Entry(new_event(), now(), by or self._rater, kind, changes, key)

    def _seen(self, key: Key | None) -> bool:
        return key is not None and self._ledger.event(key) is not None


def _opens_validation(change: Change) -> bool:
    """Say whether taking a change back takes its example out of validation, and leaves it in the file."""
    if GONE in (change.on, change.to):
        return False
    return change.later.get("split") == "val" != change.former.get("split")


def _renumberings(entries: list[Entry], example_id: int, made: str) -> list[Change]:
    moves = (change for entry in entries if entry.kind == "renumber" for change in entry.changes)
    return [change for change in moves if change.id == example_id and change.created_at == made]


def _added(entry: Entry, example_id: int, made: str) -> Edit:
    return Edit(event=entry.event, at=entry.at, by=entry.by, id=example_id, created_at=made, kind=entry.kind)


def _adds_of_others(entries: list[Entry], made: str) -> set[str]:
    """Return the events that added another example under the id: two clones may give the same one."""
    adds = [entry for entry in entries if entry.kind == "add"]
    own = any(entry.at == made for entry in adds)
    return {entry.event for entry in adds if own and entry.at != made}


def new_event() -> str:
    """Return a new name of an event, never given before."""
    return os.urandom(8).hex()
