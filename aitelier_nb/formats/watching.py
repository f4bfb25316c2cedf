"""A row that remembers which of its columns were looked at, so that the others can be told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aitelier_nb.formats.dialects import MADE_ANEW

__all__ = ["Watched"]

REPEATED = frozenset({"system", "input", "output"})  # beside messages, in the tables that we write
SHOWN = 8


class Watched(dict[str, Any]):
    """One row, in place of the dict it was made from."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        super().__init__(row)
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        """Return a column, and remember it."""
        self._read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a column or the default, and remember the name."""
        self._read.add(name)
        return super().get(name, default)

    def left_out(self, examples: Sequence[Mapping[str, Any]]) -> str:
        """Return what to tell of the columns that were neither looked at nor kept; "" when there are none."""
        kept = examples[0] if examples else self
        silent = MADE_ANEW | (REPEATED if "messages" in self else frozenset())
        left = [
            str(name) for name in self if name not in self._read and name not in kept and name not in silent
        ]
        if not left:
            return ""
        more = f" and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        return f"columns that have no place in an example were left out: {', '.join(left[:SHOWN]):.200}{more}"
