"""Evaluation files of the `ait` tool: scores from 1 to 5, shown on their own scale and never pooled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation import archive
from aitelier_nb.evaluation.measures import Rate, rate
from aitelier_nb.evaluation.statistics import mean_error
from aitelier_nb.storage.project import Project
from aitelier_nb.views import number

__all__ = ["SCALE", "SENDABLE", "ToolScores", "find", "parse"]

SCALE, SENDABLE = (1, 5), 4
NAMES = {
    "modelId": (("tuned", "modelId", "score"),),
    "baseModelId": (("base", "baseModelId", "baseScore"), ("tuned", "fineTunedModelId", "fineTunedScore")),
}


@dataclass(frozen=True)
class ToolScores:
    """The scores of one file: contestants ("base", "tuned"), their models, and what each was given."""

    name: str
    at: str
    models: dict[str, str]
    scores: dict[str, list[float]]

    def rates(self) -> dict[str, Rate]:
        """Return by contestant the share of scores of 4 or 5, what the tool calls sendable."""
        return {
            label: rate([float(score >= SENDABLE) for score in given]) for label, given in self.scores.items()
        }

    def sentence(self) -> str:
        """Return counts, means and sendable shares in words."""
        told = []
        for label, share in self.rates().items():
            mean, passed = mean_error(self.scores[label]).mean or 0, (share.rate or 0) * share.n
            told.append(f"{label} mean {number(mean, 2)}, sendable {passed:.0f} of {share.n}")
        return f"scored 1 to 5 by the ait tool, {'; '.join(told) or 'nothing scored'} ({self.name})"


def parse(value: Mapping[str, Any], name: str) -> ToolScores | None:
    """Return the scores of a file's content, or None when the tool did not write it."""
    results = value.get("results")
    if "scale" in value or not isinstance(results, list):
        return None
    key = next((key for key in ("baseModelId", "modelId") if isinstance(value.get(key), str)), None)
    if key is None:
        return None
    models = {label: str(value[model]) for label, model, _ in NAMES[key]}
    scores = {label: _scores(results, score) for label, _, score in NAMES[key]}
    given = {label: found for label, found in scores.items() if found}
    return ToolScores(name, str(value.get("timestamp", "")), models, given)


def _scores(results: Sequence[Any], key: str) -> list[float]:
    found = (_score(result, key) for result in results if isinstance(result, dict))
    return [score for score in found if score is not None]


def _score(result: Mapping[str, Any], key: str) -> float | None:
    """Return one score; in a comparison A is the base model where `modelAIsBase` says so."""
    if key != "score":
        side = "A" if result.get("modelAIsBase") is (key == "baseScore") else "B"
        key = f"score{side}"
    value = result.get(key)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def find(project: Project) -> list[ToolScores]:
    """Return the scores of all files of the tool, oldest first; a file that cannot be read is passed over."""
    found = []
    for path in archive.paths(project):
        with suppress(EvaluationError):
            found.append(_of(path))
    return [one for one in found if one is not None]


def _of(path: Path) -> ToolScores | None:
    return parse(archive.load(path), path.name)
