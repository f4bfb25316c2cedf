"""Scores that people gave to answers, the `ait` tool's files among them: shown per file, never pooled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aitelier_nb.errors import ReportError
from aitelier_nb.evaluation import tool_files
from aitelier_nb.evaluation.evaluations import Evaluation
from aitelier_nb.evaluation.scored import Scored
from aitelier_nb.evaluation.statistics import mean_error, proportion_interval

__all__ = ["load", "of_people", "read", "row"]


def load(path: Path) -> dict[str, Any]:
    """Return the object of a file of data/evals.

    Raises
    ------
    ReportError
        It is not JSON, or no object.
    """
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        line = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise ReportError(
            f"data/evals/{path.name}{line}: {error}", hint="restore the file from git, or move it away"
        ) from error
    if not isinstance(value, dict):
        raise ReportError(f"data/evals/{path.name}:1: it is no object", hint="move the file away")
    return value


def read(path: Path) -> dict[str, Any] | None:
    """Return the scores of a file that the `ait` tool wrote (scale 1 to 5), or None when it is none."""
    found = tool_files.parse(load(path), path.name)
    if found is None:
        return None
    rows = [row(found.models[label], given, tool_files.SENDABLE) for label, given in found.scores.items()]
    return {
        "file": f"data/evals/{path.name}",
        "scale": list(tool_files.SCALE),
        "sendable_from": tool_files.SENDABLE,
        "rows": rows,
    }


def row(model: str, scores: Sequence[float], sendable: float) -> dict[str, Any]:
    """Return n, mean with standard error, and the sendable rate with its Wilson interval."""
    n = len(scores)
    passed = sum(score >= sendable for score in scores)
    mean = mean_error(scores) if n else None
    bounds = proportion_interval(passed, n)
    return {
        "model": model,
        "n": n,
        "mean": mean.mean if mean else None,
        "se": mean.se if mean else None,
        "passed": passed,
        "rate": passed / n if n else None,
        "interval": list(bounds) if bounds else None,
    }


def of_people(scored: Scored, evaluation: Evaluation, name: str) -> dict[str, Any] | None:
    """Return the scores (1 to 10) that people gave to an evaluation's answers, or None when nobody did."""
    if not scored.scores:
        return None
    by_label = {
        label: [float(score) for (_, one), score in sorted(scored.scores.items()) if one == label]
        for label in evaluation.labels
    }
    told = {
        "file": name,
        "scale": list(evaluation.content["scale"]),
        "sendable_from": scored.threshold,
        "raters": scored.raters,
        "rows": [row(label, values, scored.threshold) for label, values in by_label.items() if values],
    }
    if by_label.get("base") and by_label.get("tuned"):
        found = scored.paired()
        interval = list(found.interval) if found.interval else None
        told["paired"] = {"mean": found.mean, "interval": interval, "p": found.p_permutation}
    return told
