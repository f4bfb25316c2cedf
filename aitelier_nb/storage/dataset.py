"""The examples of a project: added, edited, taken out; every edit is on the disk when the call returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from aitelier_nb.errors import ConflictError, DataError
from aitelier_nb.schema import Conversation, Edit
from aitelier_nb.storage import bodies, contents, editing, frames, git, placing, sharding, sides
from aitelier_nb.storage.additions import Additions
from aitelier_nb.storage.batches import Batch
from aitelier_nb.storage.editing import now
from aitelier_nb.storage.folding import highest_id
from aitelier_nb.storage.growing import Numbers
from aitelier_nb.storage.journal import Entry, edit
from aitelier_nb.storage.lines import decode, line_hash
from aitelier_nb.storage.past import Key, new_event
from aitelier_nb.storage.scanning import collector_paused
from aitelier_nb.storage.sides import Bools, Codes
from aitelier_nb.storage.state import digest
from aitelier_nb.storage.upkeep import Upkeep

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Added", "Dataset"]

TOGETHER = 1 << 8  # lines that are looked at by one call

Values = tuple[dict[str, Any], Sequence[str]]


class Added(NamedTuple):
    """The id of an example that was to be added, and whether its content was there already."""

    id: int
    existed: bool


class Dataset(Upkeep):
    """The examples of one project, as every program on this machine sees them now.

    Parameters
    ----------
    folder
        The project's folder.
    rater
        Tells who makes edits that do not say `by`.
    last_id, remember_id
        Read and write the highest id that was ever given.
    """

    def add(self, rows: Iterable[Mapping[str, Any] | Conversation], *, by: str | None = None) -> list[Added]:
        """Append examples, all or none; content that is there already keeps its id.

        Parameters
        ----------
        rows
            {"messages": [...]} and, if wanted, rating, split, originalOutput; other keys are kept.
        """
        with self._state.writing(), collector_paused():
            at, first_id = now(), self._next_id()
            new = Additions(rows, first_id, at)
            found, fresh = _told_apart(new.contents, contents.known(self._state, new.contents), first_id)
            if fresh:
                self._append(list(new.batches(fresh, self._state.index.size)), first_id, at, by)
            return found

    def recognised(self, rows: Iterable[Mapping[str, Any] | Conversation]) -> list[Added]:
        """Return what `add` would return for these rows, and write nothing."""
        with self._state.reading(), collector_paused():
            first_id = self._next_id()
            keys = Additions(rows, first_id, now()).contents
            return _told_apart(keys, contents.known(self._state, keys), first_id)[0]

    def _append(self, lines: list[Batch], first_id: int, at: str, by: str | None) -> None:
        index, place = self._state.index, self._state.place()
        path = place if isinstance(place, Path) else place[-1]
        data = b"\n".join([*(body for batch in lines for body in batch.bodies), b""])
        if path != self.path and path.stat().st_size >= sharding.SIZE:
            path = sharding.next_path(path)
        else:
            data = index.missing_end() + data
        ids = [(first_id, first_id + sum(map(len, lines)) - 1)]
        entry = Entry(new_event(), at, by or self._rater, "add", ids=ids, size=index.size, length=len(data))
        self._state.journal.append(entry)
        self._state.append(path, data, lines)

    def _next_id(self) -> int:
        entries = self._state.journal.entries
        return max(self._last_id(), self._state.index.places.highest, highest_id(entries)) + 1

    def set_rating(
        self,
        example_id: int,
        rating: int | None,
        *,
        by: str | None = None,
        key: Key | None = None,
        expected: int | str | None = None,
    ) -> Edit | None:
        """Rate an example 1-10, or take its rating back with None; None when nothing changed.

        Parameters
        ----------
        key
            (session, number) of a message from a browser: the same one is taken once.
        expected
            The version or the `ConflictError`-guarding hash that the rater saw.
        """
        value, who = editing.checked_rating(rating), by or self._rater
        several = git.is_merged(self._folder)

        def values(line: Mapping[str, Any]) -> Values:
            return editing.rated(line, value, who, self._former_rater(line), several=several), ()

        return self._edit("rate", example_id, values, by=who, key=key, expected=expected)

    def rewrite(
        self,
        example_id: int,
        text: str,
        rating: int | None = None,
        *,
        by: str | None = None,
        key: Key | None = None,
        expected: int | str | None = None,
    ) -> Edit | None:
        """Put a new text in place of the last assistant turn; the first one stays as originalOutput.

        The rating becomes `rating`, None when none is given; the version rises.
        """
        value = editing.checked_rating(rating)
        if not isinstance(text, str) or not text.strip():
            raise DataError(
                f"the new text of example {example_id} is empty", hint="give the answer as it should be"
            )

        def values(line: Mapping[str, Any]) -> Values:
            same_text = editing.rewritten(line, text, value)
            return same_text if same_text is not None else ({} if value is None else {"rating": value}, ())

        return self._edit("rewrite", example_id, values, by=by, key=key, expected=expected)

    def set_messages(
        self, example_id: int, messages: object, rating: int | None = None, *, by: str | None = None
    ) -> Edit | None:
        """Put other messages in place of an example's; the rating becomes `rating`, the version rises."""
        value, plain = editing.checked_rating(rating), editing.messages_json(messages)

        def values(line: Mapping[str, Any]) -> Values:
            if line["messages"] == plain:
                return ({} if value is None else {"rating": value}), ()
            return editing.with_messages(line, plain, value)

        return self._edit("messages", example_id, values, by=by)

    def annotate(
        self,
        example_id: int,
        *,
        tags: Sequence[str] | None = None,
        note: str | None = None,
        flagged: bool | None = None,
        by: str | None = None,
        key: Key | None = None,
    ) -> Edit | None:
        """Set tags, note or flag; what is None stays, an empty list, text or False takes it away."""
        values = editing.annotated(tags, note, flagged=flagged)
        return self._edit("annotate", example_id, lambda _: values, by=by, key=key)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Put the edits of single examples in the block on the disk together, when it ends.

        Nobody else writes meanwhile. When the disk refuses, the end of the block says so and none of
        them was made.
        """
        try:
            with self._state.together():
                yield
        except BaseException:
            self._ledger.forget()
            raise

    def delete(self, example_id: int, *, by: str | None = None, key: Key | None = None) -> Edit | None:
        """Take an example out; its whole line stays in the history and `undo` brings it back."""
        with self._state.writing():
            if self._seen(key):
                return None
            entry = self._entry("delete", by, key, [editing.removed(self._body(example_id))])
            self._state.commit(entry)
            return edit(entry, entry.changes[0])

    def _edit(
        self,
        kind: str,
        example_id: int,
        values: Callable[[Mapping[str, Any]], Values],
        *,
        by: str | None = None,
        key: Key | None = None,
        expected: int | str | None = None,
    ) -> Edit | None:
        with self._state.writing():
            if self._seen(key):
                return None
            body = self._body(example_id)
            line = decode(body)
            _check_expected(line, body, expected)
            made = editing.given(body, *values(line))
            if made is None:
                return None
            entry = self._entry(kind, by, key, [made.change])
            self._state.commit(entry, [made.body])
            self._fold_long_journal()
            return edit(entry, made.change)

    def set_splits(
        self,
        splits: Mapping[int, Literal["train", "val"] | None],
        *,
        by: str | None = None,
        reshuffle: bool = False,
    ) -> str | None:
        """Assign many examples as one event and return its name; None takes an example out of both.

        Raises
        ------
        SplitError
            An example would leave validation, and `reshuffle` is not given.
        """
        with self._state.writing(), collector_paused():
            if isinstance(self._state.place(), Path):
                return self._place(*sides.coded(splits), by, reshuffle=reshuffle)
            return self._set_splits_of_shards(splits, by, reshuffle=reshuffle)

    def share_out(self, ids: Numbers, in_validation: Bools, *, by: str | None = None) -> str | None:
        """Put many examples into validation or else into training, as `set_splits` does."""
        if isinstance(self._state.place(), Path):
            with self._state.writing(), collector_paused():
                return self._place(ids, np.where(in_validation, 2, 1).astype(np.int8), by)
        names = ["val" if held else "train" for held in in_validation.tolist()]
        return self.set_splits(dict(zip(ids.tolist(), names, strict=True)), by=by)  # type: ignore[arg-type]

    def _place(self, ids: Numbers, codes: Codes, by: str | None, *, reshuffle: bool = False) -> str | None:
        if self._state.journal.entries:
            self.fold()
        entry = self._entry("split", by, None, [])
        done = placing.place(self._state, self.history_path, entry, ids, codes, reshuffle=reshuffle)
        return entry.event if done else None

    def _set_splits_of_shards(
        self, splits: Mapping[int, Literal["train", "val"] | None], by: str | None, *, reshuffle: bool
    ) -> str | None:
        bodies, sides = self._bodies(list(map(int, splits))), iter(splits.values())
        found: list[editing.Given] = []
        while lines := list(islice(bodies, TOGETHER)):
            found += editing.placed(lines, list(islice(sides, len(lines))), reshuffle=reshuffle)
        entry = self._committed("split", by, found)
        if entry is None:
            return None
        self.fold()
        return entry.event

    def _bodies(self, ids: list[int]) -> Iterator[tuple[bytes, int]]:
        """Yield the line of each id and its hash; those of the file by long reads."""
        index, pending = self._state.index, self._state.pending
        pending.look_up(ids)
        rows = [None if example in pending else pending.row(example) for example in ids]
        standing = index.bodies_at(row for row in rows if row is not None)
        for example, row in zip(ids, rows, strict=True):
            if row is None:
                body = self._body(example)
                yield body, line_hash(body)
            else:
                yield next(standing)

    def set_system(
        self, prompt: str | None, ids: Iterable[int] | None = None, *, by: str | None = None
    ) -> int:
        """Give many examples a system prompt, or none, as one event; return how many it changed."""
        with self._state.writing():
            before = len(self._state.journal.entries)
            wanted = self._state.ids() if ids is None else list(ids)
            event = self._bulk("system", dict.fromkeys(wanted, prompt), _with_system, by)
            count = self._state.journal.entries[before].count if event is not None else 0
            self.fold()
            return count

    def _bulk(
        self,
        kind: str,
        wanted: Mapping[int, Any],
        values: Callable[[Mapping[str, Any], Any], Values],
        by: str | None,
    ) -> str | None:
        with self._state.writing():
            found = []
            for example_id, value in wanted.items():
                body = self._body(int(example_id))
                found.append(editing.given(body, *values(decode(body), value)))
            entry = self._committed(kind, by, [each for each in found if each is not None])
            return None if entry is None else entry.event

    def _committed(self, kind: str, by: str | None, made: Sequence[editing.Given]) -> Entry | None:
        """Write many changes down as one event, if there are any. The caller holds the lock."""
        if not made:
            return None
        entry = self._entry(kind, by, None, [each.change for each in made])
        self._state.commit(entry, [each.body for each in made])
        return entry

    def update(self, frame: pd.DataFrame, *, by: str | None = None) -> int:
        """Make an edit of every row that a frame changes, all or none, as one event; return how many.

        Parameters
        ----------
        frame
            Rows of `frame()`, changed: rating, split, flagged, group, source, and output where the
            frame has texts. Rows and columns that are left out stay as they are.

        Raises
        ------
        DataError
            A column or an id that is not known, a value of the wrong kind.
        SplitError
            An example would leave validation.
        ConflictError
            A changed row that has been changed by others since the frame was taken.
        """
        who, several = by or self._rater, git.is_merged(self._folder)
        with self._state.writing():
            text = any(name in getattr(frame, "columns", ()) for name in bodies.TEXT[1:])
            wanted = frames.changes(frame, frames.to_frame(self._table(text=text)))

            def values(line: Mapping[str, Any], cells: Mapping[str, Any]) -> Values:
                return editing.from_cells(line, cells, who, self._former_rater(line), several=several)

            before = len(self._state.journal.entries)
            event = self._bulk("update", wanted, values, who)
            count = self._state.journal.entries[before].count if event is not None else 0
            self.fold()
            return count

    def _former_rater(self, line: Mapping[str, Any]) -> str | None:
        known = line.get("ratings") or line.get("rating") is None
        return None if known else self._ledger.rater(line["id"])


def _told_apart(
    keys: Sequence[int], known: dict[int, int], first_id: int
) -> tuple[list[Added], Sequence[int]]:
    """Return the id of each content, and the places of those that are new: their ids follow each other."""
    if not known and len(set(keys)) == len(keys):
        pairs = zip(range(first_id, first_id + len(keys)), repeat(object=False), strict=False)
        return list(map(tuple.__new__, repeat(Added), pairs)), range(len(keys))
    found: list[Added] = []
    fresh: list[int] = []
    for place, content in enumerate(keys):
        there = known.setdefault(content, first_id + len(fresh))
        is_new = there == first_id + len(fresh)
        if is_new:
            fresh.append(place)
        found.append(Added(there, not is_new))
    return found, fresh


def _with_system(line: Mapping[str, Any], prompt: str | None) -> Values:
    messages = list(line["messages"])
    if messages and messages[0]["role"] in ("system", "developer"):
        messages = messages[1:]
    if prompt is not None:
        messages = [{"role": "system", "content": prompt}, *messages]
    if messages == line["messages"]:
        return {}, ()
    return {"messages": messages, "version": line.get("version", 1) + 1}, ()


def _check_expected(line: Mapping[str, Any], body: bytes, expected: int | str | None) -> None:
    if expected is None:
        return
    if expected != (line.get("version", 1) if isinstance(expected, int) else digest(body)):
        raise ConflictError(
            f"example {line['id']} has been changed since it was shown", hint="look at it again, then edit it"
        )
