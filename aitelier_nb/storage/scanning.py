"""One pass over examples.jsonl: where each line stands, its scalars, and what cannot be used."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import msgspec
import xxhash

from aitelier_nb.errors import DataError
from aitelier_nb.storage import files
from aitelier_nb.storage.lines import BOM, Line, Turn, encode, line_hash, parse

__all__ = ["Block", "Columns", "Fault", "blocks", "collector_paused", "content_key", "original_turns", "scan"]

BLOCK = 1 << 20
SPACE = b" \t\r\n"

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


def content_key(turns: list[Turn]) -> int:
    """Return a hash of messages: equal for equal roles and contents, however they are spelt in JSON."""
    return xxhash.xxh3_64_intdigest(_turns.encode(turns))


def original_turns(line: Line) -> list[Turn] | None:
    """Return the messages with the first answer in place of its rewrite; None when it was not rewritten."""
    if line.original_output is None:
        return None
    for place in reversed(range(len(line.messages))):
        if line.messages[place].role == "assistant":
            first = msgspec.structs.replace(line.messages[place], content=line.original_output)
            return [*line.messages[:place], first, *line.messages[place + 1 :]]
    return None


def text_of(turn: Turn) -> str:
    """Return a turn as text: its content, or its text parts one after the other."""
    content = turn.content
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content or [])


class Columns:
    """The scalars of usable lines, a list each, in the order of the file."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {name: [] for name in NAMES}
        self._appends = [self.values[name].append for name in NAMES]

    def __len__(self) -> int:
        return len(self.values["id"])

    def add(self, line: Line, body: bytes, start: int) -> None:
        """Take in one usable line."""
        first = original_turns(line)
        values = (
            line.id,
            line.rating,
            line.split,
            line.created_at,
            line.version,
            len(line.messages),
            sum([len(text_of(turn)) for turn in line.messages]),
            bool(line.flagged),
            None if line.group is None else str(line.group),
            line.source if isinstance(line.source, str | None) else encode(line.source).decode(),
            start,
            len(body),
            line_hash(body),
            content_key(line.messages),
            None if first is None else content_key(first),
        )
        for append, value in zip(self._appends, values, strict=True):
            append(value)


NAMES = (
    *("id", "rating", "split", "created_at", "version", "n_turns", "n_chars", "flagged", "group", "source"),
    *("start", "length", "hash", "content", "first"),
)


def blocks(descriptor: int, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Yield a stretch of the file in runs of whole lines, each with its offset."""
    rest = b""
    while start < stop:
        data = files.read_at(descriptor, start, min(BLOCK, stop - start))
        if not data:
            break
        start += len(data)
        cut = data.rfind(b"\n") + 1
        if not cut and start < stop:
            rest += data
            continue
        whole, left = (data[:cut], data[cut:]) if start < stop else (data, b"")
        yield start - len(left) - len(whole) - len(rest), rest + whole
        rest = left
    if rest:
        yield start - len(rest), rest


def scan(
    descriptor: int, start: int, stop: int, number: int, row: int
) -> tuple[Columns, list[Block], list[Fault], int]:
    """Read the lines of a stretch; return columns, blocks, faults, and the number of the next line."""
    columns = Columns()
    found: list[Block] = []
    faults: list[Fault] = []
    with collector_paused():
        for offset, data in blocks(descriptor, start, stop):
            found.append(Block(offset, number, row + len(columns), xxhash.xxh3_64_intdigest(data)))
            number = _scan_block(data, offset, number, columns, faults)
    return columns, found, faults, number


def _scan_block(data: bytes, offset: int, number: int, columns: Columns, faults: list[Fault]) -> int:
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for text in lines:
        body, start = stripped(text, offset)
        if body:
            try:
                columns.add(parse(body), body, start)
            except DataError as error:
                faults.append(Fault(number, str(error), error.hint))
        offset += len(text) + 1
        number += 1
    return number


def stripped(text: bytes, offset: int) -> tuple[bytes, int]:
    """Return a line without the space around it and the byte order mark, and where that begins."""
    if text[:1] == b"{" and text[-1:] == b"}":
        return text, offset
    start = len(BOM) if not offset and text.startswith(BOM) else 0
    body = text[start:].lstrip(SPACE)
    return body.rstrip(SPACE), offset + len(text) - len(body)
