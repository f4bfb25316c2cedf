"""The answers behind the numbers: every loss, some wins, the worst; questions come from the examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aitelier_nb.errors import DataError
from aitelier_nb.evaluation.comparisons import Comparison
from aitelier_nb.evaluation.evaluations import Evaluation
from aitelier_nb.evaluation.scored import HIGHEST, Scored
from aitelier_nb.reports.measured import passes
from aitelier_nb.schema import Example
from aitelier_nb.storage.project import Project

__all__ = ["none", "of_rates", "of_votes", "with_lowest"]

LOSSES, OTHERS = 200, 8
TOLD = {"W": "tuned preferred", "L": "base preferred", "B": "both are bad"}

Pick = Callable[[int], tuple[str, str | None, str | None]]


def none() -> dict[str, Any]:
    """Return the evidence of a project that compared nothing."""
    return _chosen({}, lambda _: ("", None, None), {})


def of_votes(project: Project, study: Comparison) -> dict[str, Any]:
    """Return losses, wins and pairs that are bad on both sides, with both answers."""
    outcomes, texts = study.outcomes(), study.texts()
    ids = {
        "losses": sorted(key for key, outcome in outcomes.items() if outcome == "L"),
        "wins": sorted(key for key, outcome in outcomes.items() if outcome == "W"),
        "worst": sorted(key for key, outcome in outcomes.items() if outcome == "B"),
    }
    return _chosen(ids, lambda key: (TOLD[outcomes[key]], *texts[key]), _known(project, ids))


def of_rates(project: Project, found: Evaluation) -> dict[str, Any]:
    """Return where base passes and tuned does not, the reverse, and where neither passes."""
    if not found.measures or not {"base", "tuned"} <= set(found.labels):
        return none()
    primary = found.measures[0]
    base, tuned = passes(found, "base", primary), passes(found, "tuned", primary)
    shared = sorted(base.keys() & tuned.keys())
    ids = {
        "losses": [key for key in shared if tuned[key] < base[key]],
        "wins": [key for key in shared if tuned[key] > base[key]],
        "worst": [key for key in shared if tuned[key] == base[key] == 0],
    }
    told = {key: f"{primary}: base {base[key]:g}, tuned {tuned[key]:g}" for key in shared}
    texts = {label: {row["id"]: row["text"] for row in found.of(label)} for label in ("base", "tuned")}
    return _chosen(
        ids, lambda key: (told[key], texts["base"][key], texts["tuned"][key]), _known(project, ids)
    )


def with_lowest(shown: dict[str, Any], project: Project, found: Evaluation, scored: Scored) -> dict[str, Any]:
    """Return the evidence with the tuned answers that people scored lowest, when there are scores."""
    lowest = [(score, key) for score, (key, _) in scored.worst("tuned") if score < scored.threshold]
    if not lowest:
        return shown
    told = {key: f"scored {score} of {HIGHEST}" for score, key in lowest}
    texts = {label: {row["id"]: row["text"] for row in found.of(label)} for label in ("base", "tuned")}
    ids = {"worst": [key for _, key in lowest]}
    chosen = _chosen(
        ids, lambda key: (told[key], texts["base"].get(key), texts["tuned"][key]), _known(project, ids)
    )
    totals = {**shown["totals"], "worst": len(lowest)}
    return {**shown, "worst": chosen["worst"], "totals": totals}


def _known(project: Project, ids: Mapping[str, list[int]]) -> dict[int, Example]:
    """Return the examples that are shown; one that was deleted meanwhile is left out."""
    found: dict[int, Example] = {}
    for key in {key for name in ids for key in _first(name, ids)}:
        try:
            found[key] = project.dataset.get(key)
        except DataError:
            continue
    return found


def _first(name: str, ids: Mapping[str, list[int]]) -> Iterable[int]:
    return ids.get(name, [])[: LOSSES if name == "losses" else OTHERS]


def _chosen(ids: Mapping[str, list[int]], pick: Pick, known: Mapping[int, Example]) -> dict[str, Any]:
    return {
        **{name: [_row(key, pick(key), known.get(key)) for key in _first(name, ids)] for name in NAMES},
        "totals": {name: len(ids.get(name, [])) for name in NAMES},
    }


NAMES = ("losses", "wins", "worst")


def _row(key: int, picked: tuple[str, str | None, str | None], example: Example | None) -> dict[str, Any]:
    told, base, tuned = picked
    asked = example.input if example is not None else "(this example was deleted)"
    expected = example.output if example is not None else None
    return {"id": key, "told": told, "input": asked, "base": base, "tuned": tuned, "expected": expected}
