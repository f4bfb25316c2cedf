"""One evaluation against the one before: what got worse comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.evaluations import Evaluation, ours
from aitelier_nb.evaluation.statistics import McNemar, mcnemar
from aitelier_nb.storage.project import Project
from aitelier_nb.views import View

__all__ = ["Regressions", "previous", "regressions"]


@dataclass(frozen=True)
class Change:
    """One example whose answer passed before and fails now, or the other way round."""

    id: int
    before: str
    now: str
    worse: bool


class Regressions(View):
    """What one check says of the same contestant's answers in two evaluations, example by example."""

    def __init__(self, before: Evaluation, now: Evaluation, label: str, name: str) -> None:
        self.before, self.now, self.label, self.name = before, now, label, name

    def _pairs(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        old = {row["id"]: row for row in self.before.of(self.label) if "error" not in row}
        new = {row["id"]: row for row in self.now.of(self.label) if "error" not in row}
        return [(old[i], new[i]) for i in new if i in old]

    @property
    def changes(self) -> list[Change]:
        """The examples that changed sides, those that got worse first."""
        found = [
            Change(
                new["id"], old["text"], new["text"], new["measures"][self.name] < old["measures"][self.name]
            )
            for old, new in self._pairs()
            if new["measures"][self.name] != old["measures"][self.name]
        ]
        return sorted(found, key=lambda change: (not change.worse, change.id))

    @property
    def test(self) -> McNemar:
        """McNemar's test over the examples, this evaluation against the one before."""
        pairs = [
            (old["measures"][self.name] == 1, new["measures"][self.name] == 1) for old, new in self._pairs()
        ]
        cells = [(True, True), (False, True), (True, False), (False, False)]
        return mcnemar(*(pairs.count(cell) for cell in cells))

    def to_json(self) -> dict[str, Any]:
        """Return {"before", "now", "measure", "worse", "better", "difference", "interval", "p"}."""
        worse = [change.id for change in self.changes if change.worse]
        better = [change.id for change in self.changes if not change.worse]
        files = {"before": self.before.path.name, "now": self.now.path.name, "measure": self.name}
        test = {"difference": self.test.difference, "interval": self.test.interval, "p": self.test.p}
        return {**files, "worse": worse, "better": better, **test}

    def headline(self) -> str:
        """Count what got worse and better."""
        told = self.to_json()
        against = f"{self.now.path.name} against {self.before.path.name}"
        return f"{self.name}, {against}: {len(told['worse'])} worse, {len(told['better'])} better"

    def summary(self) -> list[str]:
        """Return a sentence that names what got worse, or says that nothing did."""
        worse = [str(change.id) for change in self.changes if change.worse]
        better = len(self.changes) - len(worse)
        if not self.changes:
            return []
        which = f" ({', '.join(worse)})" if worse else ""
        return [f"{self.name}, against {self.before.path.name}: {len(worse)} worse{which}, {better} better"]

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("id", "", "before", "now")

    def rows(self) -> list[Sequence[object]]:
        """Return a changed example a row, those that got worse first."""
        return [(c.id, "worse" if c.worse else "better", c.before, c.now) for c in self.changes]


def regressions(
    before: Evaluation, now: Evaluation, label: str = "tuned", name: str | None = None
) -> Regressions:
    """Compare one contestant's answers in two evaluations of the same examples.

    Parameters
    ----------
    before, now
        The evaluations.
    label
        Whose answers.
    name
        The check; the primary one of `now` when None.

    Raises
    ------
    EvaluationError
        The examples differ, or the check or the contestant is missing in one of them.
    """
    sets = [{(one["id"], one["createdAt"]) for one in each.content["examples"]} for each in (before, now)]
    if sets[0] != sets[1]:
        raise EvaluationError(
            f"{before.path.name} and {now.path.name} asked different examples "
            f"({len(sets[0] - sets[1])} only before, {len(sets[1] - sets[0])} only now)",
            hint="compare evaluations of the same examples: evaluate the earlier model on the present ones",
        )
    expected = [
        {one["id"]: one["expectedSha256"] for one in each.content["examples"]} for each in (before, now)
    ]
    if moved := [i for i in expected[0] if expected[0][i] != expected[1][i]]:
        raise EvaluationError(
            f"{now.path.name} expects another answer to example {moved[0]} than {before.path.name}",
            hint="evaluate the earlier model again",
        )
    name = name or next(iter(now.measures), "")
    for each in (before, now):
        if name not in each.measures or label not in each.labels:
            raise EvaluationError(
                f"{each.path.name} has no {name or 'check'!r} of {label!r}",
                hint=f"checks: {', '.join(each.measures) or 'none'}; contestants: {', '.join(each.labels)}",
            )
    return Regressions(before, now, label, name)


def previous(project: Project, now: Evaluation) -> Evaluation | None:
    """Return the last evaluation of an earlier version, or None."""
    found = [one for one in ours(project) if one.content["createdAt"] < now.content["createdAt"]]
    return next((one for one in reversed(found) if one.content["version"] != now.content["version"]), None)
