"""Scores from 1 to 10: the paired difference of two models, and error bars of a mean.

Sources: Miller 2024 (paired and clustered errors); Fisher and Pitman (sign flips); Efron (percentile
bootstrap over examples).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.statistics.outcomes import Interval, finite
from aitelier_nb.evaluation.statistics.proportions import student
from aitelier_nb.evaluation.statistics.resampling import percentiles, sign_flips

__all__ = ["MeanError", "PairedDifference", "mean_error", "paired_difference"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PairedDifference:
    """Tuned minus base on the same examples.

    `interval` and `p` are Student's t, `p_permutation` is the share of all sign flips that are as far
    from 0, `effect` is the mean in standard deviations of the differences, `bootstrap` the percentile
    interval over all resamples of examples. Both are exact where scores lie on a grid, as whole points
    and their medians do; else up to 20 pairs, then 100,000 flips and 10,000 resamples are drawn with
    the seed. Where all differences are equal the t-values are None.
    """

    mean: float | None
    se: float | None
    interval: Interval | None
    p: float | None
    p_permutation: float | None
    effect: float | None
    bootstrap: Interval | None


@dataclass(frozen=True)
class MeanError:
    """A mean and its standard error; clustered when examples share a group."""

    mean: float | None
    se: float | None


def paired_difference(base: Sequence[float], tuned: Sequence[float], seed: int = 0) -> PairedDifference:
    """Compare scores of two models on the same examples, in the same order.

    Raises
    ------
    EvaluationError
        The two do not have the same length: unequal sets are not compared.
    """
    before, after = finite(base, "base"), finite(tuned, "tuned")
    if len(before) != len(after):
        raise EvaluationError(
            f"{len(before)} base scores cannot be paired with {len(after)} tuned scores",
            hint="give both models' scores of the same examples, in the same order",
        )
    differences = after - before
    n = len(differences)
    if not n:
        return PairedDifference(None, None, None, None, None, None, None)
    mean = float(differences.mean())
    varies = bool((differences != differences[0]).any())
    deviation = float(differences.std(ddof=1)) if varies else None
    se = deviation / math.sqrt(n) if deviation else None
    half = student(n - 1, 0.05) * se if se else None
    return PairedDifference(
        mean=mean,
        se=se,
        interval=(mean - half, mean + half) if half is not None else None,
        p=2 * float(special.stdtr(n - 1, -abs(mean) / se)) if se else None,
        p_permutation=sign_flips(differences, seed),
        effect=mean / deviation if deviation else None,
        bootstrap=percentiles(differences, seed) if varies else None,
    )


def mean_error(values: Sequence[float], groups: Sequence[Hashable] | None = None) -> MeanError:
    """Return a mean with its standard error.

    Parameters
    ----------
    values
        Scores, or 0 and 1.
    groups
        What each value belongs to (a customer, a document); values of one group move together,
        and the error says so. One group alone has no error.
    """
    array = finite(values, "values")
    n = len(array)
    if not n:
        return MeanError(None, None)
    mean = float(array.mean())
    if groups is None:
        return MeanError(mean, float(array.std(ddof=1)) / math.sqrt(n) if n > 1 else None)
    if len(groups) != n:
        raise EvaluationError(f"{n} values have {len(groups)} groups", hint="give each value its group")
    names = {name: place for place, name in enumerate(dict.fromkeys(groups))}
    sums = np.bincount([names[name] for name in groups], weights=array - mean)
    return MeanError(mean, math.sqrt(float((sums**2).sum())) / n if len(names) > 1 else None)
