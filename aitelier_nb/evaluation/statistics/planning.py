"""How much judging a question needs, told before the first vote.

Sources: Miller 2024, eq. 9 (scores); exact binomial power of the sign test (votes).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.statistics.outcomes import counted, level
from aitelier_nb.evaluation.statistics.proportions import normal

__all__ = ["VotesNeeded", "scores_needed", "votes_needed", "wins_needed"]

FINEST = 1e-3  # a win rate nearer to .5 needs more than a million votes


@dataclass(frozen=True)
class VotesNeeded:
    """Decided votes that give the power: the first number that does, and the one from which all do.

    Power rises and falls by one vote (the test is exact), hence two numbers. Both are None when no
    practical number would do: the win rate is a half, or within a thousandth of it.
    """

    first: int | None
    always: int | None


def scores_needed(
    variance: float,
    difference: float,
    noise_base: float = 0,
    noise_tuned: float = 0,
    samples_base: int = 1,
    samples_tuned: int = 1,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int:
    """Return how many paired examples show a mean difference of `difference`.

    Parameters
    ----------
    variance
        Variance of the true differences between examples (squared points of the scale).
    difference
        The mean difference to be seen (points of the scale).
    noise_base, noise_tuned
        Variance of a model's score on one example when it is asked again.
    samples_base, samples_tuned
        Answers per example that are averaged.
    """
    level(alpha=alpha, power=power)
    known = all(map(math.isfinite, (variance, difference, noise_base, noise_tuned)))
    if (
        not (known and difference)
        or min(variance, noise_base, noise_tuned) < 0
        or min(samples_base, samples_tuned) < 1
    ):
        raise EvaluationError(
            "a number of examples needs a difference other than 0, variances from 0 and samples from 1",
            hint="a difference of 0.5 points and a variance of 2.25 are usual",
        )
    spread = variance + noise_base / samples_base + noise_tuned / samples_tuned
    n = (normal(alpha) + float(special.ndtri(power))) ** 2 * spread / difference**2
    return max(1, math.ceil(n - 1e-9))


def wins_needed(n: int, alpha: float = 0.05) -> int | None:
    """Return the fewest wins of `n` decided votes that the sign test calls better; None: it never does."""
    counted(n=n)
    level(alpha=alpha)
    wins = int(_critical(np.array([n]), alpha)[0])
    return wins if wins <= n else None


@lru_cache(maxsize=4096)
def votes_needed(win_rate: float, alpha: float = 0.05, power: float = 0.8) -> VotesNeeded:
    """Return how many decided votes show a true win rate with the given power.

    Ties add to them: divide by one minus the share of ties. A rate below one half is the
    mirror image: the votes that show "worse".
    """
    level(alpha=alpha, power=power)
    if not 0 <= win_rate <= 1:
        raise EvaluationError(f"{win_rate} is no win rate", hint="a win rate lies between 0 and 1")
    rate = max(win_rate, 1 - win_rate)
    gap = rate - 0.5
    if gap < FINEST:
        return VotesNeeded(None, None)
    reach = normal(alpha) / 2 + max(0.0, float(special.ndtri(power))) * math.sqrt(rate * (1 - rate))
    middle, margin = (reach / gap) ** 2, 20 + 5 / gap  # the exact numbers lie this near to the normal ones
    least = 1 if power < 0.5 else max(1, int(middle - margin))  # noqa: PLR2004 - there the normal one is too high
    numbers = np.arange(least, int(middle + margin) + 2)
    enough = _power(numbers, rate, alpha) >= power
    short = np.flatnonzero(~enough)
    always = int(numbers[short[-1] + 1]) if len(short) else int(numbers[0])
    return VotesNeeded(first=int(numbers[np.argmax(enough)]), always=always)


def _critical(numbers: NDArray[np.int64], alpha: float) -> NDArray[np.int64]:
    """Return for each number of decided votes the fewest wins with a two-sided p of at most alpha."""
    wins = np.ceil(numbers / 2 + normal(alpha) / 2 * np.sqrt(numbers)).astype(
        np.int64
    )  # the normal one, to begin

    def reached(at: NDArray[np.int64]) -> NDArray[np.bool_]:
        tails = special.betainc(np.clip(at, 1, numbers), np.maximum(numbers - at + 1, 1), 0.5)
        return np.asarray((at <= numbers) & (2 * at > numbers) & (2 * tails <= alpha))

    while (higher := ~reached(wins) & (wins <= numbers)).any():
        wins = wins + higher
    while (lower := reached(wins - 1)).any():
        wins = wins - lower
    return np.minimum(wins, numbers + 1)


def _power(numbers: NDArray[np.int64], rate: float, alpha: float) -> NDArray[np.float64]:
    """Return the chance of a two-sided p of at most alpha, in either direction."""
    wins = _critical(numbers, alpha)
    possible = np.minimum(wins, numbers)
    up = special.betainc(possible, numbers - possible + 1, rate)
    down = special.betainc(possible, numbers - possible + 1, 1 - rate)
    power: NDArray[np.float64] = np.where(wins <= numbers, up + down, 0.0)
    return power
