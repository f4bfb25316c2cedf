"""Numbers in a row that can be added to without copying those that are there."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import numpy.typing as npt

__all__ = ["Growing", "Marks", "Numbers", "Places"]

Numbers = npt.NDArray[np.int64]
Marks = npt.NDArray[np.uint64]

SHARE = 8  # what was added is joined to the rest when it is more than one part in so many


class Growing:
    """Whole numbers in two runs: those of before, and a few that were added, with room at the end.

    Attributes
    ----------
    base, tail
        The two runs.
    """

    def __init__(self, values: npt.NDArray[Any]) -> None:
        self.base = values
        self._room = values[:0]
        self.tail = self._room

    def __len__(self) -> int:
        return len(self.base) + len(self.tail)

    @property
    def values(self) -> npt.NDArray[Any]:
        """All numbers in one run."""
        if len(self.tail):
            self.base = np.concatenate([self.base, self.tail])
            self.tail = self._room = self.base[:0]
        return self.base

    @overload
    def __getitem__(self, rows: int) -> int: ...
    @overload
    def __getitem__(self, rows: Numbers) -> npt.NDArray[Any]: ...
    def __getitem__(self, rows: int | Numbers) -> int | npt.NDArray[Any]:
        """Return the number of a row, or those of some rows."""
        count = len(self.base)
        if not isinstance(rows, np.ndarray):
            return int(self.base[rows] if rows < count else self.tail[rows - count])
        if not len(self.tail) or not len(rows) or rows.max() < count:
            return self.base[rows]
        found = np.empty(len(rows), self.base.dtype)
        late = rows >= count
        found[~late], found[late] = self.base[rows[~late]], self.tail[rows[late] - count]
        return found

    def extend(self, added: npt.NDArray[Any]) -> None:
        """Add numbers; in the mean this costs what the new ones cost."""
        used, wanted = len(self.tail), len(self.tail) + len(added)
        if wanted > len(self._room):
            self._room = np.concatenate([self.tail, np.empty(max(wanted, 64), self.base.dtype)])
        self._room[used:wanted] = added
        self.tail = self._room[:wanted]
        if wanted * SHARE > len(self.base):
            _ = self.values

    def since(self, row: int) -> npt.NDArray[Any]:
        """Return the numbers from a row on."""
        count = len(self.base)
        return self.tail[row - count :] if row >= count else np.concatenate([self.base[row:], self.tail])


class Places:
    """At which row each id stands; of an id that comes twice the first row counts.

    Parameters
    ----------
    column
        The ids, row by row; when it has grown, `add` is called.
    """

    def __init__(self, column: Growing) -> None:
        self._column, ids = column, column.values
        self._rows = len(ids)
        self._risen = _rises(ids)  # all of them so far: they are looked up where they stand
        self._order = None if self._risen else np.argsort(ids, kind="stable")
        self._sorted = ids if self._order is None else ids[self._order]
        self._late: dict[int, int] = {}
        self._highest_late = 0
        self.doubles: list[int] = []
        if self._order is not None:
            again = np.flatnonzero(self._sorted[1:] == self._sorted[:-1]) + 1
            self.doubles = sorted(self._order[again].tolist())

    @property
    def highest(self) -> int:
        """The highest id, 0 when there is none."""
        if self._risen:
            return self._column[self._rows - 1] if self._rows else 0
        return max(int(self._sorted[-1]) if len(self._sorted) else 0, self._highest_late)

    def add(self) -> None:
        """Take in the ids by which the column has grown."""
        new = self._column.since(self._rows)
        last = self._column[self._rows - 1] if self._rows else 0
        if self._risen and len(new) and new[0] > last and _rises(new):
            self._rows += len(new)
            return
        if self._risen:
            self._sorted, self._risen = self._column.values[: self._rows], False
        for row, example in enumerate(new.tolist(), self._rows):
            if self.find(example) is None:
                self._late[example] = row
                self._highest_late = max(self._highest_late, example)
            else:
                self.doubles.append(row)
        self._rows += len(new)

    def find(self, example: int) -> int | None:
        """Return the row of an id, or None."""
        if not self._risen:
            place = _found(self._sorted, example)
            if place is None:
                return self._late.get(example)
            return place if self._order is None else int(self._order[place])
        base, tail = self._column.base, self._column.tail
        place = _found(base, example)
        if place is None and len(tail):
            place = _found(tail, example)
            return None if place is None else len(base) + place
        return place

    def find_all(self, examples: Numbers) -> Numbers:
        """Return the rows of many ids, -1 where there is none."""
        ids = self._column.values if self._risen else self._sorted
        if not len(ids):
            rows = np.full(len(examples), -1)
        else:
            places = np.minimum(np.searchsorted(ids, examples), len(ids) - 1)
            rows = np.where(
                ids[places] == examples, places if self._order is None else self._order[places], -1
            )
        if self._late:
            for place in np.flatnonzero(rows < 0).tolist():
                rows[place] = self._late.get(int(examples[place]), -1)
        return rows


def _found(ids: Numbers, example: int) -> int | None:
    """Return where an id stands in ids that do not fall: the first place of it, or None."""
    if not len(ids):
        return None
    place = int(example) - int(ids[0])  # where it stands if no id was left out, and none comes twice
    if 0 <= place < len(ids) and ids[place] == example and (not place or ids[place - 1] != example):
        return place
    place = int(ids.searchsorted(example))
    return place if place < len(ids) and ids[place] == example else None


def _rises(ids: Numbers) -> bool:
    return bool(np.all(ids[1:] > ids[:-1]))
