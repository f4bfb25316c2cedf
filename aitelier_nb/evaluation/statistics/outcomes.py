"""Votes as letters, counted: "W", "T", "L" and "B" (both bad), from the tuned side."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aitelier_nb.errors import EvaluationError

__all__ = ["OUTCOMES", "Counts", "Interval", "count", "counted", "finite", "level"]

OUTCOMES = ("W", "T", "L", "B")

Interval = tuple[float, float]


@dataclass(frozen=True)
class Counts:
    """Wins, ties, losses and pairs where both were bad. Both bad is a tie for the preference."""

    wins: int
    ties: int
    losses: int
    both_bad: int = 0

    @property
    def n(self) -> int:
        """All votes."""
        return self.wins + self.ties + self.losses + self.both_bad

    @property
    def decided(self) -> int:
        """The votes that prefer one side."""
        return self.wins + self.losses


def count(outcomes: Iterable[str]) -> Counts:
    """Return how often each outcome occurs; any other value is refused."""
    found = Counter(outcomes)
    if unknown := [value for value in found if value not in OUTCOMES]:
        raise EvaluationError(f"{unknown[0]!r} is no outcome", hint=f"one of {', '.join(OUTCOMES)}")
    return Counts(found["W"], found["T"], found["L"], found["B"])


def counted(**numbers: float) -> None:
    """Refuse numbers that are no counts: negative or not whole."""
    for name, number in numbers.items():
        if not (0 <= number < math.inf) or number != int(number):
            raise EvaluationError(f"{name} is {number}, which is no count", hint="give whole numbers from 0")


def finite(values: Sequence[float], name: str) -> NDArray[np.float64]:
    """Return numbers as an array; what is no finite number is refused."""
    array = np.asarray(list(values), dtype=np.float64)
    if not np.isfinite(array).all():
        raise EvaluationError(f"{name} holds a value that is no number", hint="leave unrated examples out")
    return array


def level(**values: float) -> None:
    """Refuse an alpha or a power that does not lie between 0 and 1."""
    for name, value in values.items():
        if not 0 < value < 1:
            raise EvaluationError(f"{name} is {value}", hint=f"{name} lies between 0 and 1, like 0.05")
