"""Which content is there already: examples by the hash of their messages, rewritten ones by both texts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from aitelier_nb.storage import parts
from aitelier_nb.storage.fingerprints import content_key
from aitelier_nb.storage.lines import Line, parse
from aitelier_nb.storage.scanning import original_turns
from aitelier_nb.storage.state import State

__all__ = ["key", "known", "own_key"]


def own_key(line: Line) -> int:
    """Return the hash of a line's messages as they stand."""
    return content_key(line.messages)


def key(line: Line, own: int) -> int:
    """Return the hash of a new line's content: with the first answer where there is one, else its own."""
    first = original_turns(line)
    return own if first is None else content_key(first)


def _holds(line: Line, content: int) -> bool:
    first = original_turns(line)
    return content_key(line.messages) == content or (first is not None and content_key(first) == content)


def known(state: State, contents: Iterable[int]) -> dict[int, int]:
    """Return the ids of examples that have one of these contents, by content."""
    index = state.index
    found: dict[int, int] = {}
    if not len(index) and not state.pending:
        return found
    wanted = np.unique(np.fromiter(contents, np.uint64))
    for name in ("content", "first"):
        column = parts.numbers(index.parts, name)
        for row in np.flatnonzero(np.isin(column, wanted)).tolist():
            example = index.ids[row]
            if example not in state.pending and index.row(example) == row:
                found.setdefault(int(column[row]), example)
    for example, body in state.pending.items():
        line = None if body is None else parse(body)
        if line is not None:
            for content in wanted.tolist():
                if content not in found and _holds(line, content):
                    found[content] = example
    return found
