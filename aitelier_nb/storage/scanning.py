"""One pass over examples.jsonl: where each line stands, its scalars, and what cannot be used."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import xxhash

from aitelier_nb.storage import files
from aitelier_nb.storage.batches import Batch, batch
from aitelier_nb.storage.lines import Line, PlainLine, PlainTurn, Turn, encode

__all__ = ["Block", "Columns", "Fault", "Scan", "blocks", "collector_paused", "content_key", "original_turns"]

BLOCK = 1 << 20


_turns = msgspec.json.Encoder()


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


def content_key(turns: Sequence[Turn | PlainTurn]) -> int:
    """Return a hash of messages: equal for equal roles and contents, however they are spelt in JSON."""
    return xxhash.xxh3_64_intdigest(_turns.encode(turns))


def original_turns(line: Line | PlainLine) -> list[Turn] | None:
    """Return the messages with the first answer in place of its rewrite; None when it was not rewritten."""
    if isinstance(line, PlainLine) or line.original_output is None:
        return None
    for place in reversed(range(len(line.messages))):
        if line.messages[place].role == "assistant":
            first = msgspec.structs.replace(line.messages[place], content=line.original_output)
            return [*line.messages[:place], first, *line.messages[place + 1 :]]
    return None


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
            [bool(line.flagged) for line in lines],
            [None if line.group is None else str(line.group) for line in lines],
            [_source(line.source) for line in lines],
            found.starts,
            list(map(len, found.bodies)),
            found.hashes,
            [content_key(line.messages) for line in lines],
            [None if first is None else content_key(first) for first in firsts]
            if firsts
            else [None] * len(lines),
        )
        for name, values in zip(NAMES, columns, strict=True):
            self.values[name] += values


def _source(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else encode(value).decode()


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
