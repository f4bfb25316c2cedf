"""What a revealed comparison shows: votes decoded, counted and tested, and one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from aitelier_nb.errors import StudyError
from aitelier_nb.evaluation import sides, statistics
from aitelier_nb.evaluation.answers import sha256
from aitelier_nb.evaluation.ledger import Ledger, seal
from aitelier_nb.evaluation.statistics import Counts, Verdict
from aitelier_nb.evaluation.verdicts import sentence
from aitelier_nb.views import View, number

__all__ = ["PLAN", "Comparison"]

NOT_HUMAN = ("rule: ", "model: ")
OUTCOME = {("left", True): "W", ("right", False): "W", ("left", False): "L", ("right", True): "L"}
PLAN = (
    "question",
    "mode",
    "n",
    "alpha",
    "ties",
    "contestants",
    "parameters",
    "pairs",
    "identical",
    "leftOut",
)


class Comparison(View):
    """The result of a blind comparison, from its file and its votes alone.

    Attributes
    ----------
    path
        The study's file.
    content
        What it holds, the reveal included.
    """

    def __init__(self, path: Path, content: Mapping[str, Any], ledger: Ledger) -> None:
        self.path, self.content = path, content
        self._ledger = ledger

    @property
    def raters(self) -> list[str]:
        """Who voted, in the order of their first votes."""
        return list(dict.fromkeys(row["by"] for row in self._standing))

    @property
    def by_people(self) -> bool:
        """Whether at least one vote is a person's."""
        return any(not rater.startswith(NOT_HUMAN) for rater in self.raters)

    @cached_property
    def _sides(self) -> dict[tuple[str, int], dict[str, Any]]:
        raters = self.content["reveal"]["raters"]
        return {(by, side["id"]): side for by, one in raters.items() for side in one["sides"]}

    @cached_property
    def _standing(self) -> list[dict[str, Any]]:
        """The votes that count: each rater's last on each pair, in the order given, without those undone."""
        found: dict[tuple[str, int], dict[str, Any]] = {}
        for row in self._ledger.rows():
            if row.get("kind") not in ("vote", "undo") or row["by"] not in self.content["reveal"]["raters"]:
                continue
            found.pop((row["by"], row["id"]), None)
            if row["kind"] == "vote":
                found[row["by"], row["id"]] = row
        return list(found.values())

    def votes(self) -> list[tuple[str, int, str]]:
        """Return (rater, example id, outcome) of each standing vote, from the tuned side."""
        return [(row["by"], row["id"], self._outcome(row)) for row in self._standing]

    def _outcome(self, row: Mapping[str, Any]) -> str:
        if row["choice"] in ("tie", "bad"):
            return "T" if row["choice"] == "tie" else "B"
        return OUTCOME[row["choice"], self._sides[row["by"], row["id"]]["tunedLeft"]]

    def outcomes(self) -> dict[int, str]:
        """Return one outcome a pair: what most raters preferred, a tie where they are split.

        In the sequential mode the first vote on a pair stands, since later ones could be given in the
        knowledge of the result.
        """
        by_pair: dict[int, list[str]] = {}
        for _, example_id, outcome in self.votes():
            by_pair.setdefault(example_id, []).append(outcome)
        if self.content["mode"] == "sequential":
            return {example_id: given[0] for example_id, given in by_pair.items()}
        return {example_id: _joined(given) for example_id, given in by_pair.items()}

    @cached_property
    def counts(self) -> Counts:
        """Wins, ties, losses and both bad, over the pairs voted on."""
        return statistics.count(self.outcomes().values())

    @property
    def missing_votes(self) -> int:
        """How many of the planned pairs nobody voted on."""
        return int(self.content["n"]) - len(self.outcomes())

    @cached_property
    def verdict(self) -> Verdict:
        """Better, worse or not shown; a fixed study that was stopped early shows nothing."""
        outcomes = self.outcomes()
        found = statistics.verdict(
            outcomes.values(),
            self.content["mode"],
            self.content["alpha"],
            [self._lengths(i) for i in outcomes],
        )
        if self.content["mode"] == "fixed" and self.missing_votes:
            return Verdict("not shown", self.missing_votes)
        return found

    @cached_property
    def _texts(self) -> dict[int, tuple[str, str]]:
        """The two answers of each pair: (base, tuned)."""
        sides_of = {
            side["id"]: side for side in next(iter(self.content["reveal"]["raters"].values()))["sides"]
        }
        found = {}
        for pair in self.content["pairs"]:
            side = sides_of[pair["id"]]
            tuned = side["left"] if side["tunedLeft"] else side["right"]
            first, second = pair["answers"]
            found[pair["id"]] = (second, first) if sha256(first) == tuned else (first, second)
        return found

    def texts(self) -> dict[int, tuple[str, str]]:
        """Return the two answers of each pair by example id: (base, tuned)."""
        return dict(self._texts)

    def _lengths(self, example_id: int) -> tuple[float, float]:
        base, tuned = self._texts[example_id]
        return len(base), len(tuned)

    def sides_table(self) -> list[list[int]]:
        """Return [[won, lost], [won, lost]] over all decided votes: the tuned model left, then right."""
        table = [[0, 0], [0, 0]]
        for row in self._standing:
            outcome = self._outcome(row)
            if outcome in ("W", "L"):
                left = self._sides[row["by"], row["id"]]["tunedLeft"]
                table[0 if left else 1]["WL".index(outcome)] += 1
        return table

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, and who judged when it was no person."""
        told = sentence(
            self.counts, self.verdict, stopped_early=self.missing_votes, mode=self.content["mode"]
        )
        return (
            told
            if self.by_people
            else f"{told} Judged by {', '.join(self.raters) or 'nobody'}; no person judged."
        )

    def check(self) -> Self:
        """Compare file and votes with what was committed to; return self.

        Raises
        ------
        StudyError
            The plan, an answer, a side or a vote was changed after the fact.
        """
        plan = {key: self.content[key] for key in PLAN}
        raters = self.content["reveal"]["raters"]
        texts = {pair["id"]: sorted(map(sha256, pair["answers"])) for pair in self.content["pairs"]}
        for by, one in raters.items():
            made = sides.commitment(one["salt"], one["seed"], one["sides"], plan)
            if made != self.content["commitments"].get(by):
                raise self._changed(f"the plan, the answers or the sides of {by}")
            drawn = sides.balanced(one["seed"], [(side["id"], side["createdAt"]) for side in one["sides"]])
            for side in one["sides"]:
                if texts.get(side["id"]) != sorted((side["left"], side["right"])):
                    raise self._changed(f"the answers to example {side['id']}")
                if drawn[side["id"], side["createdAt"]] != side["tunedLeft"]:
                    raise self._changed(f"the sides of {by}")
        self._check_votes(raters)
        return self

    def _check_votes(self, raters: Mapping[str, Mapping[str, Any]]) -> None:
        kept, rows = self.content["reveal"]["votes"], self._ledger.rows()
        if len(rows) != kept["count"] or self._ledger.digest() != kept["sha256"]:
            raise self._changed("the votes", self._ledger.path)
        last: dict[str, str] = {}
        for row in rows:
            by = str(row.get("by"))
            if by not in raters:
                continue
            before, key = last.get(by, ""), bytes.fromhex(raters[by]["salt"])
            if row.get("seal") != seal(key, before, row):
                raise self._changed(f"a vote of {by} on example {row.get('id')}", self._ledger.path)
            last[by] = row["seal"]
            if row["kind"] == "vote" and row["leftSha256"] != self._sides[by, row["id"]]["left"]:
                raise self._changed(f"the sides of {by}")

    def _changed(self, what: str, path: Path | None = None) -> StudyError:
        return StudyError(
            f"{(path or self.path).name}: {what} changed after the fact",
            hint="restore data/evals from git; a changed study proves nothing",
        )

    def to_json(self) -> dict[str, Any]:
        """Return the counts, rates, tests, sides and the verdict."""
        counts, verdict = self.counts, self.verdict
        share = statistics.win_rate(counts.wins, counts.ties + counts.both_bad, counts.losses)
        test = statistics.sign_test(counts.wins, counts.losses)
        position = statistics.position_test(self.sides_table())
        length = self._length()
        return {
            "file": str(self.path),
            "question": self.content["question"],
            "mode": self.content["mode"],
            "alpha": self.content["alpha"],
            "n": self.content["n"],
            "votes": len(self.outcomes()),
            "identical": len(self.content["identical"]),
            "left_out": self.content["leftOut"],
            "wins": counts.wins,
            "ties": counts.ties,
            "losses": counts.losses,
            "both_bad": counts.both_bad,
            "rate": share.rate,
            "interval": share.interval,
            "decided_rate": share.decided_rate,
            "decided_interval": share.decided_interval,
            "p": test.p if self.content["mode"] == "fixed" else self._anytime().p[-1:],
            "sides": self.sides_table(),
            "position_p": position.p,
            "left_rate": position.left_rate,
            "length_controlled": {"rate": length.rate, "interval": length.interval, "p": length.p_phi},
            "outcome": verdict.outcome,
            "missing": verdict.missing,
            "stopped_early": self.missing_votes > 0,
            "sentence": self.sentence,
            "judged_by": self.raters,
            "by_people": self.by_people,
        }

    def _anytime(self) -> statistics.Sequential:
        return statistics.sequential(self.outcomes().values(), self.content["alpha"])

    def _length(self) -> statistics.LengthControlled:
        decided = [(i, outcome) for i, outcome in self.outcomes().items() if outcome in ("W", "L")]
        lengths = [self._lengths(i) for i, _ in decided]
        return statistics.length_controlled(
            [base for base, _ in lengths],
            [tuned for _, tuned in lengths],
            [float(o == "W") for _, o in decided],
        )

    def headline(self) -> str:
        """Return the verdict's sentence."""
        return self.sentence

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("", "value")

    def rows(self) -> list[Sequence[object]]:
        """Return counts, rates, tests and sides, a row each."""
        told = self.to_json()
        (left_won, left_lost), (right_won, right_lost) = told["sides"]
        test = "sign test, p" if told["mode"] == "fixed" else "anytime p"
        p = told["p"] if told["mode"] == "fixed" else (told["p"][0] if told["p"] else None)
        return [
            (
                "wins, ties, losses, both bad",
                ", ".join(str(told[k]) for k in ("wins", "ties", "losses", "both_bad")),
            ),
            ("win rate, a tie as half", _rated(told["rate"], told["interval"])),
            ("win rate, decided pairs", _rated(told["decided_rate"], told["decided_interval"])),
            (test, None if p is None else number(p, 4)),
            ("tuned left: won, lost", f"{left_won}, {left_lost}"),
            ("tuned right: won, lost", f"{right_won}, {right_lost}"),
            ("does the side decide? p", number(told["position_p"], 4)),
            (
                "win rate at equal length",
                _rated(told["length_controlled"]["rate"], told["length_controlled"]["interval"]),
            ),
            ("judged by", ", ".join(self.raters)),
        ]

    def notes(self) -> list[str]:
        """Tell what was left out, and how ties are counted."""
        same, left_out = self.content["identical"], self.content["leftOut"]
        notes = (
            [f"{len(same)} pairs had identical answers: ties without a vote, in none of these numbers"]
            if same
            else []
        )
        return notes + [f"left out {len(ids)}: {reason}" for reason, ids in left_out.items() if ids]


def _joined(outcomes: Sequence[str]) -> str:
    """Return what most raters of one pair preferred."""
    if len(set(outcomes)) == 1:
        return outcomes[0]
    wins, losses = outcomes.count("W"), outcomes.count("L")
    return "W" if wins > losses else "L" if losses > wins else "T"


def _rated(rate: float | None, interval: tuple[float, float] | None) -> str | None:
    if rate is None:
        return None
    return number(rate) + (f" ({number(interval[0])} to {number(interval[1])})" if interval else "")
