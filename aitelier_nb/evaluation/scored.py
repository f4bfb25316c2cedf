"""What the scores of an evaluation show: means, sendable shares, paired differences, the worst answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from aitelier_nb.evaluation import statistics
from aitelier_nb.evaluation.evaluations import Evaluation, stated
from aitelier_nb.evaluation.ledger import Ledger
from aitelier_nb.evaluation.measures import Rate, rate
from aitelier_nb.evaluation.statistics.proportions import student
from aitelier_nb.views import View, counted, number, p_text

__all__ = ["HIGHEST", "LOWEST", "Scored", "Slot", "Summary", "standing"]

LOWEST, HIGHEST = 1, 10
WORST = 5  # that many answers are named under the table

Slot = tuple[int, str]
"""An answer: example id and contestant."""


def standing(ledger: Ledger) -> dict[tuple[str, Slot], int]:
    """Return each rater's scores that stand."""
    found: dict[tuple[str, Slot], int] = {}
    for row in ledger.rows():
        if row.get("kind") in ("score", "undo") and "contestant" in row:
            key = (row["by"], (row["id"], row["contestant"]))
            found.pop(key, None)
            if row["kind"] == "score":
                found[key] = row["score"]
    return found


@dataclass(frozen=True)
class Summary:
    """One contestant's scores: mean with Student's t interval, sendable share, distribution."""

    n: int
    mean: float | None
    interval: tuple[float, float] | None
    sendable: Rate
    distribution: dict[int, int]


class Scored(View):
    """The scores of an evaluation. An answer that several raters scored has the lower median of theirs."""

    def __init__(self, evaluation: Evaluation, given: Mapping[tuple[str, Slot], int]) -> None:
        self.evaluation = evaluation
        self._given = dict(given)
        self.threshold = float(evaluation.content.get("threshold", 8))

    @cached_property
    def scores(self) -> dict[Slot, int]:
        """One score an answer."""
        by_slot: dict[Slot, list[int]] = {}
        for (_, slot), score in self._given.items():
            by_slot.setdefault(slot, []).append(score)
        return {slot: sorted(found)[(len(found) - 1) // 2] for slot, found in by_slot.items()}

    @property
    def raters(self) -> list[str]:
        """Who scored."""
        return list(dict.fromkeys(by for by, _ in self._given))

    def _groups(self) -> dict[int, Any]:
        return {one["id"]: one["group"] for one in self.evaluation.content["examples"] if "group" in one}

    def of(self, label: str) -> Summary:
        """Return one contestant's summary; with groups the mean's error is the clustered one."""
        ids = [example_id for example_id, contestant in self.scores if contestant == label]
        values = [self.scores[example_id, label] for example_id in ids]
        groups = self._groups()
        names = [groups.get(i, ("alone", i)) for i in ids] if groups else None
        found = statistics.mean_error(values, names)
        half = student(len(values) - 1, 0.05) * found.se if found.se else None
        interval = (
            (found.mean - half, found.mean + half) if found.mean is not None and half is not None else None
        )
        sendable = rate([float(value >= self.threshold) for value in values])
        distribution = {score: values.count(score) for score in range(LOWEST, HIGHEST + 1)}
        return Summary(len(values), found.mean, interval, sendable, distribution)

    def paired(self, base: str = "base", tuned: str = "tuned") -> statistics.PairedDifference:
        """Return tuned minus base over the examples where both have a score."""
        ids = self._both(base, tuned)
        return statistics.paired_difference(
            [self.scores[i, base] for i in ids], [self.scores[i, tuned] for i in ids]
        )

    def sendable(self, base: str = "base", tuned: str = "tuned") -> statistics.McNemar:
        """Compare how often both can be sent, over the examples where both have a score."""
        pairs = [
            (self.scores[i, base] >= self.threshold, self.scores[i, tuned] >= self.threshold)
            for i in self._both(base, tuned)
        ]
        cells = [(True, True), (False, True), (True, False), (False, False)]
        return statistics.mcnemar(*(pairs.count(cell) for cell in cells))

    def _both(self, base: str, tuned: str) -> list[int]:
        return [i for i, label in self.scores if label == base and (i, tuned) in self.scores]

    def agreement(self) -> statistics.Agreement | None:
        """Return how far the raters agree; None for one."""
        if len(self.raters) < 2:  # noqa: PLR2004
            return None
        slots = list(self.scores)
        return statistics.agreement([[self._given.get((by, slot)) for slot in slots] for by in self.raters])

    def worst(self, label: str | None = None) -> list[tuple[int, Slot]]:
        """Return (score, answer), the worst first."""
        found = [(score, slot) for slot, score in self.scores.items() if label in (None, slot[1])]
        return sorted(found, key=lambda one: (one[0], one[1]))

    def to_json(self) -> dict[str, Any]:
        """Return summaries by contestant, the paired difference, McNemar's test and the raters' agreement."""
        labels = self.evaluation.labels
        told: dict[str, Any] = {
            "file": str(self.evaluation.path),
            "raters": self.raters,
            "threshold": self.threshold,
            "contestants": {label: _plain(self.of(label)) for label in labels},
            "agreement": asdict(agreed) if (agreed := self.agreement()) else None,
        }
        if {"base", "tuned"} <= set(labels):
            told |= {"paired": asdict(self.paired()), "mcnemar": asdict(self.sendable())}
        return told

    def headline(self) -> str:
        """Count the scores and name who gave them."""
        return f"{counted(len(self.scores), 'answer')} scored by {', '.join(self.raters) or 'nobody'}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("contestant", "scored", "mean", "sendable", "scores 1 to 10")

    def rows(self) -> list[Sequence[object]]:
        """Return a contestant a row."""
        return [
            (label, one.n, _mean(one), stated(one.sendable), " ".join(map(str, one.distribution.values())))
            for label in self.evaluation.labels
            for one in [self.of(label)]
        ]

    def notes(self) -> list[str]:
        """Tell the paired difference, how many answers wait, and the worst answers."""
        notes = []
        answers = sum("error" not in row for row in self.evaluation.answers)
        if answers > len(self.scores):
            notes.append(f"{answers - len(self.scores)} of {answers} answers have no score yet")
        found = self.paired() if {"base", "tuned"} <= set(self.evaluation.labels) else None
        if found is not None and found.interval is not None:
            low, high = found.interval
            notes.append(
                f"tuned minus base: {number(found.mean or 0, 2)} points "
                f"({number(low, 2)} to {number(high, 2)}), "
                f"{p_text(found.p_permutation)}"
            )
        low_ones = [
            f"{slot[0]} ({slot[1]}: {score})"
            for score, slot in self.worst()[:WORST]
            if score < self.threshold
        ]
        told = f"worst answers: {', '.join(low_ones)}; `.keep(id, contestant)` makes an example of one"
        return notes + ([told] if low_ones else [])


def _mean(one: Summary) -> str:
    if one.mean is None:
        return ""
    return number(one.mean, 2) + (
        f" ({number(one.interval[0], 2)} to {number(one.interval[1], 2)})" if one.interval else ""
    )


def _plain(one: Summary) -> dict[str, Any]:
    distribution = {str(score): n for score, n in one.distribution.items()}
    return asdict(one) | {"sendable": one.sendable.to_json(), "distribution": distribution}
