"""On which side examples stand, and which a split would change: told from the mirror's head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from aitelier_nb.errors import DataError
from aitelier_nb.storage import editing
from aitelier_nb.storage.growing import Marks, Numbers
from aitelier_nb.storage.index import Index

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SIDES", "Assessed", "Bools", "Codes", "Side", "Wanted", "assessed", "coded", "standing", "wanted"]

Side = Literal["train", "val"] | None
Codes = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]

SIDES: tuple[Side, ...] = (None, "train", "val")
CODES = {side: code for code, side in enumerate(SIDES)}
VAL = CODES["val"]


class Assessed(NamedTuple):
    """What a split looks at: of each example its id, rating (0: none), side, group and tally."""

    id: Numbers
    rating: Numbers
    side: Codes
    group: list[str | None] | None
    asked: Marks


def assessed(table: pa.Table) -> Assessed:
    """Return columns of the head as arrays; the group None where no example has one."""
    group = table["group"]
    return Assessed(
        table["id"].to_numpy(),
        table["rating"].fill_null(0).to_numpy().astype(np.int64),
        _codes(table["split"]),
        None if group.null_count == len(group) else group.to_pylist(),
        table["asked"].to_numpy(),
    )


def standing(index: Index) -> tuple[Codes, Bools]:
    """Return the side of each row, and whether its line has a `split` key."""
    table = index.table(["split", "has_split"])
    return _codes(table["split"]), table["has_split"].to_numpy()


def _codes(column: pa.ChunkedArray) -> Codes:
    found = [np.zeros(0, np.int8)]
    for chunk in column.chunks:
        codes = np.array([*map(CODES.__getitem__, chunk.dictionary.to_pylist()), 0], np.int8)
        found.append(codes[chunk.indices.fill_null(len(codes) - 1).to_numpy()])
    return np.concatenate(found)


def coded(splits: Mapping[int, Side]) -> tuple[Numbers, Codes]:
    """Return ids and their sides as arrays."""
    ids = np.fromiter(splits, np.int64, len(splits))
    return ids, np.fromiter(map(CODES.__getitem__, splits.values()), np.int8, len(splits))


class Wanted(NamedTuple):
    """Rows that a split changes, rising: their new sides, and whether their lines have the key already."""

    rows: Numbers
    sides: Codes
    had: Bools


def wanted(index: Index, ids: Numbers, sides: Codes, *, reshuffle: bool) -> Wanted:
    """Return which lines of the file would be others.

    Raises
    ------
    SplitError
        An example would leave validation, and `reshuffle` is not given.
    """
    rows = index.places.find_all(ids)
    if len(unknown := ids[rows < 0]):
        raise DataError(f"there is no example {unknown[0]}", hint="`ait list` shows the ids")
    former, has_key = standing(index)
    if not reshuffle and len(held := ids[(former[rows] == VAL) & (sides != VAL)]):
        raise editing.held_out(int(held[0]))
    chosen = np.flatnonzero((former[rows] != sides) | ((sides == 0) & has_key[rows]))
    chosen = chosen[np.argsort(rows[chosen], kind="stable")]
    return Wanted(rows[chosen], sides[chosen], has_key[rows[chosen]])
