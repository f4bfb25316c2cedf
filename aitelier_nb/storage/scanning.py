"""One pass over examples.jsonl: where each line stands, its scalars, and what cannot be used."""

from __future__ import annotations

import gc
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import xxhash

from aitelier_nb.storage import files
from aitelier_nb.storage.batches import Batch, batch
from aitelier_nb.storage.fingerprints import content_key
from aitelier_nb.storage.lines import Line, PlainLine, Turn, encode

__all__ = [
    "AS_READ",
    "Block",
    "Columns",
    "Fault",
    "Scan",
    "blocks",
    "collector_paused",
    "original_turns",
    "runs",
]

BLOCK = 1 << 20
AS_READ = 1 << 11  # lines that may stay as they were decoded, where nobody says more


class Block(NamedTuple):
    """A run of whole lines, about a megabyte: what is compared to find out where a file changed."""

    start: int
    number: int
    row: int
    hash: int


class Fault(NamedTuple):
    """A line that cannot be used: its number, what is wrong, what to do."""

    number: int
    reason: str
    remedy: str


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


def original_turns(line: Line | PlainLine) -> list[Turn] | None:
    """Return the messages with the first answer in place of its rewrite; None when it was not rewritten."""
    if isinstance(line, PlainLine) or line.original_output is None:
        return None
    for place in reversed(range(len(line.messages))):
        if line.messages[place].role == "assistant":
            first = msgspec.structs.replace(line.messages[place], content=line.original_output)
            return [*line.messages[:place], first, *line.messages[place + 1 :]]
    return None


_flagged, _version = attrgetter("flagged"), attrgetter("version")


def _firsts(found: Batch) -> list[int | None]:
    if found.plain:
        return [None] * len(found)
    firsts = map(original_turns, found.lines)
    return [None if first is None else content_key(first) for first in firsts]


def _source(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode()


Values = list[Any] | npt.NDArray[Any]


def _versions(found: Batch) -> Values:
    versions = list(map(_version, found.lines))
    try:
        return np.array(versions, np.int64)
    except OverflowError:
        return versions


OF: dict[str, Callable[[Batch], Values]] = {
    "id": lambda found: found.ids,
    "rating": lambda found: [line.rating for line in found.lines],
    "split": lambda found: [line.split or None for line in found.lines],
    "created_at": lambda found: [line.created_at for line in found.lines],
    "version": _versions,
    "n_turns": lambda found: found.counts,
    "n_chars": lambda found: found.sizes,
    "flagged": lambda found: np.array(list(map(bool, map(_flagged, found.lines))), bool),
    "group": lambda found: [None if line.group is None else str(line.group) for line in found.lines],
    "source": lambda found: [None if line.source is None else _source(line.source) for line in found.lines],
    "has_split": lambda found: np.array([line.split is not msgspec.UNSET for line in found.lines], bool),
    "asked": lambda found: found.tallies,
    "start": lambda found: found.starts,
    "length": lambda found: found.lengths,
    "hash": lambda found: found.hashes,
    "content": lambda found: found.contents,
    "first": _firsts,
}


class Columns:
    """The scalars of usable lines, by column, in the order of the file.

    Where each line has one they are numbers or truths in numpy, else a list. Those of a few lines
    are made when they are asked for: often only some of them are.

    Parameters
    ----------
    few
        How many lines may stay as they were decoded.
    """

    def __init__(self, few: int = AS_READ) -> None:
        self._few = few
        self._made: dict[str, list[Values]] = {name: [] for name in OF}
        self._waiting: list[Batch] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, found: Batch) -> None:
        """Take in some lines."""
        self._count += len(found)
        self._waiting.append(found)
        if self._count > self._few:
            for batch in self._waiting:
                for name, of in OF.items():
                    self._made[name].append(of(batch))
            self._waiting = []

    def column(self, name: str) -> Values:
        """Return one column."""
        pieces = [*self._made[name], *map(OF[name], self._waiting)]
        if pieces and all(isinstance(piece, np.ndarray) for piece in pieces):
            return np.concatenate(pieces)
        return list(chain.from_iterable(pieces))

    def listed(self, name: str) -> list[Any]:
        """Return one column as plain values."""
        values = self.column(name)
        found: list[Any] = values.tolist() if isinstance(values, np.ndarray) else values
        return found


def blocks(descriptor: int | files.Source, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Yield a stretch of the file in runs of whole lines, each with its offset."""
    size = BLOCK
    while start < stop:
        data = files.read_at(descriptor, start, min(size, stop - start))
        last = start + len(data) >= stop or not data
        cut = len(data) if last else data.rfind(b"\n") + 1
        if cut:
            yield start, data if last else data[:cut]
            start, size = start + cut, BLOCK
        elif not data:
            break
        else:
            size *= 2  # a line longer than a block


def runs(data: bytes, starts: Sequence[int], number: int, row: int) -> Iterator[Block]:
    """Yield the blocks of lines that stand one after the other, each with its end, from `starts[0]` on."""
    view, begin, first = memoryview(data), starts[0], 0
    while first < len(starts):
        after = max(bisect_right(starts, starts[first] + BLOCK) - 1, first + 1)
        stop = starts[after] - begin if after < len(starts) else len(data)
        mark = xxhash.xxh3_64_intdigest(view[starts[first] - begin : stop])
        yield Block(starts[first], number + first, row + first, mark)
        first = after


class Scan:
    """A pass over a stretch of the file.

    Attributes
    ----------
    number, row
        Those of the line that comes next.
    blocks, faults
        What was met so far.
    """

    def __init__(self, number: int = 1, row: int = 0) -> None:
        self.number, self.row = number, row
        self.blocks: list[Block] = []
        self.faults: list[Fault] = []

    def batches(self, descriptor: int | files.Source, start: int, stop: int) -> Iterator[Batch]:
        """Yield the usable lines, block by block."""
        for offset, data in blocks(descriptor, start, stop):
            self.blocks.append(Block(offset, self.number, self.row, xxhash.xxh3_64_intdigest(data)))
            found, failures, self.number = batch(data, offset, self.number)
            self.faults += [Fault(*failure) for failure in failures]
            self.row += len(found)
            yield found
