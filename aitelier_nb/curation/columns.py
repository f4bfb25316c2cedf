"""Many examples as arrays of equal length: what a split looks at."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["NONE", "TRAIN", "VAL", "Bools", "Columns", "Ints", "side_of", "ties"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NONE, TRAIN, VAL = 0, 1, 2
NAMES = {"train": TRAIN, "val": VAL}


@dataclass(frozen=True)
class Columns:
    """The same for many examples, as arrays of equal length.

    `rating` is 0 where there is none; `split` is 0 (none), 1 (train) or 2 (val); `tie` is equal
    for examples that must stay on one side, and -1 for one that is tied to nobody (see `ties`).
    """

    id: Ints
    rating: Ints
    split: Ints
    tie: Ints


def side_of(split: str | None) -> int:
    """Return the number of a side; 0 for an example without one."""
    return NAMES.get(split or "", NONE)


def ties(keys: Sequence[Hashable | None], groups: Sequence[Hashable | None]) -> Ints:
    """Return one number per example, equal for those joined by an equal key or an equal group.

    Joined is transitive; None and "" join nobody; -1 is who is joined to nobody.
    """
    parent: dict[int, int] = {}
    for values in (keys, groups):
        first: dict[Hashable, int] = {}
        for place, value in enumerate(values):
            if value is None or value == "":
                continue
            other = first.setdefault(value, place)
            if other != place:
                low, high = sorted((_root(parent, other), _root(parent, place)))
                parent[high] = low
    found = np.full(len(keys), -1, dtype=np.int64)
    for place in parent:
        found[place] = _root(parent, place)
    return found


def _root(parent: dict[int, int], place: int) -> int:
    parent.setdefault(place, place)
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place
