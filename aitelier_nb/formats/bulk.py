"""Many lines of plain conversations at once: what most training files are from end to end.

A block of lines is decoded by one call into types that plain conversations fill exactly: what
decodes is what it should be, up to blank texts and the last role. One line in it that is anything
else sends the block to where lines are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from operator import attrgetter, itemgetter
from typing import NamedTuple

import msgspec
import numpy as np

from aitelier_nb.formats import containers
from aitelier_nb.formats.containers import Row
from aitelier_nb.schema import Conversation

__all__ = ["Bulk", "pieces"]

BLOCK = 1 << 15  # bytes: stays in the processor's cache
END = ord("\n")
ASSISTANT = {"assistant"}

_messages, _last = attrgetter("messages"), itemgetter(-1)
_role, _content = attrgetter("role"), attrgetter("content")
_lines = msgspec.json.Decoder(Conversation)


class Bulk(NamedTuple):
    """Rows of nothing but usable messages, one on each line from `line` on (1-based)."""

    line: int
    rows: list[Conversation]


def pieces(text: bytes, name: str) -> Iterator[Bulk | Row]:
    """Yield the rows of a file, plain ones many at a time; in their order, and none gets lost."""
    if containers.container_of(text, name) != "jsonl":
        yield from containers.rows(text, name)
        return
    view, codes = memoryview(text), np.frombuffer(text, np.uint8)
    start, number = 0, 1
    while start < len(text):
        stop = text.rfind(b"\n", start, start + BLOCK) + 1 or text.find(b"\n", start) + 1 or len(text)
        lines = int(np.count_nonzero(codes[start:stop] == END)) + (text[stop - 1] != END)
        rows = _plain(view[start:stop], lines)
        if rows is None:
            yield from containers.line_rows(text[start:stop], number)
        else:
            yield Bulk(number, rows)
        number, start = number + lines, stop


def _plain(block: memoryview, lines: int) -> list[Conversation] | None:
    """Return the rows of a block when all its lines are conversations of plain text, else None."""
    try:
        found: list[Conversation] = _lines.decode_lines(block)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    each = list(map(_messages, found))
    if len(each) != lines or set(map(_role, map(_last, each))) != ASSISTANT:
        return None
    texts = list(map(_content, chain.from_iterable(each)))
    return None if "" in texts or any(map(str.isspace, texts)) else found
