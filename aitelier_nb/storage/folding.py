"""The fold: edits of the journal go into the history, then into examples.jsonl, by offset and whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from aitelier_nb.storage import edit_log, files
from aitelier_nb.storage.carrying import carried
from aitelier_nb.storage.files import Span
from aitelier_nb.storage.index import Index
from aitelier_nb.storage.journal import NOTHING, Change, Entry
from aitelier_nb.storage.state import Conflict, State, digest

__all__ = ["chunks", "conflict_entry", "fold", "highest_id"]


def fold(state: State, history_path: Path) -> bool:
    """Put all edits into the files and empty the journal; True when there were any.

    The caller holds the lock. Cut short at any point, the next fold does what is missing:
    history knows its events, and edits that the file holds already are not put on it again.
    """
    entries = state.journal.entries
    if not entries:
        return False
    made = [entry for entry in entries if entry.changes or _was_added(state, entry)]
    edit_log.append(history_path, [*made, *map(conflict_entry, state.conflicts)])
    known = None
    if state.pending:
        written = files.replace(state.path, chunks(state.index, state.pending))
        known = carried(state.index, state.pending, state.path, written)
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


def chunks(index: Index, pending: Mapping[int, bytes | None]) -> Iterator[bytes | Span]:
    """Yield the file with some lines replaced, or taken out, and new ones at its end."""
    placed = ((index.row(example), body) for example, body in pending.items())
    rows = sorted(((row, body) for row, body in placed if row is not None), key=lambda pair: pair[0])
    place, size = 0, index.size
    for row, body in rows:
        start, stop = index.whole(row)
        if body is None:
            yield Span(index.descriptor, place, start)
            place = stop
        else:
            yield Span(index.descriptor, place, start)
            yield body
            place = start + int(index.lengths.values[row])
    yield Span(index.descriptor, place, size)
    new = [body for example, body in pending.items() if body is not None and index.row(example) is None]
    if new:
        yield index.missing_end()
        yield b"".join(body + b"\n" for body in new)


def highest_id(entries: list[Entry]) -> int:
    """Return the highest id that the entries speak of, 0 when there is none."""
    added = [last for entry in entries for _, last in entry.ids]
    return max([0, *added, *(change.id for entry in entries for change in entry.changes)])
