"""How much of a preference is only length.

logit P(tuned wins) = theta + phi * tanh(d / sd(d)), d the tuned answer's length minus the base's.
The rate at equal length is sigmoid(theta). Source: Dubois, Galambosi, Liang & Hashimoto 2024.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.statistics.outcomes import Interval, finite
from aitelier_nb.evaluation.statistics.proportions import normal

__all__ = ["LengthControlled", "length_controlled"]

NEWTON = 200
FARTHEST = 100.0  # log-odds beyond which the estimate runs off to infinity


@dataclass(frozen=True)
class LengthControlled:
    """The win rate at equal length, with its Wald interval, and the weight of length (phi).

    All are None when the votes do not bound them: one side won everything, or length alone tells
    the winner of every pair. Where all lengths differ equally only phi is undefined.
    """

    rate: float | None
    interval: Interval | None
    theta: float | None
    phi: float | None
    p_phi: float | None


def length_controlled(
    len_base: Sequence[float], len_tuned: Sequence[float], tuned_won: Sequence[float]
) -> LengthControlled:
    """Fit the preference on the difference in length; `tuned_won` is 1, 0, or .5 for a tie."""
    if not len(len_base) == len(len_tuned) == len(tuned_won):
        raise EvaluationError(
            f"{len(len_base)} and {len(len_tuned)} lengths do not belong to {len(tuned_won)} votes",
            hint="give both lengths of each vote",
        )
    won = finite(tuned_won, "tuned_won")
    gap = finite(len_tuned, "len_tuned") - finite(len_base, "len_base")
    if ((won < 0) | (won > 1)).any():
        raise EvaluationError("a vote is neither won, lost nor a tie", hint="give 1, 0 or .5")
    nothing = LengthControlled(None, None, None, None, None)
    if not len(won) or ((won == won[0]).all() and won[0] in (0, 1)):
        return nothing
    spread = float(gap.std(ddof=1)) if len(gap) > 1 else 0.0
    columns = [np.ones(len(won)), *([np.tanh(gap / spread)] if spread else [])]
    design = np.stack(columns, axis=1)
    beta = np.zeros(design.shape[1])
    for _ in range(NEWTON):
        chance = special.expit(design @ beta)
        information = design.T @ (design * (chance * (1 - chance))[:, None])
        if np.abs(beta).max() > FARTHEST or np.linalg.cond(information) > 1 / np.finfo(float).eps:
            return nothing
        step = np.linalg.solve(information, design.T @ (won - chance))
        beta = beta + step
        if np.abs(step).max() < 1e-10:  # noqa: PLR2004
            break
    else:
        return nothing
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    theta, half = float(beta[0]), normal(0.05) * float(errors[0])
    phi = float(beta[1]) if spread else None
    return LengthControlled(
        rate=float(special.expit(theta)),
        interval=(float(special.expit(theta - half)), float(special.expit(theta + half))),
        theta=theta,
        phi=phi,
        p_phi=math.erfc(abs(phi) / float(errors[1]) / math.sqrt(2)) if phi is not None else None,
    )
