"""Many lines of plain conversations at once: what most training files are from end to end.

A block of lines is read and judged as a whole; one line in it that is anything but plain turns
sends the block to where lines are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from aitelier_nb.formats import containers
from aitelier_nb.formats.containers import Row
from aitelier_nb.formats.conversations import ROLES

__all__ = ["Bulk", "pieces"]

BLOCK = 1 << 15  # bytes: stays in the processor's cache
ASSISTANT = {"assistant"}

_lines = msgspec.json.Decoder()


class Bulk(NamedTuple):
    """Rows of nothing but usable messages, one on each line from `line` on (1-based)."""

    line: int
    rows: list[dict[str, Any]]


def pieces(text: bytes, name: str) -> Iterator[Bulk | Row]:
    """Yield the rows of a file, plain ones many at a time; in their order, and none gets lost."""
    if containers.container_of(text, name) != "jsonl":
        yield from containers.rows(text, name)
        return
    start, number = 0, 1
    while start < len(text):
        stop = text.rfind(b"\n", start, start + BLOCK) + 1 or text.find(b"\n", start) + 1 or len(text)
        block = text[start:stop]
        lines = block.count(b"\n") + (not block.endswith(b"\n"))
        rows = _plain(block, lines)
        if rows is None:
            yield from containers.line_rows(block, number)
        else:
            yield Bulk(number, rows)
        number, start = number + lines, stop


def _plain(block: bytes, lines: int) -> list[dict[str, Any]] | None:
    """Return the rows of a block when all its lines are conversations of plain text, else None."""
    try:
        rows: list[dict[str, Any]] = _lines.decode_lines(block)
        turns = [turn for row in rows for turn in row["messages"]]
        plain = (
            len(rows) == lines
            and set(map(len, rows)) == {1}
            and {type(row["messages"]) for row in rows} == {list}
            and {row["messages"][-1]["role"] for row in rows} == ASSISTANT
            and set(map(len, turns)) == {2}
            and ROLES.issuperset([turn["role"] for turn in turns])
            and all(map(str.strip, [turn["content"] for turn in turns]))  # what is no text raises
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return None
    return rows if plain else None
