"""What a revealed comparison shows: votes counted and tested, and one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from aitelier_nb.evaluation import statistics
from aitelier_nb.evaluation.answers import UNFINISHED
from aitelier_nb.evaluation.ballots import Ballots
from aitelier_nb.evaluation.statistics import Verdict
from aitelier_nb.evaluation.verdicts import percent, sentence
from aitelier_nb.views import View, counted, number, p_text

__all__ = ["Comparison"]


VALUE = {"W": 1.0, "T": 0.5, "B": 0.5, "L": 0.0}


class Comparison(Ballots, View):
    """The result of a blind comparison, from its file and its votes alone."""

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

    @property
    def labels(self) -> tuple[str, str]:
        """The two contestants; the outcomes are told from the side of the second."""
        first, second = (contestant["label"] for contestant in self.content["contestants"])
        return first, second

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, and who judged when it was no person."""
        told = sentence(
            self.counts,
            self.verdict,
            stopped_early=self.missing_votes,
            mode=self.content["mode"],
            names=self.labels,
        )
        return (
            told
            if self.by_people
            else f"{told} Judged by {', '.join(self.counted) or 'nobody'}; no person judged."
        )

    def preferences(self) -> list[tuple[int, str, str]]:
        """Return (example id, preferred text, other text) of each decided pair, to learn from."""
        texts = self.texts()
        decided = [(i, outcome) for i, outcome in self.outcomes().items() if outcome in ("W", "L")]
        return [(i, *(texts[i][::-1] if outcome == "W" else texts[i])) for i, outcome in decided]

    def to_json(self) -> dict[str, Any]:
        """Return the counts, rates, tests, sides and the verdict."""
        counts, verdict = self.counts, self.verdict
        share = statistics.win_rate(counts.wins, counts.ties + counts.both_bad, counts.losses)
        position = statistics.position_test(self.sides_table())
        length = self._length()
        return {
            "file": str(self.path),
            "question": self.content["question"],
            "labels": list(self.labels),
            "mode": self.content["mode"],
            "alpha": self.content["alpha"],
            "n": self.content["n"],
            "votes": len(self.outcomes()),
            "identical": len(self.content["identical"]),
            "forgotten": self.forgotten,
            "unfinished": {label: dict(ends) for label, ends in self.unfinished().items()},
            "left_out": self.content["leftOut"],
            "wins": counts.wins,
            "ties": counts.ties,
            "losses": counts.losses,
            "both_bad": counts.both_bad,
            "rate": share.rate,
            "interval": share.interval,
            "decided_rate": share.decided_rate,
            "decided_interval": share.decided_interval,
            "p": self.p,
            "sides": self.sides_table(),
            "position_p": position.p,
            "left_rate": position.left_rate,
            "length_controlled": {"rate": length.rate, "interval": length.interval, "p": length.p_phi},
            "outcome": verdict.outcome,
            "missing": verdict.missing,
            "stopped_early": self.missing_votes > 0,
            "sentence": self.sentence,
            "judged_by": self.counted,
            "by_people": self.by_people,
            "agreement": asdict(agreed) if (agreed := self.agreement()) else None,
            "repeats": {rater: asdict(flips) for rater, flips in self.repeats().items()},
            "clustered": self._clustered(),
        }

    @property
    def p(self) -> float | None:
        """The p-value of the study's own test: the sign test's, or the anytime p of the e-process."""
        if self.content["mode"] == "fixed":
            return statistics.sign_test(self.counts.wins, self.counts.losses).p
        path = statistics.sequential(self.outcomes().values(), self.content["alpha"]).p
        return path[-1] if path else None

    def _clustered(self) -> dict[str, float | None] | None:
        """Return the win rate's error when examples of one group move together; None without groups."""
        groups = {pair["id"]: pair["group"] for pair in self.pairs if "group" in pair}
        if not groups:
            return None
        values = [VALUE[outcome] for outcome in self.outcomes().values()]
        found = statistics.mean_error(values, [groups.get(i, ("alone", i)) for i in self.outcomes()])
        return {"rate": found.mean, "se": found.se}

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
        return [
            (
                "wins, ties, losses, both bad",
                ", ".join(str(told[k]) for k in ("wins", "ties", "losses", "both_bad")),
            ),
            ("win rate, a tie as half", _rated(told["rate"], told["interval"])),
            ("win rate, decided pairs", _rated(told["decided_rate"], told["decided_interval"])),
            (test, None if self.p is None else _p(self.p)),
            (f"{self.labels[1]} left: won, lost", f"{left_won}, {left_lost}"),
            (f"{self.labels[1]} right: won, lost", f"{right_won}, {right_lost}"),
            ("does the side decide? p", _p(told["position_p"])),
            (
                "win rate at equal length",
                _rated(told["length_controlled"]["rate"], told["length_controlled"]["interval"]),
            ),
            ("judged by", ", ".join(self.counted)),
        ]

    def notes(self) -> list[str]:
        """Tell what was left out, who else voted, and how steady the raters are."""
        same, left_out = self.content["identical"], self.content["leftOut"]
        notes = [f"{counted(len(same), 'pair')} with identical answers, not voted on"] if same else []
        notes += [f"left out {len(ids)}: {reason}" for reason, ids in left_out.items() if ids]
        for label, ends in self.unfinished().items():
            notes += [f"{label}: {counted(n, 'answer')} {UNFINISHED[end]}" for end, n in ends.items()]
        if self.forgotten:
            notes.append(f"{counted(self.forgotten, 'pair')} forgotten since, the votes on it too")
        notes += [f"{counted(n, 'vote')} of {by} sealed on another machine" for by, n in self.sealed.items()]
        aside = [rater for rater in self.raters if rater not in self.counted]
        notes += [f"{rater} voted too; its votes are in none of these numbers" for rater in aside]
        for rater, flips in self.repeats().items():
            notes.append(f"{rater} turned {percent(flips.flip_rate or 0)} of the repeated preferences around")
        if self._clustered() is not None:
            notes.append("examples share groups: the clustered error allows for it, the test does not")
        return notes


def _p(p: float) -> str:
    return p_text(p).removeprefix("p ").removeprefix("= ")


def _rated(rate: float | None, interval: tuple[float, float] | None) -> str | None:
    if rate is None:
        return None
    return number(rate) + (f" ({number(interval[0])} to {number(interval[1])})" if interval else "")
