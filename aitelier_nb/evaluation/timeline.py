"""All evaluations of a project over time, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aitelier_nb.evaluation import archive, courses, tool_files
from aitelier_nb.evaluation.evaluations import Evaluation, ours, stated
from aitelier_nb.evaluation.ledger import Ledger
from aitelier_nb.evaluation.measures import Rate
from aitelier_nb.evaluation.scored import Scored, standing
from aitelier_nb.storage.project import Project
from aitelier_nb.views import View, counted

__all__ = ["History", "Point", "history"]

TOOL = "sendable, scored 1 to 5 by the ait tool"


class Point(NamedTuple):
    """What one evaluation says of its contestants by one measure."""

    at: str
    file: str
    version: str
    measure: str
    rates: Mapping[str, Rate]


class History(View):
    """Every measure of every evaluation, oldest first: a table, and in a notebook a picture a measure."""

    def __init__(self, found: Sequence[Point]) -> None:
        self.found = list(found)

    def to_json(self) -> dict[str, Any]:
        """Return {"evaluations": [{"file", "version", "measure", contestant: {"rate", "n", "interval"}}]}."""
        return {
            "evaluations": [
                {
                    "file": one.file,
                    "version": one.version,
                    "measure": one.measure,
                    **{label: value.to_json() for label, value in one.rates.items()},
                }
                for one in self.found
            ]
        }

    def headline(self) -> str:
        """Count the evaluations."""
        return counted(len({one.file for one in self.found}), "evaluation")

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("file", "version", "measure", "contestant", "rate")

    def rows(self) -> list[Sequence[object]]:
        """Return a rate a row."""
        return [
            (one.file, one.version, one.measure, label, stated(value))
            for one in self.found
            for label, value in one.rates.items()
        ]

    def _repr_html_(self) -> str:
        measures = dict.fromkeys(one.measure for one in self.found)
        pictures = [courses.picture(name, self._course(name)) for name in measures]
        return super()._repr_html_() + "".join(pictures)

    def _course(self, measure: str) -> list[tuple[str, Mapping[str, Rate]]]:
        return [(one.version, one.rates) for one in self.found if one.measure == measure]


def history(project: Project) -> History:
    """Return all measures of all evaluations of the project, scores and the `ait` tool's files among them."""
    found = [point for one in ours(project) for point in _points(project, one)]
    found += [
        Point(one.at, one.name, "ait tool", TOOL, one.rates())
        for one in tool_files.find(project)
        if one.scores
    ]
    return History(sorted(found, key=lambda point: point.at))


def _points(project: Project, one: Evaluation) -> list[Point]:
    at, file, version = one.content["createdAt"], one.path.name, str(one.content["version"])
    rates = one.rates()
    points = [
        Point(at, file, version, name, {label: found[name] for label, found in rates.items()})
        for name in one.measures
    ]
    ledger = Ledger(archive.votes_path(one.path), project.state_path / "evals.lock")
    scored = Scored(one, standing(ledger))
    given = {label: scored.of(label).sendable for label in one.labels} if scored.scores else {}
    known = {label: value for label, value in given.items() if value.n}
    name = f"sendable, scored {scored.threshold:g} or more of 10"
    return [*points, *([Point(at, file, version, name, known)] if known else [])]
