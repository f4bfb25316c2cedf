"""Where each example stands in examples.jsonl: id, offset, length and hash of every usable line."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from aitelier_nb.errors import DataError
from aitelier_nb.schema import Problem
from aitelier_nb.storage import files
from aitelier_nb.storage.lines import BOM, line_hash, parse

__all__ = ["Index", "signature"]

Signature = tuple[int, int, int]


def signature(stat: os.stat_result) -> Signature:
    """Return what changes when a file changes: inode, size and time in nanoseconds."""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep Python's cycle collector out of a bulk load, where it costs more than the load."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class Index:
    """The usable lines of one state of the file, which is kept open: a replaced file stays readable."""

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.signature = signature(os.fstat(self.descriptor))
        self._scan()

    def close(self) -> None:
        """Let go of the file."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __len__(self) -> int:
        return len(self.ids)

    def _scan(self) -> None:
        ids: dict[int, int] = {}
        starts, stops, hashes, numbers = [], [], [], []
        place = 0
        with collector_paused(), os.fdopen(os.dup(self.descriptor), "rb", 1 << 20) as stream:
            stream.seek(0)
            for number, whole in enumerate(stream, 1):
                start, stop = _body(whole, place, first=number == 1)
                place += len(whole)
                if start == stop:
                    continue
                body = whole[start - place + len(whole) : stop - place + len(whole)]
                try:
                    line = parse(body)
                except DataError as error:
                    self._report(number, str(error), error.hint)
                    continue
                if line.id in ids:
                    self._report(number, f"has the id {line.id} of line {ids[line.id]}", "give it another id")
                    continue
                ids[line.id] = number
                starts.append(start)
                stops.append(stop)
                hashes.append(line_hash(body))
                numbers.append(number)
        self.ids = np.fromiter(ids, np.int64, len(ids))
        self.starts, self.stops = np.array(starts, np.int64), np.array(stops, np.int64)
        self.hashes, self.numbers = np.array(hashes, np.uint64), np.array(numbers, np.int64)
        self._order = np.argsort(self.ids, kind="stable")
        self._sorted = self.ids[self._order]

    def _report(self, number: int, reason: str, remedy: str) -> None:
        self.problems.append(Problem(file=self.name, line=number, reason=reason, remedy=remedy))

    def row(self, example: int) -> int | None:
        """Return the row of an id, or None."""
        place = int(np.searchsorted(self._sorted, example))
        if place < len(self._sorted) and self._sorted[place] == example:
            return int(self._order[place])
        return None

    def body(self, row: int) -> bytes:
        """Return the line of a row, without its line end."""
        start = int(self.starts[row])
        return files.read_at(self.descriptor, start, int(self.stops[row]) - start)

    def whole(self, row: int) -> tuple[int, int]:
        """Return where the line of a row begins and ends, its line end included."""
        start, stop = int(self.starts[row]), int(self.stops[row])
        end = files.read_at(self.descriptor, stop, 64)
        while b"\n" not in end and stop + len(end) < self.signature[1]:
            end += files.read_at(self.descriptor, stop + len(end), 1 << 16)
        cut = end.find(b"\n") + 1
        return start, stop + (cut or len(end))

    def missing_end(self) -> bytes:
        """Return the line end that the file lacks before something may be appended; b"" when it has one."""
        size = self.signature[1]
        return b"" if not size or files.read_at(self.descriptor, size - 1, 1) == b"\n" else b"\n"

    def last_id(self) -> int:
        """Return the highest id in the file, 0 when there is none."""
        return int(self._sorted[-1]) if len(self._sorted) else 0


def _body(whole: bytes, place: int, *, first: bool) -> tuple[int, int]:
    start = len(BOM) if first and whole.startswith(BOM) else 0
    text = whole[start:]
    stop = start + len(text.rstrip(b" \t\r\n"))
    start += len(text) - len(text.lstrip(b" \t\r\n")) if stop > start else 0
    return place + start, place + max(start, stop)
