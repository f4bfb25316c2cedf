"""More than two contestants: every pair of them is a blind comparison of its own, joined by Bradley-Terry."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation import statistics
from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.comparisons import Comparison
from aitelier_nb.evaluation.designs import create
from aitelier_nb.evaluation.statistics.proportions import normal
from aitelier_nb.evaluation.studies import Study
from aitelier_nb.storage.project import Project
from aitelier_nb.storage.tombstones import standing
from aitelier_nb.views import View, p_text

__all__ = ["League", "pairings"]


def pairings(project: Project, contestants: Sequence[Contestant], **plan: Any) -> list[Study]:
    """Return a study for each pair of contestants over the same examples, so that all meet equally often.

    Parameters
    ----------
    project
        Its validation examples are asked.
    contestants
        The first one is the anchor.
    plan
        What `designs.create` takes.
    """
    return [create(project, one, two, **plan) for one, two in combinations(contestants, 2)]


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
        self.labels = list(
            dict.fromkeys([anchor, *(label for one in comparisons for label in self._labels(one))])
        )

    @staticmethod
    def _examples(one: Comparison) -> frozenset[tuple[int, str]]:
        return frozenset(
            (p["id"], p["createdAt"]) for p in standing([*one.content["pairs"], *one.content["identical"]])
        )

    @staticmethod
    def _labels(one: Comparison) -> list[str]:
        return [contestant["label"] for contestant in one.content["contestants"]]

    @property
    def wins(self) -> list[list[float]]:
        """wins[i][j]: how often i was preferred to j; ties and identical pairs are half a win for each."""
        table = [[0.0] * len(self.labels) for _ in self.labels]
        for one in self.comparisons:
            first, second = map(self.labels.index, self._labels(one))
            ties = (one.counts.ties + one.counts.both_bad + len(one.content["identical"])) / 2
            table[second][first] += one.counts.wins + ties
            table[first][second] += one.counts.losses + ties
        return table

    @property
    def strengths(self) -> statistics.BradleyTerry:
        """Bradley-Terry log-odds against the anchor, with standard errors."""
        return statistics.bradley_terry(self.wins, self.labels.index(self.anchor))

    def tests(self) -> list[tuple[str, str, float, float | None]]:
        """Return (first, second, p of the sign test, p by Holm over all of them) of each comparison."""
        p = [statistics.sign_test(one.counts.wins, one.counts.losses).p for one in self.comparisons]
        names = [tuple(self._labels(one)) for one in self.comparisons]
        return [(a, b, raw, held) for (a, b), raw, held in zip(names, p, statistics.adjust(p), strict=True)]

    def _interval(self, place: int) -> tuple[float, float] | None:
        strength, se = self.strengths.strength[place], self.strengths.se[place]
        if strength is None or not se:
            return None
        return strength - normal(0.05) * se, strength + normal(0.05) * se

    def to_json(self) -> dict[str, Any]:
        """Return {"anchor", "contestants": [{"label", "strength", "interval", "elo"}], "tests"}."""
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
        tests = [{"first": a, "second": b, "p": p, "p_holm": held} for a, b, p, held in self.tests()]
        return {"anchor": self.anchor, "contestants": contestants, "tests": tests}

    def headline(self) -> str:
        """Name the contestants, the strongest first."""
        known = [
            (s, label) for s, label in zip(self.strengths.strength, self.labels, strict=True) if s is not None
        ]
        return (
            f"{len(self.labels)} contestants: {', '.join(label for _, label in sorted(known, reverse=True))}"
        )

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("contestant", "strength (log-odds)", "95 % interval")

    def rows(self) -> list[Sequence[object]]:
        """Return a contestant a row."""
        return [(label, self.strengths.strength[i], self._interval(i)) for i, label in enumerate(self.labels)]

    def notes(self) -> list[str]:
        """Tell every pair's test, held at the level for all of them together."""
        return [
            f"{second} against {first}: {p_text(p)}, held for all pairs together {p_text(held)} (Holm)"
            for first, second, p, held in self.tests()
        ]
