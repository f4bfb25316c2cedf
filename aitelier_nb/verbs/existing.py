"""What an import brings for examples that are there already, and that is not taken over: it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aitelier_nb.schema import Conversation
from aitelier_nb.storage.dataset import Added
from aitelier_nb.storage.project import Project
from aitelier_nb.views import counted

__all__ = ["notices"]

Row = Mapping[str, Any] | Conversation


def notices(project: Project, rows: Sequence[Row], added: Sequence[Added]) -> list[str]:
    """Say how many rows have another rating, or another worse answer, than the example that is there."""
    if not any(one.existed for one in added):
        return []
    known = [(row, one) for row, one in zip(rows, added, strict=True) if not isinstance(row, Conversation)]
    return [*_rated(project, known), *_worsened(project, known)]


def _rated(project: Project, rows: Sequence[tuple[Mapping[str, Any], Added]]) -> list[str]:
    given = [(one.id, row["rating"]) for row, one in rows if one.existed and row.get("rating") is not None]
    if not given:
        return []
    standing = project.dataset.columns("id", "rating")
    ratings = dict(zip(standing["id"], standing["rating"], strict=True))
    others = sum(ratings.get(example) != rating for example, rating in given)
    if not others:
        return []
    return [f"{counted(others, 'row')} with another rating than the example that is there: that one stands"]


def _worsened(project: Project, rows: Sequence[tuple[Mapping[str, Any], Added]]) -> list[str]:
    others = 0
    worse: dict[int, Any] = {}
    for row, one in rows:
        rejected = _rejected(row.get("source"))
        if not one.existed:
            worse[one.id] = rejected
        elif rejected is not None:
            if one.id not in worse:
                worse[one.id] = _rejected(project.dataset.get(one.id).source)
            others += worse[one.id] != rejected
    if not others:
        return []
    return [f"{counted(others, 'row')} with another worse answer than the example that is there: left out"]


def _rejected(source: object) -> Any:
    return source.get("rejected") if isinstance(source, Mapping) else None
