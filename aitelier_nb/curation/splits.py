"""Who is trained on and who is kept for validation: placed once, by hash, for ever.

Only examples that have no side yet are placed, so nothing ever moves. Duplicates and groups
stay on one side; whoever is tied to a validation example becomes one too.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from aitelier_nb.errors import SplitError

__all__ = ["Assignment", "Columns", "SplitRow", "Stratum", "assign", "assign_columns", "ties"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

OWN_STRATUM = 5  # a rating with fewer examples shares a stratum with the other small ones
POOLED = 0
NONE, TRAIN, VAL = 0, 1, 2
NAMES = {"train": TRAIN, "val": VAL}
FEWEST = 2
# Two-sided exact sign test: 5 wins of 5 give p = .0625; power .8 at a win rate of .8 needs 23 votes.
FEWEST_VOTES, LIKELY_VOTES = 6, 23


@dataclass(frozen=True, slots=True)
class SplitRow:
    """What the split needs to know of one example; `key` is its exact duplicate key."""

    id: int
    rating: int | None
    split: str | None = None
    group: str | int | None = None
    key: str | None = None
    created_at: str = ""


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


@dataclass(frozen=True)
class Stratum:
    """Examples of one rating (or of several small ones, pooled) and how they are shared out.

    `quota` is the exact share of validation before rounding; all numbers include what was placed before.
    """

    rating: str
    n: int
    quota: float
    train: int
    val: int


@dataclass(frozen=True)
class Assignment:
    """The sides of the examples that were placed now, and the totals after it.

    `ids` and `in_validation` hold only examples that had no side before; `train`, `val` and
    `unassigned` count all examples. `moved` is always 0.
    """

    ids: Ints
    in_validation: Bools
    train: int
    val: int
    unassigned: int
    strata: list[Stratum]
    seed: int
    notes: list[str] = field(default_factory=list)
    moved: int = 0

    @cached_property
    def splits(self) -> dict[int, str]:
        """The new sides: id to "train" or "val"."""
        names = ("train", "val")
        return {
            name: names[side]
            for name, side in zip(self.ids.tolist(), self.in_validation.tolist(), strict=True)
        }

    def to_json(self) -> dict[str, Any]:
        """Return the keys that scripts read."""
        return {
            "train": self.train,
            "val": self.val,
            "unassigned": self.unassigned,
            "moved": self.moved,
            "placed": len(self.ids),
            "strata": [asdict(stratum) for stratum in self.strata],
            "seed": self.seed,
        }


def assign(
    rows: Sequence[SplitRow],
    *,
    threshold: float,
    seed: int,
    ratio: float = 0.8,
    holdout: int | None = None,
    locked_keys: Collection[str] = (),
) -> Assignment:
    """Place the examples that have no side yet; leave all others where they are.

    Parameters
    ----------
    rows
        All examples, in any order: the result does not depend on it.
    threshold
        The lowest rating that is placed (1-10).
    seed
        With its id it gives each example its place in the order.
    ratio
        The share of training examples, above 0 and below 1.
    holdout
        The number of validation examples, instead of `ratio`.
    locked_keys
        Duplicate keys of validation examples that are gone: who has one goes to validation.

    Raises
    ------
    SplitError
        Fewer than two examples at or above the threshold, or an impossible ratio or holdout.
    """
    columns = Columns(
        id=np.array([row.id for row in rows], dtype=np.int64),
        rating=np.array([row.rating or 0 for row in rows], dtype=np.int64),
        split=np.array([NAMES.get(row.split or "", NONE) for row in rows], dtype=np.int64),
        tie=ties([row.key for row in rows], [row.group for row in rows]),
    )
    held = np.array([row.key in locked_keys for row in rows], dtype=np.bool_)
    return assign_columns(columns, threshold=threshold, seed=seed, ratio=ratio, holdout=holdout, held=held)


def assign_columns(
    columns: Columns,
    *,
    threshold: float,
    seed: int,
    ratio: float = 0.8,
    holdout: int | None = None,
    held: Bools | None = None,
) -> Assignment:
    """Do the same as `assign` on columns; `held` marks who must go to validation if placed."""
    qualified = (columns.rating >= threshold) & (columns.rating > 0)
    share = _share(int(qualified.sum()), ratio, holdout, threshold)
    side = _tied(columns, qualified, held)
    tied = int((side != columns.split).sum())
    stratum = _strata(columns.rating, qualified)
    quotas = _quotas(stratum[qualified], share, holdout)
    needed = _needed(quotas, stratum[qualified & (side == VAL)])
    left = np.flatnonzero(qualified & (side == NONE))
    home = _homes(columns.id[left], columns.tie[left], stratum[left])
    side[left] = TRAIN
    for name, count in needed.items():
        members = left[home == name]
        side[members[_first(columns.id[members], columns.tie[members], count, seed)]] = VAL
    return _assignment(columns, side, stratum, quotas, qualified, seed, tied)


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


def _share(n: int, ratio: float, holdout: int | None, threshold: float) -> float:
    """Return the share of validation among the n qualified examples; refuse what cannot be."""
    if n < FEWEST:
        count = "no example is" if n == 0 else "only 1 example is"
        raise SplitError(
            f"{count} rated {threshold:g} or higher: a split needs at least {FEWEST}",
            hint="rate or rewrite more examples, with ait.rate() or `ait rate`",
        )
    if holdout is not None:
        if not 0 < holdout < n:
            raise SplitError(
                f"holdout={holdout} is impossible with {n} examples rated {threshold:g} or higher",
                hint=f"give a number from 1 to {n - 1}",
            )
        return holdout / n
    if not 0 < ratio < 1:
        raise SplitError(
            f"ratio={ratio} is no share of training examples", hint="give one above 0 and below 1, like 0.8"
        )
    return 1 - ratio


def _tied(columns: Columns, qualified: Bools, held: Bools | None) -> Ints:
    """Return the sides after placing those whom a duplicate, a group or a lock has decided."""
    side = columns.split.copy()
    free = qualified & (side == NONE)
    if held is not None:
        side[free & held] = VAL
    if (columns.tie >= 0).any():
        for decided in (VAL, TRAIN):
            theirs = np.unique(columns.tie[(side == decided) & (columns.tie >= 0)])
            side[free & (side == NONE) & np.isin(columns.tie, theirs)] = decided
    return side


def _strata(rating: Ints, qualified: Bools) -> Ints:
    """Return each example's stratum: its rating, or POOLED where fewer than five share it."""
    counts = np.bincount(rating[qualified], minlength=11)
    own = np.where(counts >= OWN_STRATUM, np.arange(len(counts)), POOLED)
    return np.asarray(own[np.clip(rating, 0, len(counts) - 1)], dtype=np.int64)


def _quotas(stratum: Ints, share: float, holdout: int | None) -> dict[int, tuple[float, int]]:
    """Return per stratum the exact and the rounded number of validation examples.

    Largest remainders: each is within one of its exact quota, and the sum is the rounded total.
    """
    names, counts = np.unique(stratum, return_counts=True)
    exact = np.round(counts * share, 9)
    total = holdout or min(max(int(len(stratum) * share + 0.5 + 1e-9), 1), len(stratum) - 1)
    rounded = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(-(exact - rounded), kind="stable")
    rounded[by_remainder[: max(total - int(rounded.sum()), 0)]] += 1
    return {
        int(name): (float(quota), int(whole))
        for name, quota, whole in zip(names, exact, rounded, strict=True)
    }


def _needed(quotas: dict[int, tuple[float, int]], present: Ints) -> dict[int, int]:
    """Return how many validation examples each stratum still lacks, in all no more than the total lacks."""
    have = {name: int((present == name).sum()) for name in quotas}
    lacking = {name: max(whole - have[name], 0) for name, (_, whole) in quotas.items()}
    surplus = sum(lacking.values()) - max(sum(whole for _, whole in quotas.values()) - len(present), 0)
    for name in sorted(lacking, key=lambda name: quotas[name][0] - quotas[name][1]):
        cut = min(surplus, lacking[name])
        lacking[name] -= cut
        surplus -= cut
    return lacking


def _homes(ids: Ints, tie: Ints, stratum: Ints) -> Ints:
    """Return the stratum where each example is drawn: for the tied that of the lowest id among them."""
    tied = np.flatnonzero(tie >= 0)
    if not len(tied):
        return stratum
    home = stratum.copy()
    by_id = tied[np.argsort(ids[tied])]
    _, first, block = np.unique(tie[by_id], return_index=True, return_inverse=True)
    home[by_id] = stratum[by_id][first][block]
    return home


def _first(ids: Ints, tie: Ints, count: int, seed: int) -> Ints:
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


def _assignment(
    columns: Columns,
    side: Ints,
    stratum: Ints,
    quotas: dict[int, tuple[float, int]],
    qualified: Bools,
    seed: int,
    tied: int,
) -> Assignment:
    placed = np.flatnonzero(side != columns.split)
    train, val = int((side == TRAIN).sum()), int((side == VAL).sum())
    strata = [
        _stratum(name, quota, side[qualified & (stratum == name)])
        for name, (quota, _) in sorted(quotas.items(), reverse=True)
    ]
    usable = int((qualified & (side == VAL)).sum())
    notes = list(_notes(usable, val - usable, tied, sum(whole for _, whole in quotas.values())))
    return Assignment(
        ids=columns.id[placed],
        in_validation=side[placed] == VAL,
        train=train,
        val=val,
        unassigned=len(side) - train - val,
        strata=strata,
        seed=seed,
        notes=notes,
    )


def _stratum(name: int, quota: float, sides: Ints) -> Stratum:
    return Stratum(
        rating="others" if name == POOLED else str(name),
        n=len(sides),
        quota=quota,
        train=int((sides == TRAIN).sum()),
        val=int((sides == VAL).sum()),
    )


def _notes(usable: int, below: int, tied: int, wanted: int) -> Iterable[str]:
    if usable < FEWEST_VOTES:
        yield (
            f"Validation holds {usable} examples: fewer than {FEWEST_VOTES} votes can never show "
            f"a difference (p < .05); {LIKELY_VOTES} will usually do when the tuned model wins 8 of 10."
        )
    elif usable < LIKELY_VOTES:
        yield (
            f"Validation holds {usable} examples: only a large difference will show; "
            f"{LIKELY_VOTES} will usually do when the tuned model wins 8 of 10, 54 when it wins 7 of 10."
        )
    if tied:
        yield f"{tied} went to the side of their duplicates or their group."
    if usable < wanted:
        yield (
            f"Validation is {wanted - usable} smaller than asked: "
            "what is there stays where it is, and duplicates stay together."
        )
    if below:
        yield (
            f"{below} validation examples are rated below the threshold now: "
            "they stay in validation, and are left out of files."
        )
