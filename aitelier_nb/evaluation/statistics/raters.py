"""Raters with each other and a rater with himself.

Sources: Cohen 1960 and 1968 (kappa, weighted), Light 1971 (the mean over pairs of raters),
Krippendorff 2011 (alpha), Bland & Altman 1996 and 1999 (repeatability, limits of agreement).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.statistics.outcomes import Interval, count

__all__ = ["Agreement", "Flips", "SelfConsistency", "agreement", "cohen", "flips", "self_consistency"]

BLAND_ALTMAN = 1.96  # the papers' own rounding of the quantile

Floats = NDArray[np.float64]
Value = float | str
Distance = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Agreement:
    """How far raters agree; None is undefined (no shared examples, or no variation to agree about).

    `exact` and `within_one` are shares of pairs of ratings. Kappas are means over pairs of raters.
    Weighted kappas and ordinal and interval alpha need numbers.
    """

    exact: float | None
    within_one: float | None
    kappa: float | None
    kappa_linear: float | None
    kappa_quadratic: float | None
    alpha_nominal: float | None
    alpha_ordinal: float | None
    alpha_interval: float | None


@dataclass(frozen=True)
class SelfConsistency:
    """The same examples rated twice by one rater.

    `within_sd` is sqrt(sum d^2 / 2n) in points; two ratings of one example differ by less than
    `repeatability` in 95 % of cases; `drift` is the mean of first minus repeat, `limits` its limits
    of agreement.
    """

    exact: float | None
    within_one: float | None
    within_sd: float | None
    repeatability: float | None
    drift: float | None
    limits: Interval | None


@dataclass(frozen=True)
class Flips:
    """The same pairs voted on twice: share with the preference reversed, share with any change."""

    flip_rate: float | None
    change_rate: float | None


def agreement(ratings: Sequence[Sequence[Value | None]]) -> Agreement:
    """Compare raters.

    Parameters
    ----------
    ratings
        One list per rater over the same examples in the same order, None where not rated.
    """
    if len({len(row) for row in ratings}) > 1:
        raise EvaluationError(
            "the raters' lists differ in length",
            hint="give each rater one value an example, None where not rated",
        )
    scale, coded, numeric = _coded(ratings)
    tables = [_table(coded[i], coded[j], len(scale)) for i, j in combinations(range(len(coded)), 2)]
    nominal = (scale[:, None] != scale[None, :]).astype(np.float64)
    units = _units(coded, len(scale))
    far = np.abs(scale[:, None] - scale[None, :])
    return Agreement(
        exact=_share(tables, nominal == 0),
        within_one=_share(tables, far <= 1) if numeric else None,
        kappa=_light(tables, nominal),
        kappa_linear=_light(tables, far) if numeric else None,
        kappa_quadratic=_light(tables, far**2) if numeric else None,
        alpha_nominal=_alpha(units, nominal),
        alpha_ordinal=_alpha(units, _ordinal(units)) if numeric else None,
        alpha_interval=_alpha(units, far**2) if numeric else None,
    )


def _coded(ratings: Sequence[Sequence[Value | None]]) -> tuple[Floats, NDArray[np.int64], bool]:
    """Return the values that occur, each rating as a place among them (-1: none), and if they are numbers."""
    rows = [list(row) for row in ratings]
    if not any(isinstance(value, str) for row in rows for value in row):
        given = np.array(rows, dtype=np.float64)
        known = ~np.isnan(given)
        scale, places = np.unique(given[known], return_inverse=True)
        coded = np.full(given.shape, -1, dtype=np.int64)
        coded[known] = places
        return scale, coded, True
    names = sorted({str(value) for row in rows for value in row if value is not None})
    place = {name: number for number, name in enumerate(names)}
    coded = np.array([[-1 if v is None else place[str(v)] for v in row] for row in rows], dtype=np.int64)
    return np.arange(len(names), dtype=np.float64), coded, False


def _table(first: NDArray[np.int64], second: NDArray[np.int64], size: int) -> Floats:
    """Count how often one rater said i and the other j, over what both rated."""
    both = (first >= 0) & (second >= 0)
    counts = np.bincount(first[both] * size + second[both], minlength=size * size)
    return np.asarray(counts.reshape(size, size), dtype=np.float64)


def _share(tables: Sequence[Floats], alike: NDArray[np.bool_]) -> float | None:
    total = sum(float(table.sum()) for table in tables)
    return sum(float(table[alike].sum()) for table in tables) / total if total else None


def cohen(table: Floats, distance: Floats) -> float | None:
    """Return one minus observed over expected disagreement; None when none is to be expected."""
    n = table.sum()
    if not n:
        return None
    expected = float((np.outer(table.sum(axis=1), table.sum(axis=0)) * distance).sum()) / float(n)
    return 1 - float((table * distance).sum()) / expected if expected else None


def _light(tables: Sequence[Floats], distance: Floats) -> float | None:
    kappas = [kappa for table in tables if (kappa := cohen(table, distance)) is not None]
    return sum(kappas) / len(kappas) if kappas else None


def _units(coded: NDArray[np.int64], size: int) -> Floats:
    """Return examples by values: how many raters gave each; examples with one rating are left out."""
    if not size:
        return np.zeros((0, 0))
    units = np.stack([(coded == value).sum(axis=0) for value in range(size)], axis=1).astype(np.float64)
    return np.asarray(units[units.sum(axis=1) > 1])


def _ordinal(units: Floats) -> Floats:
    """Return Krippendorff's ordinal distance: the ratings that lie between two values, squared."""
    totals = units.sum(axis=0)
    middle = np.cumsum(totals) - totals / 2
    return np.asarray((middle[:, None] - middle[None, :]) ** 2)


def _alpha(units: Floats, distance: Floats) -> float | None:
    """Return Krippendorff's alpha from examples by values and squared distances between values."""
    n = units.sum()
    if not n:
        return None
    totals = units.sum(axis=0)
    expected = float(totals @ distance @ totals) / float(n - 1)
    pairs = ((units @ distance) * units).sum(axis=1)
    return 1 - float((pairs / (units.sum(axis=1) - 1)).sum()) / expected if expected else None


def self_consistency(first: Sequence[float | None], repeat: Sequence[float | None]) -> SelfConsistency:
    """Compare a rater's scores with his own scores of the same examples, seen again."""
    pairs = _paired(first, repeat)
    differences = np.array([a - b for a, b in pairs], dtype=np.float64)
    n = len(differences)
    if not n:
        return SelfConsistency(None, None, None, None, None, None)
    within = math.sqrt(float((differences**2).sum()) / (2 * n))
    drift = float(differences.mean())
    half = BLAND_ALTMAN * float(differences.std(ddof=1)) if n > 1 else None
    return SelfConsistency(
        exact=float((differences == 0).mean()),
        within_one=float((np.abs(differences) <= 1).mean()),
        within_sd=within,
        repeatability=BLAND_ALTMAN * math.sqrt(2) * within,
        drift=drift,
        limits=(drift - half, drift + half) if half is not None else None,
    )


def _paired(first: Sequence[float | None], repeat: Sequence[float | None]) -> list[tuple[float, float]]:
    if len(first) != len(repeat):
        raise EvaluationError(
            f"{len(first)} first ratings cannot be paired with {len(repeat)} repeats",
            hint="give both of the same examples in the same order",
        )
    pairs = ((a, b) for a, b in zip(first, repeat, strict=True) if a is not None and b is not None)
    return [(a, b) for a, b in pairs if math.isfinite(a) and math.isfinite(b)]


def flips(first: Iterable[str], repeat: Iterable[str]) -> Flips:
    """Compare votes with the same rater's votes on the same pairs, shown again with the sides swapped."""
    before, after = list(first), list(repeat)
    if len(before) != len(after):
        raise EvaluationError(
            f"{len(before)} first votes cannot be paired with {len(after)} repeats",
            hint="give both of the same pairs in the same order",
        )
    count([*before, *after])
    n = len(before)
    if not n:
        return Flips(None, None)
    pairs = Counter(zip(before, after, strict=True))
    return Flips(
        flip_rate=(pairs["W", "L"] + pairs["L", "W"]) / n,
        change_rate=sum(number for (a, b), number in pairs.items() if a != b) / n,
    )
