"""The chapters of a report that say how good the model is, and show it: rates, votes, answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aitelier_nb.reports import charts
from aitelier_nb.reports.blocks import (
    Block,
    Chart,
    Paragraph,
    Passage,
    Table,
    count,
    interval,
    percent,
    several,
)

__all__ = ["LABELS", "evaluation", "evidence"]

Facts = Mapping[str, Any]
LABELS = {"base": "Base model", "prompted": "Base model, prompted", "tuned": "Tuned model"}
LONG = 4000
RATE_COLUMNS = ("contestant", "model", "passed", "asked", "rate", "95 % interval")


def evaluation(facts: Facts) -> list[Block]:
    """Return the chapter of rates and votes."""
    blocks = [
        *_rates(facts["evaluation"]),
        *(block for study in facts["comparisons"] for block in _study(study)),
    ]
    blocks += [block for scored in facts["scores"] for block in _scores(scored)]
    return blocks or [Paragraph("Nothing was evaluated yet.")]


def _rates(results: Facts) -> list[Block]:
    labels = [label for label in LABELS if label in results]
    if not labels:
        return []
    blocks: list[Block] = []
    for measure in results["measures"]:
        shown = [(label, results[label]) for label in labels if measure["name"] in results[label]]
        blocks += _measure(measure, shown)
    if results.get("paired"):
        blocks.append(_paired(results["paired"]))
    return [*blocks, *_answers(results, labels)]


def _measure(measure: Facts, shown: Sequence[tuple[str, Facts]]) -> list[Block]:
    name = measure["name"]
    rows = [
        (
            LABELS[label],
            result["model"],
            count(result[name]["passed"]),
            count(result[name]["n"]),
            percent(result[name]["rate"]),
            interval(result[name]["interval"]),
        )
        for label, result in shown
    ]
    drawn = charts.intervals(
        f"{name}: rate with 95 % interval",
        [(LABELS[k], r[name]["rate"], r[name]["interval"]) for k, r in shown if r[name]["rate"] is not None],
    )
    table = Table(
        f"{name}, on held-out examples (Wilson interval)",
        RATE_COLUMNS,
        rows,
        frozenset({"passed", "asked", "rate", "95 % interval"}),
    )
    return [Paragraph(f"Measured by a rule, not by people: {measure['description']}"), Chart(drawn, table)]


def _paired(paired: Facts) -> Table:
    rows = [
        ("Both pass", count(paired["both"])),
        ("Only the tuned model passes", count(paired["tuned_only"])),
        ("Only the base model passes", count(paired["base_only"])),
        ("Neither passes", count(paired["neither"])),
        ("Difference of the rates", f"{percent(paired['difference'])}, {interval(paired['interval'])}"),
        ("Exact McNemar test, p", f"{paired['p']:.6f}"),
    ]
    return Table("The same examples, tuned against base", ("what", "value"), rows)


def _answers(results: Facts, labels: Sequence[str]) -> list[Block]:
    columns = ("contestant", "answers", "failed", "cut off", "refused", "median characters")
    rows = [
        (
            LABELS[label],
            *(
                count(results[label]["answers"][key])
                for key in ("n", "failed", "truncated", "refused", "characters")
            ),
        )
        for label in labels
    ]
    return [Table("Answers", columns, rows, frozenset(columns[1:]))]


def _study(study: Facts) -> list[Block]:
    who = _voters(study)
    intro = (
        f"{study['question']} {several(study['votes'], 'vote')} on {several(study['pairs'], 'pair')}, {who}."
    )
    if study["outcome"] is None:
        return [Paragraph(intro), Paragraph(study["sentence"])]
    parts = [
        ("tuned wins", study["wins"]),
        ("ties", study["ties"]),
        ("losses", study["losses"]),
        ("both bad", study["both_bad"]),
    ]
    rows = [
        (
            "Wins, ties, losses, both bad",
            f"{study['wins']}, {study['ties']}, {study['losses']}, {study['both_bad']}",
        ),
        ("Win rate, ties as half", f"{percent(study['rate'])}, {interval(study['interval'])}"),
        (
            "Win rate of the decided",
            f"{percent(study['decided_rate'])}, {interval(study['decided_interval'])}",
        ),
        *([("Exact sign test, p", f"{study['p']:.6f}")] if study["p"] is not None else []),
        ("Plan", study["plan"]),
        *(
            [
                (
                    "Length-controlled win rate",
                    f"{percent(study['length']['rate'])}, {interval(study['length']['interval'])}",
                )
            ]
            if study["length"]
            else []
        ),
    ]
    table = Table("Votes", ("what", "value"), rows)
    blocks: list[Block] = [
        Paragraph(intro),
        Paragraph(study["sentence"]),
        Chart(charts.divided("Votes", parts), table),
    ]
    blocks.append(_sides(study))
    if study["power"]:
        blocks.append(_power(study["power"]))
    return blocks


def _voters(study: Facts) -> str:
    if study["rules"]:
        named = "; ".join(study["rules"])
        people = [name for name in study["voters"] if name not in study["rules"]]
        also = f", beside {several(len(people), 'person', 'people')}" if people else ""
        return f"given by a mechanical rule and not by people ({named}){also}"
    return f"given blind by {several(len(study['voters']), 'person', 'people')}"


def _sides(study: Facts) -> Table:
    (left_won, left_lost), (right_won, right_lost) = study["sides"]
    rows = [
        ("tuned on the left", count(left_won), count(left_lost)),
        ("tuned on the right", count(right_won), count(right_lost)),
    ]
    told = (
        ""
        if study["position_p"] is None
        else f" (does the side matter? Fisher exact, p {study['position_p']:.6f})"
    )
    return Table(f"Decided votes by side{told}", ("side", "won", "lost"), rows, frozenset({"won", "lost"}))


def _power(power: Sequence[Facts]) -> Table:
    columns = ("true win rate", "decided votes for 80 % power", "and for all numbers above")
    rows = [(percent(row["win_rate"]), count(row["first"]), count(row["always"])) for row in power]
    return Table("How many decided votes a verdict takes", columns, rows, frozenset(columns))


def _scores(scored: Facts) -> list[Block]:
    low, high = scored["scale"]
    columns = ("contestant", "scored", "mean", "sendable", "95 % interval")
    rows = [
        (row["model"], count(row["n"]), f"{row['mean']:.2f}", percent(row["rate"]), interval(row["interval"]))
        for row in scored["rows"]
    ]
    caption = f"Scores {low} to {high} in {scored['file']}; sendable from {scored['sendable_from']:g}"
    return [Table(caption, columns, rows, frozenset(columns[1:]))]


def evidence(facts: Facts) -> list[Block]:
    """Return the chapter that shows answers: losses first, then wins, then the worst scores."""
    shown = facts["evidence"]
    blocks: list[Block] = []
    for key, title in (("losses", "Lost"), ("wins", "Won"), ("worst", "Scored lowest")):
        rows, total = shown[key], shown["totals"][key]
        if not rows:
            continue
        blocks.append(Paragraph(f"{title}: {len(rows)} of {count(total)} shown, by id."))
        blocks += [_answered(row) for row in rows]
    return blocks


def _answered(row: Facts) -> Passage:
    parts = [("Question", row["input"])]
    parts += [
        (label, row[key])
        for key, label in (("base", "Base model"), ("tuned", "Tuned model"))
        if row.get(key) is not None
    ]
    if row.get("expected") is not None:
        parts.append(("Held-out answer", row["expected"]))
    return Passage(f"Example {row['id']}: {row['told']}", [(label, _short(text)) for label, text in parts])


def _short(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]}… ({count(len(text) - LONG)} more characters)"
