"""What evaluation files say: rates by rule, votes with their statistics, scores, and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aitelier_nb.reports import scorings
from aitelier_nb.storage.project import Project

__all__ = ["Found", "find"]


@dataclass
class Found:
    """The evaluation part of the facts."""

    evaluation: dict[str, Any] = field(default_factory=dict)
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    evidence: dict[str, Any] = field(
        default_factory=lambda: {
            "losses": [],
            "wins": [],
            "worst": [],
            "totals": {"losses": 0, "wins": 0, "worst": 0},
        }
    )
    limits: list[str] = field(default_factory=list)


def find(project: Project) -> Found:
    """Return what the evaluation files of a project say."""
    found = Found()
    for path in sorted(project.evals_path.glob("*.json")):
        scored = scorings.read(path)
        if scored is not None:
            found.scores.append(scored)
    return found
