"""A model as judge: both orders, corrected rates, and how far it may be believed.

Sources: Zheng 2023 (a win only in both orders); Rogan & Gladen 1978; Angelopoulos et al. 2023
(prediction-powered inference), here with Student's t for the few human votes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.statistics.outcomes import Interval, count, finite
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
    verdicts = Counter((first, second) for first, second in pairs)
    count(vote for pair in verdicts for vote in pair)
    n = verdicts.total()
    wins, losses = verdicts["W", "W"], verdicts["L", "L"]
    agreed = sum(number for (a, b), number in verdicts.items() if _preference(a) == _preference(b))
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
    cells = Counter(zip(human, judge, strict=True))
    if wrong := [value for cell in cells for value in cell if value not in (0, 1)]:
        raise EvaluationError(f"{wrong[0]!r} is neither yes (1) nor no (0)", hint="give 0 and 1")
    tp, fn, fp, tn = (cells[cell] for cell in ((1, 1), (1, 0), (0, 1), (0, 0)))
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
    judged = finite(unlabelled, "unlabelled")
    errors = finite(human, "human") - finite(judge, "judge")
    estimate = float(judged.mean() + errors.mean())
    if len(errors) < 2:  # noqa: PLR2004
        return PredictionPowered(estimate, None, None)
    se = math.sqrt(float(judged.var()) / len(judged) + float(errors.var()) / len(errors))
    half = student(len(errors) - 1, 0.05) * se
    return PredictionPowered(estimate, se, (estimate - half, estimate + half) if se else None)
