"""More than two contestants: every pair of them is a blind comparison of its own, joined by Bradley-Terry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation import statistics
from aitelier_nb.evaluation.comparisons import Comparison
from aitelier_nb.evaluation.statistics.proportions import normal
from aitelier_nb.storage.tombstones import standing
from aitelier_nb.views import View, p_text

__all__ = ["League"]


@dataclass(frozen=True)
class PairTest:
    """One pair's test from the side of `second`: its p, and the p that holds for all pairs together."""

    first: str
    second: str
    p: float | None
    p_holm: float | None
    outcome: str


class League(View):
    """Strengths of contestants from their revealed comparisons.

    Parameters
    ----------
    comparisons
        Of pairs among the same contestants, over the same examples.
    anchor
        The label whose strength is 0.

    Raises
    ------
    EvaluationError
        The comparisons asked different examples.
    """

    def __init__(self, comparisons: Sequence[Comparison], anchor: str) -> None:
        self.comparisons, self.anchor = list(comparisons), anchor
        sets = {self._examples(one) for one in self.comparisons}
        if len(sets) > 1:
            raise EvaluationError(
                "the comparisons asked different examples",
                hint="compare all contestants on the same examples",
            )
        self.labels = list(dict.fromkeys([anchor, *(label for one in comparisons for label in one.labels)]))

    @staticmethod
    def _examples(one: Comparison) -> frozenset[tuple[int, str]]:
        return frozenset(
            (p["id"], p["createdAt"]) for p in standing([*one.content["pairs"], *one.content["identical"]])
        )

    @cached_property
    def wins(self) -> list[list[float]]:
        """wins[i][j]: how often i was preferred to j; ties and identical pairs are half a win for each."""
        table = [[0.0] * len(self.labels) for _ in self.labels]
        for one in self.comparisons:
            first, second = map(self.labels.index, one.labels)
            ties = (one.counts.ties + one.counts.both_bad + len(one.content["identical"])) / 2
            table[second][first] += one.counts.wins + ties
            table[first][second] += one.counts.losses + ties
        return table

    @cached_property
    def strengths(self) -> statistics.BradleyTerry:
        """Bradley-Terry log-odds against the anchor, with standard errors."""
        return statistics.bradley_terry(self.wins, self.labels.index(self.anchor))

    @cached_property
    def tests(self) -> list[PairTest]:
        """The test of each comparison, by Holm over all of them; none of one that was stopped early."""
        p = [None if _stopped_early(one) else one.p for one in self.comparisons]
        return [
            PairTest(*one.labels, raw, held, self._outcome(one, held))
            for one, raw, held in zip(self.comparisons, p, statistics.adjust(p), strict=True)
        ]

    @staticmethod
    def _outcome(one: Comparison, held: float | None) -> str:
        """Return better or worse only where the level holds for all pairs together."""
        shown = held is not None and held <= one.content["alpha"]
        return one.verdict.outcome if shown else "not shown"

    def _interval(self, place: int) -> tuple[float, float] | None:
        strength, se = self.strengths.strength[place], self.strengths.se[place]
        if strength is None or not se:
            return None
        return strength - normal(0.05) * se, strength + normal(0.05) * se

    def to_json(self) -> dict[str, Any]:
        """Return anchor, contestants (label, strength, interval, elo), tests and comparisons."""
        found = self.strengths
        contestants = [
            {
                "label": label,
                "strength": found.strength[i],
                "interval": self._interval(i),
                "elo": found.elo[i],
            }
            for i, label in enumerate(self.labels)
        ]
        return {
            "anchor": self.anchor,
            "contestants": contestants,
            "tests": [asdict(test) for test in self.tests],
            "comparisons": [one.path.name for one in self.comparisons],
        }

    def headline(self) -> str:
        """Name the contestants by strength, and the differences that the votes show."""
        known = [
            (s, label) for s, label in zip(self.strengths.strength, self.labels, strict=True) if s is not None
        ]
        order = ", ".join(label for _, label in sorted(known, reverse=True))
        shown = [test for test in self.tests if test.outcome != "not shown"]
        pairs = [
            f"{t.second} over {t.first}" if t.outcome == "better" else f"{t.first} over {t.second}"
            for t in shown
        ]
        told = f"shown: {', '.join(pairs)}" if pairs else "no difference is shown"
        return f"{len(self.labels)} contestants, by strength {order}; {told}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("contestant", "strength (log-odds)", "95 % interval")

    def rows(self) -> list[Sequence[object]]:
        """Return a contestant a row."""
        return [(label, self.strengths.strength[i], self._interval(i)) for i, label in enumerate(self.labels)]

    def notes(self) -> list[str]:
        """Tell every pair's counts and test, held at the level for all of them together."""
        notes = []
        for one, test in zip(self.comparisons, self.tests, strict=True):
            counts = one.counts
            told = f"{counts.wins} wins, {counts.ties + counts.both_bad} ties, {counts.losses} losses"
            verdict = (
                f"stopped early, {one.missing_votes} planned votes not given"
                if test.p is None
                else f"{test.outcome}, {p_text(test.p)}, for all pairs together {p_text(test.p_holm)} (Holm)"
            )
            notes.append(f"{test.second} against {test.first}: {told}: {verdict}")
        unbound = [
            label for label, found in zip(self.labels, self.strengths.strength, strict=True) if found is None
        ]
        notes += [f"{label} won or lost all that links it to {self.anchor}: no strength" for label in unbound]
        return notes


def _stopped_early(one: Comparison) -> bool:
    return one.content["mode"] == "fixed" and one.missing_votes > 0
