"""Looking after every vote, legally: the beta-binomial e-process.

E = B(1 + wins, 1 + losses) / B(1, 1) * 2^(wins + losses) is a test martingale when neither side is
better, so by Ville's inequality it ever reaches 1/alpha with probability of at most alpha. Sources:
Ville 1939; Robbins 1970; Howard, Ramdas, McAuliffe & Sekhon 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from scipy import special

from aitelier_nb.evaluation.statistics.outcomes import Interval, count, level

__all__ = ["Sequential", "evidence", "sequential"]

TOUCH = 1e-12  # an E of exactly 1/alpha counts as reached
LARGEST = math.log(np.finfo(np.float64).max) - 1  # evidence beyond it is told as e to this power
STEPS = 200  # halvings of an interval until nothing is left of it


@dataclass(frozen=True)
class Sequential:
    """The e-process over decided votes; ties are skipped and change nothing.

    `e` and `p` have one value a decided vote; `p` is the anytime p, min(1, 1 / largest E so far).
    `stop` is the number of decided votes at which E first reached 1/alpha, or None. `interval` is
    the confidence sequence of the win rate after the last vote.
    """

    e: list[float]
    p: list[float]
    stop: int | None
    interval: Interval


def evidence(wins: float, losses: float) -> float:
    """Return log E of a record of wins and losses."""
    return float(special.betaln(1 + wins, 1 + losses)) + (wins + losses) * math.log(2)


def sequential(outcomes: Iterable[str], alpha: float = 0.05) -> Sequential:
    """Follow the votes in the order in which they were given; stop at E >= 1/alpha."""
    level(alpha=alpha)
    votes = list(outcomes)
    counts = count(votes)
    wins = np.cumsum([vote == "W" for vote in votes if vote in ("W", "L")], dtype=np.float64)
    losses = np.arange(1, len(wins) + 1) - wins
    logs = special.betaln(1 + wins, 1 + losses) + (wins + losses) * math.log(2)
    reached = np.flatnonzero(logs >= -math.log(alpha) - TOUCH)
    highest = np.maximum.accumulate(logs) if len(logs) else logs
    path = np.exp(np.minimum(logs, LARGEST))
    return Sequential(
        e=[float(value) for value in path],
        p=[float(value) for value in np.exp(-np.maximum(highest, 0))],
        stop=int(reached[0]) + 1 if len(reached) else None,
        interval=_confidence(counts.wins, counts.losses, alpha),
    )


def _confidence(wins: int, losses: int, alpha: float) -> Interval:
    """Return all rates p with B(1 + wins, 1 + losses) / (p^wins (1-p)^losses) < 1/alpha."""
    limit = float(special.betaln(1 + wins, 1 + losses)) + math.log(alpha)
    peak = wins / (wins + losses) if wins + losses else 0.5

    def inside(rate: float) -> bool:
        return _log(wins, rate) + _log(losses, 1 - rate) > limit

    low = 0.0 if inside(0.0) else _edge(peak, 0.0, inside)
    high = 1.0 if inside(1.0) else _edge(peak, 1.0, inside)
    return low, high


def _log(count: int, rate: float) -> float:
    """Return log(rate^count)."""
    return count * math.log(rate) if count and rate > 0 else -math.inf if count else 0.0


def _edge(inner: float, outer: float, inside: Callable[[float], bool]) -> float:
    """Return where `inside` changes between a point inside and one outside."""
    for _ in range(STEPS):
        middle = (inner + outer) / 2
        if middle in (inner, outer):
            break
        inner, outer = (middle, outer) if inside(middle) else (inner, middle)
    return inner
