"""More than two contestants: Bradley-Terry strengths, and p-values adjusted for asking often.

Sources: Bradley & Terry 1952; Hunter 2004 (when the estimate exists); Holm 1979; Benjamini &
Hochberg 1995.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aitelier_nb.errors import EvaluationError

__all__ = ["BradleyTerry", "adjust", "bradley_terry"]

NEWTON = 100
ELO = 400 / math.log(10)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BradleyTerry:
    """Log-odds strengths relative to the anchor (0), with Wald standard errors.

    None where the votes do not bound a contestant: it won, or lost, everything that links it to
    the anchor, or was never compared.
    """

    strength: list[float | None]
    se: list[float | None]

    @property
    def elo(self) -> list[float | None]:
        """The strengths on the Elo scale: 400 times the log10 of the odds."""
        return [None if value is None else ELO * value for value in self.strength]


def bradley_terry(wins: Sequence[Sequence[float]], anchor: int = 0) -> BradleyTerry:
    """Return the maximum likelihood strengths.

    Parameters
    ----------
    wins
        Row i, column j: how often i was preferred to j; a tie is half a win for each.
    anchor
        The contestant whose strength is 0.
    """
    rows = [list(row) for row in wins]
    square = bool(rows) and all(len(row) == len(rows) for row in rows)
    table = np.array(rows if square else [], dtype=np.float64)
    if not square or not np.isfinite(table).all() or (table < 0).any():
        raise EvaluationError(
            "the table of wins is not square with counts from 0", hint="wins[i][j] for all i, j"
        )
    if not 0 <= anchor < len(table):
        raise EvaluationError(f"there is no contestant {anchor}", hint=f"0 to {len(table) - 1}")
    np.fill_diagonal(table, 0)
    strength: list[float | None] = [None] * len(table)
    se: list[float | None] = [None] * len(table)
    bounded = _bounded(table, anchor)
    values, errors = _fitted(table[np.ix_(bounded, bounded)], bounded.index(anchor))
    for place, contestant in enumerate(bounded):
        strength[contestant], se[contestant] = float(values[place]), float(errors[place])
    return BradleyTerry(strength, se)


def _bounded(table: Floats, anchor: int) -> list[int]:
    """Return who both beat the anchor and lost to it, directly or through others."""

    def reached(beats: NDArray[np.bool_]) -> set[int]:
        found, waiting = {anchor}, [anchor]
        while waiting:
            new = set(np.flatnonzero(beats[waiting.pop()]).tolist()) - found
            found |= new
            waiting += new
        return found

    return sorted(reached(table > 0) & reached(table.T > 0))


def _fitted(table: Floats, anchor: int) -> tuple[Floats, Floats]:
    """Return strengths and standard errors by Newton's method; the anchor's are 0."""
    size = len(table)
    free = [place for place in range(size) if place != anchor]
    games = table + table.T
    values, errors = np.zeros(size), np.zeros(size)
    for _ in range(NEWTON if free else 0):
        chances = 1 / (1 + np.exp(values[None, :] - values[:, None]))
        slope = (table - games * chances).sum(axis=1)
        weights = games * chances * (1 - chances)
        information = np.diag(weights.sum(axis=1)) - weights
        inverse = np.linalg.inv(information[np.ix_(free, free)])
        step = inverse @ slope[free]
        values[free] += np.clip(step, -1, 1)  # far from the answer a full step may overshoot
        errors[free] = np.sqrt(np.diag(inverse))
        if np.abs(step).max() < 1e-12:  # noqa: PLR2004
            break
    return values, errors


def adjust(p: Sequence[float | None], method: Literal["holm", "bh"] = "holm") -> list[float | None]:
    """Return p-values adjusted for their number, in the order given; None stays None and does not count.

    Holm's keeps the chance of any false "better" at alpha; "bh" keeps the share of false ones.
    """
    if method not in ("holm", "bh"):
        raise EvaluationError(f"there is no adjustment {method!r}", hint="holm or bh")
    known = [place for place, value in enumerate(p) if value is not None]
    raw = np.array([p[place] for place in known], dtype=np.float64)
    if ((raw < 0) | (raw > 1) | np.isnan(raw)).any():
        raise EvaluationError("a p-value lies outside 0 to 1", hint="give p-values as a test returned them")
    order = np.argsort(raw, kind="stable")
    m = len(raw)
    if method == "holm":
        ladder = np.maximum.accumulate(raw[order] * (m - np.arange(m)))
    else:
        ladder = np.minimum.accumulate((raw[order] * m / np.arange(1, m + 1))[::-1])[::-1]
    adjusted: list[float | None] = [None] * len(p)
    for value, place in zip(np.minimum(ladder, 1), order, strict=True):
        adjusted[known[place]] = float(value)
    return adjusted
