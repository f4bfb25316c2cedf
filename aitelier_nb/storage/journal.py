"""Edits that are not yet folded: one locked, appended, synced line each; a torn one never counts."""

from __future__ import annotations

import os
import secrets
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from aitelier_nb.schema import Edit
from aitelier_nb.storage import files
from aitelier_nb.storage.lines import decode

__all__ = ["Change", "Entry", "Group", "Journal", "edits"]

GONE = ""  # the hash of a line that is not there
NOTHING = msgspec.Raw(b"null")
MARK = np.dtype("<u8")


class Change(msgspec.Struct, rename="camel"):
    """What happened to one example: the changed keys before and after, as they stand in the line.

    `on` and `to` are the hashes of the line before and after, "" where there was or is none. Of
    a deleted example `before` is the whole line, of a restored one `after`.
    """

    id: int
    created_at: str
    before: msgspec.Raw
    after: msgspec.Raw
    on: str
    to: str

    @property
    def former(self) -> dict[str, Any]:
        """The changed keys that were there before."""
        return decode(self.before) or {}

    @property
    def later(self) -> dict[str, Any]:
        """The changed keys that are there after."""
        return decode(self.after) or {}


class Group(msgspec.Struct, rename="camel"):
    """The same done to many examples, whose lines were there before and after: a column for what differs.

    `on` and `to` hold the hashes of the lines, 8 bytes each, the lowest first; in JSON as base64.
    `created_at` is one text where all have the same.
    """

    on: bytes
    to: bytes
    created_at: str | list[str]
    ids: list[int]
    before: msgspec.Raw
    after: msgspec.Raw

    def changes(self) -> Iterator[Change]:
        """Yield what happened to each of them."""
        made = repeat(self.created_at) if isinstance(self.created_at, str) else self.created_at
        before, after = msgspec.Raw(bytes(self.before)), msgspec.Raw(bytes(self.after))
        for name, at, on, to in zip(self.ids, made, _marks(self.on), _marks(self.to), strict=False):
            yield Change(name, at, before, after, f"{on:016x}", f"{to:016x}")

    def run(self, first: int, last: int) -> Group:
        """Return the group of those from a place up to another."""
        made, size = self.created_at, MARK.itemsize
        on, to = (marks[first * size : last * size] for marks in (self.on, self.to))
        at = made if isinstance(made, str) else made[first:last]
        return Group(on, to, at, self.ids[first:last], self.before, self.after)

    def cut(self, places: Sequence[int]) -> Group:
        """Return the group of some of them, by their places in it."""
        made, chosen = self.created_at, list(places)
        on, to = (np.frombuffer(marks, MARK)[chosen].tobytes() for marks in (self.on, self.to))
        at = made if isinstance(made, str) else [made[place] for place in chosen]
        return Group(on, to, at, [self.ids[place] for place in chosen], self.before, self.after)

    def only(self, examples: Container[int], *, others: bool = False) -> Group:
        """Return the group of those among some examples, or of all others."""
        return self.cut([place for place, name in enumerate(self.ids) if (name in examples) != others])


def _marks(hashes: bytes) -> list[int]:
    found: list[int] = np.frombuffer(hashes, MARK).tolist()
    return found


class Entry(msgspec.Struct, omit_defaults=True):
    """One event: an edit, or many that were made as one; alike ones of those may lie in `groups`.

    `key` is the (session, number) under which a browser sent it; `reverts` the event that it undoes.
    Added lines are no changes: `ids` holds their ids as (first, last), `size` the length of
    examples.jsonl before, `length` that of what was appended.
    """

    event: str
    at: str
    by: str
    kind: str
    changes: list[Change] = []
    key: tuple[str, int] | None = None
    reverts: str | None = None
    ids: list[tuple[int, int]] = []
    size: int = 0
    length: int = 0
    groups: list[Group] = []

    def every(self) -> Iterator[Change]:
        """Yield all changes, those of groups too."""
        return chain(self.changes, *map(Group.changes, self.groups))

    @property
    def count(self) -> int:
        """How many examples it changed."""
        return len(self.changes) + sum(len(group.ids) for group in self.groups)


_entry = msgspec.json.Decoder(Entry)


class Journal:
    """The file `.aitelier/journal.jsonl`, read as far as it has grown.

    Its first line names the file's generation, so that a reader which knew the file before it was
    emptied and filled again notices.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Entry] = []
        self.generation = 0
        self._header = b""
        self._offset = 0
        self._stat: tuple[int, int, int] | None = None
        self._file: files.Opened | None = None
        self._inode = 0
        self._held: list[bytes] | None = None  # lines that are put on the disk together

    def stale(self) -> bool:
        """Say whether the file is not as it was last read; costs one look at its size and time."""
        if self._held:
            return False
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return self._stat is not None
        return (stat.st_ino, stat.st_size, stat.st_mtime_ns) != self._stat

    def grown(self) -> tuple[bool, list[Entry]]:
        """Return whether the file was begun anew since the last call, and the entries that are new."""
        if self._held:
            return False, []
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return self._forgotten(), []
        now = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if now == self._stat:
            return False, []
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            same = bool(self._header) and files.read_at(descriptor, 0, len(self._header)) == self._header
            again = self._forgotten() if not same else False
            data = files.read_at(descriptor, self._offset, os.fstat(descriptor).st_size - self._offset)
        finally:
            os.close(descriptor)
        self._stat = now
        return again, self._take(data)

    def _forgotten(self) -> bool:
        had = bool(self.entries)
        self.generation += 1
        self.entries, self._header, self._offset, self._stat = [], b"", 0, None
        return had

    def _take(self, data: bytes) -> list[Entry]:
        whole = data[: data.rfind(b"\n") + 1]  # what follows was torn, and never acknowledged
        self._offset += len(whole)
        found = []
        for line in whole.split(b"\n"):
            if not self._header and line.startswith(b'{"journal":'):
                self._header = line
            elif line:
                try:
                    found.append(_entry.decode(line))
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    continue  # the rest of a torn line that a later edit closed
        self.entries += found
        return found

    def append(self, entry: Entry) -> None:
        """Write an entry down for good. The caller holds the lock and has read all that is there."""
        line = msgspec.json.encode(entry) + b"\n"
        size = self._stat[1] if self._stat else 0
        if self._held:
            pass  # the first one of them began the file or closed its torn line
        elif not size:
            self._forgotten()
            self._header = b'{"journal":"' + secrets.token_hex(8).encode() + b'"}'
            line = self._header + b"\n" + line
        elif size != self._offset:
            line = b"\n" + line  # closes a torn line
        if self._held is None:
            self._write(line)
        else:
            self._held.append(line)
        self.entries.append(entry)

    def _write(self, data: bytes) -> None:
        size = self._stat[1] if self._stat else 0
        with files.refusals(self.path):
            stat = files.extend(self._opened(), data, size)
            if not size:
                files.sync_folder(self.path.parent)
        self._offset = size + len(data)
        self._stat = (stat.st_ino, stat.st_size, stat.st_mtime_ns)

    def _opened(self) -> files.Opened:
        """Return the file to write to, which stays open as long as no other one has its name."""
        if self._file is None or self._stat is None or self._stat[0] != self._inode:
            self._file = files.Opened(self.path, files.APPENDING)
            self._inode = self._file.signature()[0]
        return self._file

    def close(self) -> None:
        """Let go of the file."""
        self._file = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Hold the entries of the block back and write them down at its end, with one wait for the disk.

        The caller holds the lock all the while. When the disk refuses, none of them is known any more.
        """
        self._held = self._held or []
        try:
            yield
        finally:
            try:
                self.flush()
            finally:
                self._held = None

    def flush(self) -> None:
        """Write down what is held back."""
        if not self._held:
            return
        data, self._held = b"".join(self._held), []
        try:
            self._write(data)
        except BaseException:
            self._forgotten()
            raise

    def clear(self) -> None:
        """Empty the file once its entries are in the history and in examples.jsonl."""
        with files.refusals(self.path):
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.ftruncate(descriptor, 0)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        self._forgotten()


def edits(entries: Iterable[Entry]) -> list[Edit]:
    """Return entries as edits, one for each example that an event changed."""
    return [edit(entry, change) for entry in entries for change in entry.every()]


def edit(entry: Entry, change: Change) -> Edit:
    """Return one change of an entry in the shape that history keeps."""
    found = Edit(
        event=entry.event,
        at=entry.at,
        by=entry.by,
        id=change.id,
        created_at=change.created_at,
        kind=entry.kind,
        before=change.former,
        after=change.later,
    )
    if entry.reverts:
        found.__pydantic_extra__ = {"reverts": entry.reverts}
    return found
