"""The file data/history.jsonl: every edit that was ever folded, append-only.

An event has a line for each example, or, where the same was done to many, one with a column of their ids.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path

import msgspec
import numpy as np

from aitelier_nb.storage import files
from aitelier_nb.storage.journal import GONE, MARK, Change, Entry, Group

__all__ = [
    "append",
    "concerns",
    "deletions",
    "entries",
    "of_example",
    "of_examples",
    "parsed",
    "reworded",
    "without",
]

TAIL = 1 << 20
FEW = 8  # events that are looked for one by one
MANY = 64  # examples to which the same was done; of fewer each has a line of its own
LONGEST = 1 << 14  # ids of a line
CHANGED = re.compile(rb'"to":"[0-9a-f]{16}"\}$')  # how a row ends whose line is there afterwards


GROUPED = b"}]}"  # how a row with groups ends, whose lines are there as well
MESSAGES, SIDE = b'"messages":', b'"split":'
ANSWERS = re.compile(rb'"kind":"(?:rewrite|system)"')  # edits that leave every question as it is


class Row(msgspec.Struct, rename="camel", omit_defaults=True):
    """One line of the history: an event's change of one example or of many, or the ids that it added."""

    event: str
    at: str
    by: str
    id: int = 0
    created_at: str = ""
    kind: str = ""
    before: msgspec.Raw = msgspec.Raw(b"null")
    after: msgspec.Raw = msgspec.Raw(b"null")
    on: str = ""
    to: str = ""
    key: tuple[str, int] | None = None
    reverts: str | None = None
    ids: list[tuple[int, int]] = []
    groups: list[Group] = []

    def entry(self) -> Entry:
        """Return the line as an event, with the changes that it tells of."""
        change = Change(self.id, self.created_at, self.before, self.after, self.on, self.to)
        changes = [] if self.ids or self.groups else [change]
        found = Entry(self.event, self.at, self.by, self.kind, changes, self.key, self.reverts, self.ids)
        found.groups = self.groups
        return found

    def only(self, examples: Collection[int], *, others: bool = False) -> Row | None:
        """Return the line with no examples but some, or with all others; None where that are none."""
        if not self.groups:
            return self if (self.id in examples) != others else None
        groups = [group.only(examples, others=others) for group in self.groups]
        left = [group for group in groups if group.ids]
        return msgspec.structs.replace(self, groups=left) if left else None

    def name(self) -> tuple[str, int]:
        """Return what no other line of the history shares: the event and a first id."""
        return self.event, -self.groups[0].ids[0] if self.groups else self.id


_row = msgspec.json.Decoder(Row)
_encoder = msgspec.json.Encoder()


def _rows(entries: Iterable[Entry]) -> Iterator[Row]:
    for entry in entries:
        event, at, by, kind, rest = entry.event, entry.at, entry.by, entry.kind, (entry.key, entry.reverts)
        if entry.ids:
            yield Row(event, at, by, kind=kind, ids=entry.ids)
        groups, single = _alike(entry.changes)
        few = [group for group in entry.groups if len(group.ids) < MANY]
        single += sorted((change for group in few for change in group.changes()), key=attrgetter("id"))
        for group in [*groups, *(group for group in entry.groups if len(group.ids) >= MANY)]:
            for first in range(0, len(group.ids), LONGEST):
                piece = group.run(first, first + LONGEST)
                yield Row(event, at, by, kind=kind, key=entry.key, reverts=entry.reverts, groups=[piece])
        for c in single:
            yield Row(event, at, by, c.id, c.created_at, kind, c.before, c.after, c.on, c.to, *rest)


def _alike(changes: Sequence[Change]) -> tuple[list[Group], list[Change]]:
    """Return what was done to many examples as groups, and the other changes; texts stay with these."""
    if len(changes) < MANY:
        return [], list(changes)
    found: dict[tuple[bytes, bytes], list[Change]] = {}
    single = []
    for change in changes:
        alike = bytes(change.before), bytes(change.after)
        if len(change.on) == len(change.to) == 2 * MARK.itemsize and MESSAGES not in alike[0] + alike[1]:
            found.setdefault(alike, []).append(change)
        else:
            single.append(change)
    single += [change for those in found.values() if len(those) < MANY for change in those]
    return [_group(those) for those in found.values() if len(those) >= MANY], single


def _group(changes: Sequence[Change]) -> Group:
    first, made = changes[0], [change.created_at for change in changes]
    on, to = (
        np.array([int(mark, 16) for mark in marks], MARK).tobytes()
        for marks in ([change.on for change in changes], [change.to for change in changes])
    )
    at = made if any(made[0] != other for other in made) else made[0]
    return Group(on, to, at, [change.id for change in changes], first.before, first.after)


def append(path: Path, entries: Iterable[Entry]) -> None:
    """Add entries to the history, those that it has already left out. The caller holds the lock."""
    new = list(_rows(entries))
    if not new:
        return
    data = _encoder.encode_lines(new)
    tail = _tail(path, len(data) + TAIL)
    cut = tail.rfind(b"\n") + 1
    if cut < len(tail) and parsed(tail[cut:]) is None:  # an append of ours that was cut short
        os.truncate(path, path.stat().st_size - (len(tail) - cut))
        tail = tail[:cut]
    events = {row.event.encode() for row in new}
    if len(events) > FEW or any(event in tail for event in events):
        rows = filter(None, map(parsed, tail.split(b"\n")))
        known = {row.name() for row in rows}
        data = _encoder.encode_lines([row for row in new if row.name() not in known])
    if data:
        files.append(path, (b"\n" if tail and not tail.endswith(b"\n") else b"") + data)


def _tail(path: Path, length: int) -> bytes:
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - length))
            return stream.read()
    except FileNotFoundError:
        return b""


def parsed(line: bytes) -> Row | None:
    """Return a line of the history, None when it is none of ours."""
    try:
        return _row.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def without(line: bytes, row: Row, example: int) -> bytes | None:
    """Return a line of the history without an example; None where it spoke of no other."""
    if not row.groups:
        return None if row.id == example else line
    if not any(example in group.ids for group in row.groups):
        return line
    left = row.only([example], others=True)
    return None if left is None else _encoder.encode(left)


def entries(path: Path) -> Iterator[Entry]:
    """Read the history backwards, the latest event first."""
    found: Entry | None = None
    for line in _backwards(path):
        row = parsed(line)
        if row is None:
            continue
        if found is not None and found.event != row.event:
            yield found
            found = None
        if found is None:
            found = row.entry()
        else:
            found.changes = row.entry().changes + found.changes
            found.groups = row.groups + found.groups
    if found is not None:
        yield found


def deletions(path: Path) -> Iterator[Change]:
    """Return what took lines away, the latest first; rows of other changes are not even decoded."""
    for line in _backwards(path):
        told = CHANGED.search(line, max(0, len(line) - 24)) or line.endswith(GROUPED)
        row = None if told else parsed(line)
        if row is not None and row.to == GONE != row.on:
            yield from row.entry().changes


def reworded(path: Path) -> Iterator[Change]:
    """Return what may have changed questions, the latest first: new messages, but no rewrites of answers."""
    for line in _backwards(path):
        if MESSAGES in line and not ANSWERS.search(line, 0, line.find(b'"before":')):
            row = parsed(line)
            if row is not None:
                yield from row.entry().every()


def of_examples(path: Path, examples: Collection[int]) -> Iterator[Change]:
    """Return the changes of messages and sides of some examples, the latest first."""
    for line in _backwards(path):
        if MESSAGES in line or SIDE in line:
            row = parsed(line)
            row = None if row is None else row.only(examples)
            if row is not None:
                yield from row.entry().every()


def _backwards(path: Path) -> Iterator[bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        stop, rest = os.fstat(descriptor).st_size, b""
        while stop > 0:
            start = max(0, stop - TAIL)
            block = files.read_at(descriptor, start, stop - start) + rest
            rest, *whole = block.split(b"\n")
            yield from reversed(whole)
            stop = start
        yield rest
    finally:
        os.close(descriptor)


def of_example(path: Path, example: int) -> list[Entry]:
    """Return the events that concern an example, oldest first, each with only its change."""
    marks = (f'"id":{example},'.encode(), b'"ids":')
    found: list[Entry] = []
    try:
        with path.open("rb") as stream:
            for line in stream:
                row = parsed(line) if any(mark in line for mark in marks) else None
                own = None if row is None else row if concerns(row.ids, example) else row.only([example])
                if own is not None:
                    found.append(own.entry())
    except FileNotFoundError:
        return []
    return found


def concerns(ids: Iterable[tuple[int, int]], example: int) -> bool:
    """Say whether an id lies in one of the ranges."""
    return any(first <= example <= last for first, last in ids)
