"""One pass over examples.jsonl: where each line stands, its scalars, and what cannot be used."""

from __future__ import annotations

import gc
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import xxhash

from aitelier_nb.storage import files
from aitelier_nb.storage.batches import Batch, batch
from aitelier_nb.storage.lines import Line, PlainLine, Turn, content_key, encode

__all__ = ["Block", "Columns", "Fault", "Scan", "blocks", "collector_paused", "original_turns", "runs"]

BLOCK = 1 << 20


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


_flagged = attrgetter("flagged")


class Columns:
    """The scalars of usable lines, a list each, in the order of the file."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {name: [] for name in NAMES}

    def __len__(self) -> int:
        return len(self.values["id"])

    def extend(self, found: Batch) -> None:
        """Take in some lines."""
        lines = found.lines
        firsts = None if found.plain else [original_turns(line) for line in lines]
        columns: tuple[list[Any], ...] = (
            [line.id for line in lines],
            [line.rating for line in lines],
            [line.split for line in lines],
            [line.created_at for line in lines],
            [line.version for line in lines],
            found.counts,
            found.sizes,
            list(map(bool, map(_flagged, lines))),
            [None if line.group is None else str(line.group) for line in lines],
            [None if line.source is None else _source(line.source) for line in lines],
            found.starts,
            list(map(len, found.bodies)),
            found.hashes,
            found.contents,
            [None if first is None else content_key(first) for first in firsts]
            if firsts
            else [None] * len(lines),
        )
        for name, values in zip(NAMES, columns, strict=True):
            self.values[name] += values


def _source(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode()


NAMES = (
    *("id", "rating", "split", "created_at", "version", "n_turns", "n_chars", "flagged", "group", "source"),
    *("start", "length", "hash", "content", "first"),
)


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
