"""Who is trained on and who is kept for validation: placed once, by hash, for ever.

Only examples that have no side yet are placed, so nothing ever moves. Duplicates and groups
stay on one side; whoever is tied to a validation example becomes one too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from aitelier_nb.curation.columns import NONE, TRAIN, VAL, Bools, Columns, Ints, side_of, ties
from aitelier_nb.curation.drawing import first
from aitelier_nb.curation.sizes import shortage
from aitelier_nb.curation.strata import homes, needed, quotas
from aitelier_nb.errors import SplitError

__all__ = ["Assignment", "SplitRow", "Stratum", "assign", "assign_columns"]

FEWEST = 2


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
class Stratum:
    """Examples of one rating and how they are shared out.

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
    `unassigned` count all examples. `moved` is always 0. `shortage` says what validation is too small
    to show, and is empty when it is large enough.
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
    shortage: str = ""

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
        split=np.array([side_of(row.split) for row in rows], dtype=np.int64),
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
    learnt: Bools | None = None,
) -> Assignment:
    """Do the same as `assign` on columns.

    `learnt` marks who some run was trained on and so must never be validation, `held` who must be
    validation if placed.
    """
    qualified = (columns.rating >= threshold) & (columns.rating > 0)
    share = _share(int(qualified.sum()), ratio, holdout, threshold)
    side = _tied(columns, qualified, held, learnt)
    tied = int((side != columns.split).sum())
    stratum = columns.rating
    wanted = quotas(stratum[qualified], share, holdout)
    lacking = needed(wanted, stratum[qualified & (side == VAL)])
    left = np.flatnonzero(qualified & (side == NONE))
    home = homes(columns.id[left], columns.tie[left], stratum[left])
    side[left] = TRAIN
    for name, count in lacking.items():
        members = left[home == name]
        side[members[first(columns.id[members], columns.tie[members], count, seed)]] = VAL
    return _assignment(columns, side, stratum, wanted, qualified, seed, tied)


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


def _tied(columns: Columns, qualified: Bools, held: Bools | None, learnt: Bools | None) -> Ints:
    """Return the sides after placing those whom a run, a lock, a duplicate or a group has decided."""
    side = columns.split.copy()
    free = qualified & (side == NONE)
    if learnt is not None:
        side[free & learnt] = TRAIN
        free &= ~learnt
    if held is not None:
        side[free & held] = VAL
    if (columns.tie >= 0).any():
        for decided in (VAL, TRAIN):
            theirs = np.unique(columns.tie[(side == decided) & (columns.tie >= 0)])
            side[free & (side == NONE) & np.isin(columns.tie, theirs)] = decided
    return side


def _assignment(
    columns: Columns,
    side: Ints,
    stratum: Ints,
    wanted: dict[int, tuple[float, int]],
    qualified: Bools,
    seed: int,
    tied: int,
) -> Assignment:
    placed = np.flatnonzero(side != columns.split)
    train, val = int((side == TRAIN).sum()), int((side == VAL).sum())
    shared = [
        _stratum(name, quota, side[qualified & (stratum == name)])
        for name, (quota, _) in sorted(wanted.items(), reverse=True)
    ]
    usable = int((qualified & (side == VAL)).sum())
    notes = list(_notes(usable, val - usable, tied, sum(whole for _, whole in wanted.values())))
    return Assignment(
        ids=columns.id[placed],
        in_validation=side[placed] == VAL,
        train=train,
        val=val,
        unassigned=len(side) - train - val,
        strata=shared,
        seed=seed,
        notes=notes,
        shortage=shortage(usable),
    )


def _stratum(name: int, quota: float, sides: Ints) -> Stratum:
    return Stratum(
        rating=str(name),
        n=len(sides),
        quota=quota,
        train=int((sides == TRAIN).sum()),
        val=int((sides == VAL).sum()),
    )


def _notes(usable: int, below: int, tied: int, wanted: int) -> Iterable[str]:
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
