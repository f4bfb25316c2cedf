"""Who comes first: an order by hash of seed and id, the same on every machine and in any order of rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aitelier_nb.curation.columns import Ints

__all__ = ["first"]


def first(ids: Ints, tie: Ints, count: int, seed: int) -> Ints:
    """Return the places of the `count` examples that come first by hash; the tied come together."""
    if count <= 0 or not len(ids):
        return np.empty(0, dtype=np.int64)
    hashes = _hashes(ids, seed)
    if (tie < 0).all():
        everyone = np.arange(len(ids))
        return everyone if count >= len(ids) else np.argpartition(hashes, count - 1)[:count]
    _, block = np.unique(np.where(tie < 0, -2 - np.arange(len(ids)), tie), return_inverse=True)
    sizes = np.bincount(block)
    earliest = np.full(len(sizes), np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(earliest, block, hashes)
    chosen = np.zeros(len(sizes), dtype=np.bool_)
    for place in np.argsort(earliest):
        if sizes[place] <= count:
            chosen[place] = True
            count -= int(sizes[place])
        if count == 0:
            break
    return np.flatnonzero(chosen[block])


def _hashes(ids: Ints, seed: int) -> npt.NDArray[np.uint64]:
    """Return splitmix64 of (seed, id): one to one for a seed, and the same on every machine.

    Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    mixed = _mix(np.array([seed % 2**64], dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15))
    return _mix(ids.astype(np.uint64) + mixed)


def _mix(z: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
