"""What evaluation files say: rates by rule, votes with their statistics, scores, and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aitelier_nb.errors import StudyError
from aitelier_nb.evaluation import archive, contests, evaluations
from aitelier_nb.evaluation.comparisons import Comparison
from aitelier_nb.evaluation.evaluations import Evaluation
from aitelier_nb.evaluation.ledger import Ledger
from aitelier_nb.evaluation.scored import Scored, standing
from aitelier_nb.reports import exhibits, measured, scorings, voted
from aitelier_nb.storage.project import Project

__all__ = ["Found", "comparison", "find"]


@dataclass
class Found:
    """The evaluation part of the facts."""

    evaluation: dict[str, Any] = field(default_factory=dict)
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    contests: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    evidence: dict[str, Any] = field(default_factory=dict)
    limits: list[str] = field(default_factory=list)


def find(project: Project) -> Found:
    """Return what the evaluation files of a project say: the latest rates, every study, every score."""
    found = Found(evidence=exhibits.none())
    latest = _measured(project)
    if latest is not None:
        found.evaluation = measured.facts(latest, _name(latest.path))
        found.evidence = exhibits.of_rates(project, latest)
        found.limits += measured.limits(latest, project.dataset.fingerprint())
    for path in archive.paths(project, "compare"):
        content = archive.load(path)
        if "pairs" in content:
            _add_study(project, path, content, found)
    for path, league in contests.results(project):
        if league is not None:
            found.contests.append({"file": _name(path), "sentence": league.headline(), **league.to_json()})
    if latest is not None:
        found.evidence = exhibits.with_lowest(found.evidence, project, latest, _scored(project, latest))
    found.scores = [told for path in archive.paths(project) if (told := _scores(project, path)) is not None]
    found.limits += _looks(project, found)
    return found


def _measured(project: Project) -> Evaluation | None:
    """Return the latest evaluation with a check, or the latest of all where none has one."""
    found = evaluations.ours(project)
    return next((one for one in reversed(found) if one.measures), found[-1] if found else None)


def _add_study(project: Project, path: Path, content: Mapping[str, Any], found: Found) -> None:
    study = comparison(project, path, content)
    if study is None:
        found.comparisons.append(voted.sealed(content, _name(path)))
        return
    try:
        told = voted.facts(study, _name(path))
    except StudyError as error:
        found.comparisons.append({**voted.sealed(content, _name(path)), "sentence": f"Not counted: {error}."})
        found.limits.append(f"Comparison not counted: {error}.")
        return
    found.comparisons.append(told)
    found.evidence = exhibits.of_votes(project, study)
    found.limits += voted.limits(study, told)


def _scores(project: Project, path: Path) -> dict[str, Any] | None:
    """Return the scores that a file holds: the `ait` tool's inside it, ours in the ledger beside it."""
    old = scorings.read(path)
    if old is not None or not path.name.startswith("eval-"):
        return old
    evaluation = evaluations.read(path)
    if "contestants" not in evaluation.content:
        return None
    return scorings.of_people(_scored(project, evaluation), evaluation, _name(path))


def _scored(project: Project, evaluation: Evaluation) -> Scored:
    ledger = Ledger(archive.votes_path(evaluation.path), project.state_path / "evals.lock")
    return Scored(evaluation, standing(ledger))


def comparison(project: Project, path: Path, content: Mapping[str, Any]) -> Comparison | None:
    """Return a study's result, or None while its sides are sealed."""
    if "reveal" not in content:
        return None
    return Comparison(path, content, Ledger(archive.votes_path(path), project.state_path / "evals.lock"))


def _name(path: Path) -> str:
    return f"data/evals/{path.name}"


def _looks(project: Project, found: Found) -> list[str]:
    rates = len([path for path in archive.paths(project, "eval") if "scale" in archive.load(path)])
    told = []
    if rates > 1:
        told.append(f"There are {rates} evaluations; the rates are those of the latest that has a check.")
    if len(found.comparisons) > 1:
        told.append(
            f"There are {len(found.comparisons)} comparisons, each a look of its own at the same models "
            "or others; the verdict is that of the latest that was carried through."
        )
    return told
