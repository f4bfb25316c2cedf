"""The dialect of each row of many: looked up by its columns, and by their kinds where these tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aitelier_nb.formats import dialects, rankings
from aitelier_nb.formats.dialects import Dialect

__all__ = ["Recogniser"]

# Columns whose kind of value tells of a dialect, not their name alone.
TELLING = frozenset(
    {
        "inputs",
        "outputs",
        "fields",
        "data",
        "output",
        "chat",
        "mapping",
        "prompt",
        "url",
        "request",
        "response",
    }
) | {
    *rankings.MANY,
    *rankings.JUDGES,
}
SPEAKING = frozenset({"chat", "url", *rankings.JUDGES})  # whose very value tells


class Recogniser:
    """Finds the dialects of rows; what is known of one row is known of those like it."""

    def __init__(self) -> None:
        self._telling: dict[tuple[str, ...], list[str]] = {}
        self._known: dict[tuple[object, ...], Dialect | None] = {}

    def find(self, row: Mapping[str, Any], names: tuple[str, ...]) -> Dialect | None:
        """Return the dialect of a row, whose columns are `names`, or None."""
        telling = self._telling.get(names)
        if telling is None:
            telling = self._telling[names] = [name for name in names if name in TELLING]
        kinds = [type(row[name]) for name in telling]
        like = (names, *kinds)
        if like in self._known:
            return self._known[like]
        found = dialects.recognise(row)
        if all(kind in (str, dict) for kind in kinds) and not SPEAKING.intersection(telling):
            self._known[like] = found
        return found
