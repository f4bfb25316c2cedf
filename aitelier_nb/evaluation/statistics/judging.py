"""A model as judge: both orders, corrected rates, and how far it may be believed.

Sources: Zheng 2023 (a win only in both orders); Rogan & Gladen 1978; Angelopoulos et al. 2023
(prediction-powered inference), here with Student's t for the few human votes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.statistics.outcomes import Interval, count
from aitelier_nb.evaluation.statistics.proportions import student
from aitelier_nb.evaluation.statistics.raters import cohen

__all__ = [
    "BothOrders",
    "Calibration",
    "PredictionPowered",
    "both_orders",
    "judge_calibration",
    "prediction_powered",
    "rogan_gladen",
]


@dataclass(frozen=True)
class BothOrders:
    """Pairs judged in both orders: a win or loss only where both agree, else a tie."""

    wins: int
    ties: int
    losses: int
    consistency: float | None
    rate: float | None


@dataclass(frozen=True)
class Calibration:
    """A judge's yes and no against a human's on the same answers."""

    tp: int
    fn: int
    fp: int
    tn: int
    kappa: float | None

    @property
    def sensitivity(self) -> float | None:
        """The share of the human's yes that the judge finds."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else None

    @property
    def specificity(self) -> float | None:
        """The share of the human's no that the judge finds."""
        return self.tn / (self.tn + self.fp) if self.tn + self.fp else None


@dataclass(frozen=True)
class PredictionPowered:
    """A mean from many judged and few human-labelled answers; the interval uses Student's t."""

    estimate: float | None
    se: float | None
    interval: Interval | None


def both_orders(pairs: Iterable[tuple[str, str]]) -> BothOrders:
    """Join two verdicts on each pair, one in each order, both told from the tuned side."""
    verdicts = [(first, second) for first, second in pairs]
    count(vote for pair in verdicts for vote in pair)
    n = len(verdicts)
    wins, losses = verdicts.count(("W", "W")), verdicts.count(("L", "L"))
    agreed = sum(_preference(first) == _preference(second) for first, second in verdicts)
    return BothOrders(
        wins=wins,
        ties=n - wins - losses,
        losses=losses,
        consistency=agreed / n if n else None,
        rate=(wins + (n - wins - losses) / 2) / n if n else None,
    )


def _preference(vote: str) -> str:
    return "T" if vote == "B" else vote


def rogan_gladen(rate: float, sensitivity: float, specificity: float) -> float | None:
    """Return the true rate behind a judge's rate; None for a judge that guesses.

    (rate + specificity - 1) / (sensitivity + specificity - 1). It can leave 0 to 1 when the judge's
    errors were measured on other answers.
    """
    power = sensitivity + specificity - 1
    return (rate + specificity - 1) / power if abs(power) > 1e-12 else None  # noqa: PLR2004


def judge_calibration(human: Sequence[float], judge: Sequence[float]) -> Calibration:
    """Count where a judge's yes (1) and no (0) agree with a human's."""
    if len(human) != len(judge):
        raise EvaluationError(
            f"{len(human)} human labels cannot be paired with {len(judge)} of the judge",
            hint="give both for the same answers, in the same order",
        )
    if wrong := [value for value in [*human, *judge] if value not in (0, 1)]:
        raise EvaluationError(f"{wrong[0]!r} is neither yes (1) nor no (0)", hint="give 0 and 1")
    pairs = [(bool(a), bool(b)) for a, b in zip(human, judge, strict=True)]
    tp, fn = pairs.count((True, True)), pairs.count((True, False))
    fp, tn = pairs.count((False, True)), pairs.count((False, False))
    kappa = cohen(np.array([[tp, fn], [fp, tn]], dtype=np.float64), 1 - np.eye(2))
    return Calibration(tp=tp, fn=fn, fp=fp, tn=tn, kappa=kappa)


def prediction_powered(
    human: Sequence[float], judge: Sequence[float], unlabelled: Sequence[float]
) -> PredictionPowered:
    """Return the human mean that a judge's many verdicts and its errors on few human labels imply.

    Parameters
    ----------
    human, judge
        Labels of the answers that a human saw, by the human and by the judge.
    unlabelled
        The judge's labels of the answers that no human saw.
    """
    if len(human) != len(judge):
        raise EvaluationError(
            f"{len(human)} human labels cannot be paired with {len(judge)} of the judge",
            hint="give both for the same answers, in the same order",
        )
    if not len(human) or not len(unlabelled):
        return PredictionPowered(None, None, None)
    judged = np.asarray(unlabelled, dtype=np.float64)
    errors = np.asarray(human, dtype=np.float64) - np.asarray(judge, dtype=np.float64)
    estimate = float(judged.mean() + errors.mean())
    if len(errors) < 2:  # noqa: PLR2004
        return PredictionPowered(estimate, None, None)
    se = math.sqrt(float(judged.var()) / len(judged) + float(errors.var()) / len(errors))
    half = student(len(errors) - 1, 0.05) * se
    return PredictionPowered(estimate, se, (estimate - half, estimate + half) if se else None)
