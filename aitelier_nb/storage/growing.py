"""Numbers in a row that can be added to without copying those that are there."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Growing", "Marks", "Numbers", "Places"]

Numbers = npt.NDArray[np.int64]
Marks = npt.NDArray[np.uint64]


class Growing:
    """Whole numbers with room at the end; `values` is a view of those in use."""

    def __init__(self, values: npt.NDArray[Any]) -> None:
        self._room = values
        self.values = values

    def extend(self, added: npt.NDArray[Any]) -> None:
        """Add numbers; in the mean this costs what the new ones cost."""
        used, wanted = len(self.values), len(self.values) + len(added)
        if wanted > len(self._room) or not self._room.flags.writeable:
            self._room = np.concatenate([self.values, np.empty(max(wanted, 64), self._room.dtype)])
        self._room[used:wanted] = added
        self.values = self._room[:wanted]


class Places:
    """At which row each id stands; of an id that comes twice the first row counts.

    Parameters
    ----------
    column
        The ids, row by row; when it has grown, `add` is called.
    """

    def __init__(self, column: Growing) -> None:
        self._column, ids = column, column.values
        self._count = self._rows = len(ids)
        self._order = None if _rises(ids) else np.argsort(ids, kind="stable")
        self._sorted = ids if self._order is None else ids[self._order]
        self._lowest = int(self._sorted[0]) if self._count else 0
        self._late: dict[int, int] = {}
        self._highest_late = 0
        self.doubles: list[int] = []
        if self._order is not None:
            again = np.flatnonzero(self._sorted[1:] == self._sorted[:-1]) + 1
            self.doubles = sorted(self._order[again].tolist())

    @property
    def highest(self) -> int:
        """The highest id, 0 when there is none."""
        return max(int(self._sorted[-1]) if self._count else 0, self._highest_late)

    def add(self) -> None:
        """Take in the ids by which the column has grown."""
        ids = self._column.values
        if self._order is None and not self._late and _rises(ids[max(self._rows - 1, 0) :]):
            self._sorted, self._count, self._rows = ids, len(ids), len(ids)
            self._lowest = int(ids[0])
            return
        for row, example in enumerate(ids[self._rows :].tolist(), self._rows):
            if self.find(example) is None:
                self._late[example] = row
                self._highest_late = max(self._highest_late, example)
            else:
                self.doubles.append(row)
        self._rows = len(ids)

    def find(self, example: int) -> int | None:
        """Return the row of an id, or None."""
        place = example - self._lowest  # where it stands if no id before it was left out
        if self._order is None and 0 <= place < self._count and self._sorted[place] == example:
            return place
        place = int(self._sorted.searchsorted(example))
        if place < self._count and self._sorted[place] == example:
            return place if self._order is None else int(self._order[place])
        return self._late.get(example)

    def find_all(self, examples: Numbers) -> Numbers:
        """Return the rows of many ids, -1 where there is none."""
        if not self._count:
            rows = np.full(len(examples), -1)
        else:
            places = np.minimum(np.searchsorted(self._sorted, examples), self._count - 1)
            rows = np.where(
                self._sorted[places] == examples, places if self._order is None else self._order[places], -1
            )
        if self._late:
            for place in np.flatnonzero(rows < 0).tolist():
                rows[place] = self._late.get(int(examples[place]), -1)
        return rows


def _rises(ids: Numbers) -> bool:
    return bool(np.all(ids[1:] > ids[:-1]))
