"""A blind comparison in a report: who voted, the counts with their tests, the sides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aitelier_nb.reports import charts
from aitelier_nb.reports.blocks import (
    UNKNOWN,
    Block,
    Chart,
    Paragraph,
    Table,
    count,
    estimate,
    p_value,
    pairs,
    percent,
    several,
)
from aitelier_nb.views import p_text

__all__ = ["contest", "study", "voters"]

Facts = Mapping[str, Any]
SIDES = ("side", "won", "lost")
POWER = ("true win rate", "decided votes for 80 % power", "so many that no larger number has less")
STRENGTHS = ("contestant", "log-odds", "95 % interval", "Elo scale")
TESTS = ("pair", "p", "p by Holm", "verdict")
PLANS = {
    "fixed": "the number of votes was fixed before the first",
    "sequential": "one may look after each vote",
}


def study(told: Facts) -> list[Block]:
    """Return what a report shows of one comparison."""
    asked = f"“{told['question']}” {several(told['pairs'], 'pair')}, {told['base']} against {told['tuned']}."
    if told["outcome"] is None:
        return [Paragraph(f"Blind comparison. {asked}"), Paragraph(told["sentence"])]
    parts = [
        ("wins", told["wins"]),
        ("ties", told["ties"]),
        ("losses", told["losses"]),
        ("both bad", told["both_bad"]),
    ]
    return [
        Paragraph(f"Blind comparison. {asked} {several(told['votes'], 'pair')} voted on, {voters(told)}."),
        Paragraph(told["sentence"]),
        Chart(charts.divided("Votes, from the tuned model's side", parts), _counts(told)),
        _sides(told),
        _power(told["power"]),
    ]


def contest(told: Facts) -> list[Block]:
    """Return what a report shows of more than two contestants."""
    strengths = [
        (
            row["label"],
            UNKNOWN if row["strength"] is None else f"{row['strength']:.3f}",
            UNKNOWN if row["interval"] is None else "{:.3f} to {:.3f}".format(*row["interval"]),
            UNKNOWN if row["elo"] is None else f"{row['elo']:.0f}",
        )
        for row in told["contestants"]
    ]
    tests = [
        (
            f"{test['second']} against {test['first']}",
            p_value(test["p"]),
            p_value(test["p_holm"]),
            test["outcome"],
        )
        for test in told["tests"]
    ]
    caption = f"Strengths by Bradley and Terry, {told['anchor']} at 0"
    return [
        Paragraph(f"{told['sentence']}."),
        Table(caption, STRENGTHS, strengths, frozenset(STRENGTHS[1:])),
        Table("Every pair, the level held for all together", TESTS, tests, frozenset(TESTS[1:3])),
    ]


def voters(told: Facts) -> str:
    """Return who voted, in words; a rule is called a rule."""
    people = [name for name in told["voters"] if name not in told["rules"]]
    persons = f"blind, by {several(len(people), 'person', 'people')}"
    if not told["rules"]:
        return persons
    rules = f"by a mechanical rule or model and not by people ({'; '.join(told['rules'])})"
    return f"{rules}, and {persons}" if people else rules


def _counts(told: Facts) -> Table:
    length, agreed = told["length"], told["agreement"]
    test = "Exact sign test, p" if told["mode"] == "fixed" else "Anytime p of the e-process"
    rows = [
        ("Wins", count(told["wins"])),
        ("Ties", count(told["ties"])),
        ("Losses", count(told["losses"])),
        ("Both bad", count(told["both_bad"])),
        ("Win rate, a tie as half", estimate(told["rate"], told["interval"])),
        (
            "Win rate, decided pairs",
            estimate(told["decided_rate"], told["decided_interval"]),
        ),
        ("Win rate at equal length", estimate(length["rate"], length["interval"])),
        (test, p_value(told["p"])),
        ("Plan", f"{PLANS[told['mode']]}; alpha {told['alpha']:g}"),
    ]
    if agreed is not None:
        rows.append(("Voters agree exactly", percent(agreed["exact"])))
    return pairs("Votes, from the tuned model's side", rows)


def _sides(told: Facts) -> Table:
    (left_won, left_lost), (right_won, right_lost) = told["sides"]
    rows = [
        ("tuned left", count(left_won), count(left_lost)),
        ("tuned right", count(right_won), count(right_lost)),
    ]
    caption = (
        f"Decided votes by side; does the side decide? Fisher's exact test, {p_text(told['position_p'])}"
    )
    return Table(caption, SIDES, rows, frozenset(SIDES[1:]))


def _power(power: Sequence[Facts]) -> Table:
    rows = [(percent(row["win_rate"]), count(row["first"]), count(row["always"])) for row in power]
    return Table("How many decided votes a verdict takes", POWER, rows, frozenset(POWER))
