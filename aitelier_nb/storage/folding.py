"""The fold: edits of the journal go into the history, then into examples.jsonl, by offset and whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np

from aitelier_nb.storage import edit_log, files, streams
from aitelier_nb.storage.carrying import carried
from aitelier_nb.storage.files import Opened, Signature, Span
from aitelier_nb.storage.index import Index
from aitelier_nb.storage.journal import NOTHING, Change, Entry
from aitelier_nb.storage.pending import located
from aitelier_nb.storage.state import Conflict, State, digest
from aitelier_nb.storage.streams import Shard

__all__ = ["conflict_entry", "fold", "highest_id", "rewrite"]


def fold(state: State, history_path: Path) -> bool:
    """Put all edits into the files and empty the journal; True when there were any.

    The caller holds the lock. Cut short at any point, the next fold does what is missing:
    history knows its events, and edits that the file holds already are not put on it again.
    """
    entries = state.journal.entries
    if not entries:
        return False
    made = [entry for entry in entries if entry.count or _was_added(state, entry)]
    edit_log.append(history_path, [*made, *map(conflict_entry, state.conflicts)])
    known = None
    if state.pending:
        written = rewrite(state.index, state.pending, state.path)
        known = carried(state.index, state.pending, streams.opened(state.place()), written)
    state.journal.clear()
    state.know(known)
    return True


def _was_added(state: State, entry: Entry) -> bool:
    return any(state.body(first) is not None or first in state.pending for first, _ in entry.ids)


def conflict_entry(conflict: Conflict) -> Entry:
    """Return what the history tells of an example that was changed outside under an edit."""
    change = conflict.change
    outside = NOTHING if conflict.outside is None else msgspec.Raw(conflict.outside)
    kept = Change(change.id, change.created_at, outside, change.after, digest(conflict.outside), change.to)
    entry = conflict.entry
    return Entry(f"{entry.event}-conflict", entry.at, entry.by, "conflict", [kept])


def rewrite(index: Index, pending: Mapping[int, bytes | None], path: Path) -> Signature:
    """Write the files of an index anew that edits change; return the signature that all have then.

    Parameters
    ----------
    path
        The file of an index of one file; shards have their own paths.
    """
    opened = index.opened
    held = [Shard(opened, path, 0, index.size)] if isinstance(opened, Opened) else opened.shards
    changes: dict[int, list[tuple[int, bytes | None]]] = {}
    placed, new = located(index, pending)
    if isinstance(opened, Opened):
        changes[0] = placed
    else:
        for row, body in placed:
            changes.setdefault(opened.holder(index.starts[row]), []).append((row, body))
    if new:
        changes.setdefault(len(held) - 1, [])
    states = [os.fstat(shard.file.descriptor) for shard in held]
    for number, rows in changes.items():
        added = new if number == len(held) - 1 else []
        states[number] = files.replace(held[number].path, _chunks(index, held[number], rows, added))
    return streams.joint(states)


def _chunks(
    index: Index, shard: Shard, rows: list[tuple[int, bytes | None]], new: list[bytes]
) -> Iterator[bytes | Span]:
    """Yield a file with some lines replaced, or taken out, and new ones at its end."""
    file, begin, place = shard.file.descriptor, shard.start, shard.start
    places = np.array([row for row, _ in rows], np.int64)
    columns = (column[places].tolist() for column in (index.starts, index.lengths))
    replaced = False
    for (row, body), start, length in zip(rows, *columns, strict=True):
        if replaced and start == place + 1:
            yield b"\n"  # a single byte between two lines: nothing to look up
        else:
            yield Span(file, place - begin, start - begin)
        replaced = body is not None
        if body is None:
            place = min(index.whole(row)[1], shard.stop)
        else:
            yield body
            place = start + length
    yield Span(file, place - begin, shard.stop - begin)
    if new:
        yield index.missing_end()
        yield b"".join(body + b"\n" for body in new)


def highest_id(entries: list[Entry]) -> int:
    """Return the highest id that the entries speak of, 0 when there is none."""
    added = [last for entry in entries for _, last in entry.ids]
    return max([0, *added, *(change.id for entry in entries for change in entry.every())])
