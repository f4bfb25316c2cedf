"""The chapters of a report that say how good the model is, and show it: rates, votes, answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aitelier_nb.reports import ballots, charts
from aitelier_nb.reports.blocks import (
    UNKNOWN,
    Block,
    Chart,
    Paragraph,
    Passage,
    Table,
    count,
    estimate,
    interval,
    p_value,
    pairs,
    percent,
)

__all__ = ["evaluation", "evidence", "named"]

Facts = Mapping[str, Any]
LABELS = {"base": "Base model", "prompted": "Base model, prompted", "tuned": "Tuned model"}
LONG = 4000
RATES = ("contestant", "model", "passed", "asked", "rate", "95 % interval")
ANSWERS = ("contestant", "answers", "failed", "cut off", "refused", "median characters")
SCORES = ("model", "scored", "mean", "sendable", "95 % interval")


def named(label: str) -> str:
    """Return a contestant's label in words."""
    return LABELS.get(label, label)


def evaluation(facts: Facts) -> list[Block]:
    """Return the chapter of rates, votes and scores."""
    blocks = _rates(facts["evaluation"])
    blocks += [block for study in facts["comparisons"] for block in ballots.study(study)]
    blocks += [block for contest in facts["contests"] for block in ballots.contest(contest)]
    blocks += [block for scored in facts["scores"] for block in _scores(scored)]
    return blocks or [Paragraph("Nothing was evaluated yet.")]


def _rates(results: Facts) -> list[Block]:
    labels = results.get("labels", [])
    if not labels:
        return []
    shown = [(label, results[label]) for label in labels]
    blocks = [block for measure in results["measures"] for block in _measure(measure, shown)]
    if results["paired"]:
        blocks.append(_paired(results["paired"]))
    return [*blocks, _answers(shown)]


def _measure(measure: Facts, shown: Sequence[tuple[str, Facts]]) -> list[Block]:
    name = measure["name"]
    results = [(label, contestant["model"], contestant["by_measure"][name]) for label, contestant in shown]
    rows = [
        (
            named(label),
            model,
            f"{result['passed']:g}",
            count(result["n"]),
            percent(result["rate"]),
            interval(result["interval"]),
        )
        for label, model, result in results
    ]
    dots = [(named(label), r["rate"], r["interval"]) for label, _, r in results if r["interval"] is not None]
    table = Table(f"{name}, on held-out examples", RATES, rows, frozenset(RATES[2:]))
    told = f"{name}: measured by a rule, not by people: {measure['description']}"
    return [Paragraph(told), Chart(charts.intervals(f"{name}: rate with 95 % interval", dots), table)]


def _paired(paired: Facts) -> Table:
    return pairs(
        "The same examples, tuned against base",
        [
            ("Both pass", count(paired["both"])),
            ("Only the tuned model passes", count(paired["tuned_only"])),
            ("Only the base model passes", count(paired["base_only"])),
            ("Neither passes", count(paired["neither"])),
            ("Difference of the rates", estimate(paired["difference"], paired["interval"])),
            ("Exact McNemar test, p", p_value(paired["p"])),
        ],
    )


def _answers(shown: Sequence[tuple[str, Facts]]) -> Table:
    rows = []
    for label, contestant in shown:
        answers = contestant["answers"]
        length = UNKNOWN if answers["characters"] is None else f"{answers['characters']:g}"
        counts = [count(answers[key]) for key in ("n", "failed", "truncated", "refused")]
        rows.append((named(label), *counts, length))
    return Table("Answers", ANSWERS, rows, frozenset(ANSWERS[1:]))


def _scores(scored: Facts) -> list[Block]:
    low, high = scored["scale"]
    rows = [
        (
            named(row["model"]),
            count(row["n"]),
            f"{row['mean']:.2f}",
            percent(row["rate"]),
            interval(row["interval"]),
        )
        for row in scored["rows"]
    ]
    caption = f"Scores {low} to {high} in {scored['file']}; sendable from {scored['sendable_from']:g}"
    table = Table(caption, SCORES, rows, frozenset(SCORES[1:]))
    if scored.get("paired") is None:
        return [table]
    paired, given = scored["paired"], ", ".join(scored["raters"])
    between = "" if paired["interval"] is None else " ({:.2f} to {:.2f})".format(*paired["interval"])
    told = [
        ("Scored by", given),
        ("Tuned minus base, mean of the same examples", f"{paired['mean']:.2f}{between}"),
        ("Sign-flip permutation test, p", p_value(paired["p"])),
    ]
    return [table, pairs("The same examples, tuned against base, by score", told)]


def evidence(facts: Facts) -> list[Block]:
    """Return the chapter that shows answers: losses first, then wins, then what is bad on both sides."""
    shown = facts["evidence"]
    blocks: list[Block] = []
    for key, title in (("losses", "Lost"), ("wins", "Won"), ("worst", "Bad on both sides, or scored lowest")):
        if rows := shown[key]:
            blocks.append(Paragraph(f"{title}: {len(rows)} of {count(shown['totals'][key])} shown, by id."))
            blocks += [_answered(row) for row in rows]
    return blocks


def _answered(row: Facts) -> Passage:
    labels = (
        ("input", "Question"),
        ("base", "Base model"),
        ("tuned", "Tuned model"),
        ("expected", "Held-out answer"),
    )
    parts = [(label, _short(row[key])) for key, label in labels if row[key] is not None]
    return Passage(f"Example {row['id']}: {row['told']}", parts)


def _short(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]}… ({count(len(text) - LONG)} more characters)"
