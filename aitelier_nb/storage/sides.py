"""On which side examples stand, and which a split would change: told from the mirror's head."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from aitelier_nb.errors import DataError
from aitelier_nb.storage import editing, heads, overlay
from aitelier_nb.storage.growing import Marks, Numbers
from aitelier_nb.storage.heads import CODES
from aitelier_nb.storage.index import Index
from aitelier_nb.storage.pending import Pending

__all__ = ["Assessed", "Bools", "Codes", "Side", "Wanted", "assessed", "coded", "standing", "wanted"]

Side = Literal["train", "val"] | None
Codes = npt.NDArray[np.int8]
Bools = npt.NDArray[np.bool_]

VAL = CODES["val"]


class Assessed(NamedTuple):
    """What a split looks at: of each example its id, rating (0: none), side, group and tally."""

    id: Numbers
    rating: Numbers
    side: Codes
    group: list[str | None] | None
    asked: Marks


def assessed(index: Index, pending: Pending) -> Assessed:
    """Return what a split looks at, with the edits that wait; no line is read but edited ones."""
    if pending or index.places.doubles:
        table = overlay.overlaid(index, pending, ("id", "rating", "split", "group", "asked"))
        group, rating = table["group"], table["rating"].fill_null(0).to_numpy()
        ids, side, asked = table["id"].to_numpy(), heads.side_codes(table["split"]), table["asked"].to_numpy()
    else:
        index.learn("id", "rating", "split", "asked")
        group = index.table(["group"])["group"]
        ids, rating, side, asked = map(index.column, ("id", "rating", "split", "asked"))
    named = None if group.null_count == len(group) else group.to_pylist()
    return Assessed(ids, rating.astype(np.int64), side, named, asked)


def standing(index: Index) -> tuple[Codes, Bools]:
    """Return the side of each row, and whether its line has a `split` key."""
    return index.column("split"), index.column("has_split").astype(bool)


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
