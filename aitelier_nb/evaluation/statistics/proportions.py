"""Tests and intervals of counts: rates, wins against losses, sides, sendable before and after.

Sources: Wilson 1927; Clopper & Pearson 1934; Brown, Cai & DasGupta 2001 (Jeffreys); Dixon & Mood
1946 (sign test); Fagerland, Lydersen & Laake 2013 (mid-p); Newcombe 1998, Stat Med 17:2635, method 10.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.statistics.outcomes import Interval, counted, level

__all__ = [
    "McNemar",
    "Position",
    "SignTest",
    "WinRate",
    "mcnemar",
    "normal",
    "position_test",
    "proportion_interval",
    "sign_test",
    "student",
    "tail",
    "win_rate",
]

Method = Literal["wilson", "clopper-pearson", "jeffreys"]
SAME = 1e-7  # relative: chances that are equal but for rounding
METHODS = ("wilson", "clopper-pearson", "jeffreys")


@dataclass(frozen=True)
class SignTest:
    """Exact p of wins against losses: two-sided, two-sided mid-p, and one-sided for more wins."""

    p: float
    p_mid: float
    p_greater: float


@dataclass(frozen=True)
class WinRate:
    """Win rate with a tie as half a win, and the same over decided votes only.

    `se` and `interval` (Student's t) are None where the votes do not vary: a width of zero
    would claim a certainty that few equal votes do not give. `decided_interval` is Wilson's.
    """

    rate: float | None
    se: float | None
    interval: Interval | None
    net_preference: float | None
    decided_rate: float | None
    decided_interval: Interval | None


@dataclass(frozen=True)
class Position:
    """Whether the side decided: Fisher's exact p of result by side, and how often left was picked.

    `p_left` is the exact two-sided p of left against right picks.
    """

    p: float
    left_rate: float | None
    p_left: float


@dataclass(frozen=True)
class McNemar:
    """Paired yes and no: exact p over discordant pairs, mid-p, Newcombe's interval of the difference."""

    p: float
    p_mid: float
    difference: float | None
    interval: Interval | None


def normal(alpha: float) -> float:
    """Return the two-sided normal quantile: 1.959963985 at alpha .05."""
    level(alpha=alpha)
    return float(special.ndtri(1 - alpha / 2))


def student(df: int, alpha: float) -> float:
    """Return the two-sided quantile of Student's t with `df` degrees of freedom."""
    level(alpha=alpha)
    return float(special.stdtrit(df, 1 - alpha / 2))


def tail(k: int, n: int, p: float) -> float:
    """Return P(X >= k) of a binomial X with n draws."""
    return 1.0 if k <= 0 else 0.0 if k > n else float(special.betainc(k, n - k + 1, p))


def proportion_interval(
    successes: float, n: float, method: Method = "wilson", alpha: float = 0.05
) -> Interval | None:
    """Return an interval of the rate behind `successes` of `n`; None when n is 0.

    Wilson's by default. Clopper-Pearson guarantees its coverage and is wider; Jeffreys' is the
    equal-tailed Bayesian interval.
    """
    counted(successes=successes, n=n)
    level(alpha=alpha)
    if successes > n:
        raise EvaluationError(f"{successes} of {n} is no rate", hint="successes cannot exceed n")
    if method not in METHODS:
        raise EvaluationError(f"there is no interval {method!r}", hint=f"one of {', '.join(METHODS)}")
    if not n:
        return None
    if method == "wilson":
        return _wilson(successes, n, alpha)
    shift, failures = (0.5, n - successes) if method == "jeffreys" else (0.0, n - successes)
    low_a, low_b = (successes + shift, failures + (shift or 1))
    high_a, high_b = (successes + (shift or 1), failures + shift)
    low = float(special.betaincinv(low_a, low_b, alpha / 2)) if low_a else 0.0
    high = float(special.betaincinv(high_a, high_b, 1 - alpha / 2)) if high_b else 1.0
    return low, high


def _wilson(successes: float, n: float, alpha: float) -> Interval:
    z, p = normal(alpha), successes / n
    centre, scale = p + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low = 0.0 if successes == 0 else (centre - half) / scale
    high = 1.0 if successes == n else (centre + half) / scale
    return low, high


def sign_test(wins: int, losses: int) -> SignTest:
    """Test wins against losses exactly, ties left out.

    The mid-p counts half of what is as extreme as seen: p minus the probability of the result, and
    1 minus half of it when wins and losses are equal.
    """
    counted(wins=wins, losses=losses)
    n, most = int(wins + losses), int(max(wins, losses))
    p = min(1.0, 2 * tail(most, n, 0.5))
    point = math.exp(math.lgamma(n + 1) - math.lgamma(most + 1) - math.lgamma(n - most + 1) - n * math.log(2))
    p_mid = 1 - point / 2 if wins == losses else p - point
    return SignTest(p=p, p_mid=p_mid, p_greater=tail(int(wins), n, 0.5))


def win_rate(wins: int, ties: int, losses: int) -> WinRate:
    """Return the win rate with ties as halves, its interval, and the rate over decided votes."""
    counted(wins=wins, ties=ties, losses=losses)
    n, decided = wins + ties + losses, wins + losses
    if not n:
        return WinRate(None, None, None, None, None, None)
    rate = (wins + ties / 2) / n
    squares = wins * (1 - rate) ** 2 + ties * (0.5 - rate) ** 2 + losses * rate**2
    varies = max(wins, ties, losses) < n
    se = math.sqrt(squares / (n - 1) / n) if varies else None
    half = student(n - 1, 0.05) * se if se is not None else None
    return WinRate(
        rate=rate,
        se=se,
        interval=(rate - half, rate + half) if half is not None else None,
        net_preference=(wins - losses) / n,
        decided_rate=wins / decided if decided else None,
        decided_interval=proportion_interval(wins, decided),
    )


def position_test(table: Sequence[Sequence[int]]) -> Position:
    """Test whether the result depends on the side.

    Parameters
    ----------
    table
        [[won, lost], [won, lost]]: the tuned model left, then right.
    """
    if len(table) != 2 or any(len(row) != 2 for row in table):  # noqa: PLR2004
        raise EvaluationError("the table of sides is not 2 by 2", hint="[[won, lost], [won, lost]]")
    (left_won, left_lost), (right_won, right_lost) = table
    counted(left_won=left_won, left_lost=left_lost, right_won=right_won, right_lost=right_lost)
    left, right = left_won + right_lost, left_lost + right_won
    return Position(
        p=_fisher(int(left_won), int(left_lost), int(right_won), int(right_lost)),
        left_rate=left / (left + right) if left + right else None,
        p_left=sign_test(left, right).p,
    )


def _fisher(a: int, b: int, c: int, d: int) -> float:
    """Return Fisher's exact two-sided p of [[a, b], [c, d]]; scipy.stats would cost a second of imports."""
    won, left, n = a + c, a + b, a + b + c + d
    possible = np.arange(max(0, left + won - n), min(left, won) + 1)
    parts = (possible, won - possible, left - possible, n - won - left + possible)
    logs = -sum(special.gammaln(part + 1.0) for part in parts)
    logs = logs - special.logsumexp(logs)
    seen = logs[a - possible[0]]
    return min(1.0, float(np.exp(logs[logs <= seen + SAME]).sum()))


def mcnemar(both: int, tuned_only: int, base_only: int, neither: int) -> McNemar:
    """Compare two yes/no results on the same examples: exact test and interval of the difference.

    The interval is Newcombe's method 10: Wilson's limits of both rates, joined by the correlation
    with its continuity correction.
    """
    counted(both=both, tuned_only=tuned_only, base_only=base_only, neither=neither)
    test, n = sign_test(tuned_only, base_only), both + tuned_only + base_only + neither
    if not n:
        return McNemar(test.p, test.p_mid, None, None)
    tuned, base = (both + tuned_only) / n, (both + base_only) / n
    tuned_low, tuned_high = _wilson(both + tuned_only, n, 0.05)
    base_low, base_high = _wilson(both + base_only, n, 0.05)
    cross = both * neither - tuned_only * base_only
    margins = (both + tuned_only) * (base_only + neither) * (both + base_only) * (tuned_only + neither)
    phi = (max(cross - n / 2, 0) if cross > 0 else cross) / math.sqrt(margins) if margins else 0.0

    def reach(up: float, down: float) -> float:
        return math.sqrt(max(0.0, up * up - 2 * phi * up * down + down * down))

    difference = (tuned_only - base_only) / n
    low = difference - reach(tuned - tuned_low, base_high - base)
    high = difference + reach(base - base_low, tuned_high - tuned)
    return McNemar(test.p, test.p_mid, difference, (low, high))
