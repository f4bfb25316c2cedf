"""The file data/history.jsonl: every edit that was ever folded, append-only, one line each."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import msgspec

from aitelier_nb.storage import files
from aitelier_nb.storage.journal import GONE, Change, Entry

__all__ = ["append", "concerns", "deletions", "entries", "of_example", "of_examples", "parsed", "reworded"]

TAIL = 1 << 20
FEW = 8  # events that are looked for one by one
CHANGED = re.compile(rb'"to":"[0-9a-f]{16}"\}$')  # how a row ends whose line is there afterwards


MESSAGES, SIDE = b'"messages":', b'"split":'
ANSWERS = re.compile(rb'"kind":"(?:rewrite|system)"')  # edits that leave every question as it is


class Row(msgspec.Struct, rename="camel", omit_defaults=True):
    """One line of the history: an event's change of one example, or the ids that an event added."""

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

    def entry(self) -> Entry:
        """Return the line as an event, with the one change that it tells of."""
        change = Change(self.id, self.created_at, self.before, self.after, self.on, self.to)
        changes = [] if self.ids else [change]
        return Entry(self.event, self.at, self.by, self.kind, changes, self.key, self.reverts, self.ids)


_row = msgspec.json.Decoder(Row)
_encoder = msgspec.json.Encoder()


def _rows(entries: Iterable[Entry]) -> Iterator[Row]:
    for entry in entries:
        event, at, by, kind = entry.event, entry.at, entry.by, entry.kind
        if entry.ids:
            yield Row(event, at, by, kind=kind, ids=entry.ids)
        for c in entry.changes:
            yield Row(
                *(event, at, by, c.id, c.created_at, kind, c.before, c.after, c.on, c.to),
                *(entry.key, entry.reverts),
            )


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
        known = {(row.event, row.id) for row in rows}
        data = _encoder.encode_lines([row for row in new if (row.event, row.id) not in known])
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
    if found is not None:
        yield found


def deletions(path: Path) -> Iterator[Change]:
    """Return what took lines away, the latest first; rows of other changes are not even decoded."""
    for line in _backwards(path):
        row = None if CHANGED.search(line, max(0, len(line) - 24)) else parsed(line)
        if row is not None and row.to == GONE != row.on:
            yield from row.entry().changes


def reworded(path: Path) -> Iterator[Change]:
    """Return what may have changed questions, the latest first: new messages, but no rewrites of answers."""
    for line in _backwards(path):
        if MESSAGES in line and not ANSWERS.search(line, 0, line.find(b'"before":')):
            row = parsed(line)
            if row is not None:
                yield from row.entry().changes


def of_examples(path: Path, examples: Collection[int]) -> Iterator[Change]:
    """Return the changes of messages and sides of some examples, the latest first."""
    for line in _backwards(path):
        if MESSAGES in line or SIDE in line:
            row = parsed(line)
            if row is not None and row.id in examples:
                yield from row.entry().changes


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
    found = []
    try:
        with path.open("rb") as stream:
            for line in stream:
                row = parsed(line) if any(mark in line for mark in marks) else None
                if row is not None and (row.id == example or concerns(row.ids, example)):
                    found.append(row.entry())
    except FileNotFoundError:
        return []
    return found


def concerns(ids: Iterable[tuple[int, int]], example: int) -> bool:
    """Say whether an id lies in one of the ranges."""
    return any(first <= example <= last for first, last in ids)
