"""The facts of a report as a document: the verdict first, then what it rests on.

Sections without facts are left out; what was skipped, failed or assumed is a section of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aitelier_nb.reports import provenance
from aitelier_nb.reports.assessment import evaluation, evidence, named
from aitelier_nb.reports.blocks import (
    Block,
    Document,
    Figure,
    Items,
    Paragraph,
    Section,
    Table,
    count,
    interval,
    pairs,
    percent,
)

__all__ = ["compose"]

Facts = Mapping[str, Any]


def compose(facts: Facts) -> Document:
    """Return the document of a report."""
    verdict = facts["verdict"]
    return Document(
        title=facts["task"]["name"],
        outcome=verdict["outcome"],
        verdict=verdict["sentence"],
        basis=verdict["basis"],
        figures=_figures(facts),
        sections=[
            Section(name, title, blocks) for name, title, make in CHAPTERS if (blocks := list(make(facts)))
        ],
    )


def _figures(facts: Facts) -> list[Figure]:
    results = facts["evaluation"]
    shown = [
        Figure(
            percent(results[label]["rate"]),
            named(label),
            f"95 % interval {interval(results[label]['interval'])}",
        )
        for label in ("base", "prompted", "tuned")
        if label in results and results["measure"] is not None
    ]
    split, data = facts["split"], facts["data"]
    trained = f"{count(split['train'])} to train, {count(split['val'])} held out"
    return [*shown, Figure(count(data["total"]), "Examples", trained)]


def _limits(facts: Facts) -> list[Block]:
    return (
        [Items(facts["limits"])]
        if facts["limits"]
        else [Paragraph("Nothing was skipped, failed or truncated.")]
    )


def _environment(facts: Facts) -> list[Block]:
    recorded = facts["environment"]
    if not recorded:
        return [Paragraph("Not recorded. Write it down beside the report with: ait freeze")]
    return [pairs("Versions as recorded", sorted(recorded.items()))]


def _again(facts: Facts) -> list[Block]:
    inputs = facts["inputs"]
    rows = [(row["path"], count(row["lines"]), count(row["bytes"]), row["sha256"]) for row in inputs]
    columns = ("file", "lines", "bytes", "SHA-256")
    return [
        Items(facts["reproduce"]),
        Table("Every file that this report was made from", columns, rows, frozenset({"lines", "bytes"})),
    ]


CHAPTERS: tuple[tuple[str, str, Callable[[Facts], list[Block]]], ...] = (
    ("evaluation", "Evaluation", evaluation),
    ("evidence", "Evidence", evidence),
    ("rewrites", "Rewrites", provenance.rewrites),
    ("task", "Task", provenance.task),
    ("data", "Data", provenance.data),
    ("split", "Split", provenance.split),
    ("training", "Training", provenance.training),
    ("limits", "Limits", _limits),
    ("environment", "Environment", _environment),
    ("reproduce", "How to reproduce it", _again),
)
