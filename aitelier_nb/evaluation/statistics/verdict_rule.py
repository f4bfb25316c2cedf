"""The one rule that says better, worse or not shown, from votes alone.

Fixed n: the exact sign test, once. Sequential: the e-process, after any vote. The two are never
mixed. With 30 or more decided votes whose lengths are known, the rate at equal length must
leave one half as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.statistics.length import length_controlled
from aitelier_nb.evaluation.statistics.outcomes import Counts, count, level
from aitelier_nb.evaluation.statistics.planning import votes_needed, wins_needed
from aitelier_nb.evaluation.statistics.proportions import sign_test
from aitelier_nb.evaluation.statistics.sequences import evidence, sequential

__all__ = ["Verdict", "verdict"]

LENGTH_FROM = 30  # decided votes from which length is controlled
FARTHEST = 1 << 40

Word = Literal["better", "worse", "not shown"]
Mode = Literal["fixed", "sequential"]


@dataclass(frozen=True)
class Verdict:
    """What the votes support.

    `missing` is the number of further votes (ties at the present share included) that would show
    the present win rate with a power of .8; None where it is shown, or where no number would do.
    `length_explains`: the votes alone would decide, but not at equal length.
    """

    outcome: Word
    missing: int | None
    length_explains: bool = False


def verdict(
    outcomes: Iterable[str],
    mode: Mode = "fixed",
    alpha: float = 0.05,
    lengths: Sequence[tuple[float, float]] | None = None,
) -> Verdict:
    """Judge the votes, from the tuned side.

    Parameters
    ----------
    outcomes
        "W", "T", "L", "B" in the order in which they were given.
    mode
        "fixed": all votes that were planned are in. "sequential": looked at after each.
    alpha
        The chance of calling two equal models different.
    lengths
        (base, tuned) for each vote, in characters or tokens.
    """
    level(alpha=alpha)
    votes = list(outcomes)
    counts = count(votes)
    if mode not in ("fixed", "sequential"):
        raise EvaluationError(f"there is no mode {mode!r}", hint="fixed or sequential")
    if lengths is not None and len(lengths) != len(votes):
        raise EvaluationError(
            f"{len(lengths)} pairs of lengths do not belong to {len(votes)} votes",
            hint="give (base, tuned) for each vote",
        )
    outcome = _fixed(counts, alpha) if mode == "fixed" else _sequential(votes, alpha)
    if outcome == "not shown":
        return Verdict(outcome, _missing(counts, mode, alpha))
    if lengths is not None and _only_length(votes, lengths, counts):
        return Verdict("not shown", None, length_explains=True)
    return Verdict(outcome, None)


def _fixed(counts: Counts, alpha: float) -> Word:
    if sign_test(counts.wins, counts.losses).p > alpha:
        return "not shown"
    return "better" if counts.wins > counts.losses else "worse"


def _sequential(votes: Sequence[str], alpha: float) -> Word:
    """Return the side that led when the evidence sufficed; later votes cannot take it back."""
    stop = sequential(votes, alpha).stop
    if stop is None:
        return "not shown"
    decided = [vote for vote in votes if vote in ("W", "L")][:stop]
    return "better" if decided.count("W") > stop / 2 else "worse"


def _only_length(votes: Sequence[str], lengths: Sequence[tuple[float, float]], counts: Counts) -> bool:
    """Return whether the rate at equal length may be a half; length that tells every winner explains all."""
    if counts.decided < LENGTH_FROM or not (counts.wins and counts.losses):
        return False
    pairs = [
        (*both, float(vote == "W")) for vote, both in zip(votes, lengths, strict=True) if vote in ("W", "L")
    ]
    base, tuned, won = zip(*pairs, strict=True)
    interval = length_controlled(base, tuned, won).interval
    return interval is None or interval[0] <= 0.5 <= interval[1]  # noqa: PLR2004


def _missing(counts: Counts, mode: Mode, alpha: float) -> int | None:
    """Return the further votes that would decide if the present win rate were the true one."""
    if not counts.n:
        return _fewest(mode, alpha)
    if not counts.decided:
        return None
    rate = counts.wins / counts.decided
    needed = votes_needed(rate, alpha).first if mode == "fixed" else _steps(rate, alpha)
    if needed is None:
        return None
    share = counts.decided / counts.n
    return max(1, math.ceil((needed - counts.decided) / share - 1e-9))


def _fewest(mode: Mode, alpha: float) -> int:
    """Return the votes that can decide at all, if every one is a win."""
    if mode == "sequential":
        return _steps(1.0, alpha) or 1
    return next(n for n in range(1, FARTHEST) if wins_needed(n, alpha) is not None)


def _steps(rate: float, alpha: float) -> int | None:
    """Return the decided votes after which E reaches 1/alpha along a constant win rate."""
    goal = -math.log(alpha)

    def reached(n: int) -> bool:
        return evidence(rate * n, (1 - rate) * n) >= goal - 1e-12

    high = 1
    while not reached(high):
        if high > FARTHEST:
            return None
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high
