"""Who rated each example last, and which messages of a browser were taken: read once, then kept up."""

from __future__ import annotations

import os
from pathlib import Path

from aitelier_nb.storage import edit_log, files
from aitelier_nb.storage.journal import Entry, Journal
from aitelier_nb.storage.lines import decode

__all__ = ["Ledger"]

Key = tuple[str, int]


class Ledger:
    """What the history and the journal say, without reading them again for each question."""

    def __init__(self, path: Path, journal: Journal) -> None:
        self.path, self.journal = path, journal
        self.forget()

    def forget(self) -> None:
        """Know nothing; the next question reads everything."""
        self._file: tuple[int, int] = (0, 0)
        self._raters: dict[int, str] = {}
        self._events: dict[Key, str] = {}
        self._read = (-1, 0)

    def rater(self, example: int) -> str | None:
        """Return who gave an example its rating, None when nobody here did."""
        self._catch_up()
        return self._raters.get(example)

    def event(self, key: Key) -> str | None:
        """Return the event that a browser's message became, None when it was not seen."""
        self._catch_up()
        return self._events.get(key)

    def _catch_up(self) -> None:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            stat = None
        inode, size = (0, 0) if stat is None else (stat.st_ino, stat.st_size)
        if self._file != (inode, size):
            start = self._file[1] if self._file[0] == inode and self._file[1] < size else 0
            if not start:
                self._raters, self._events, self._read = {}, {}, (-1, 0)
            self._read_file(start, size)
            self._file = (inode, size)
        generation, count = self._read
        first = count if generation == self.journal.generation else 0
        for entry in self.journal.entries[first:]:
            self._take(entry)
        self._read = (self.journal.generation, len(self.journal.entries))

    def _read_file(self, start: int, size: int) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for line in files.read_at(descriptor, start, size - start).split(b"\n"):
                if b'"rating"' in line or b'"key"' in line:
                    row = edit_log.parsed(line)
                    if row is not None:
                        self._take(row.entry())
        finally:
            os.close(descriptor)

    def _take(self, entry: Entry) -> None:
        if entry.key is not None:
            self._events[entry.key] = entry.event
        if entry.kind == "conflict":
            return
        for change in entry.changes:
            if b'"rating"' in bytes(change.after) and change.on and "rating" in change.later:
                self._raters[change.id] = entry.by
        for group in entry.groups:
            if "rating" in decode(group.after):
                self._raters |= dict.fromkeys(group.ids, entry.by)
