"""The votes of a revealed comparison: decoded, joined over raters, and held against what was sealed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from aitelier_nb.errors import StudyError
from aitelier_nb.evaluation import sides, statistics
from aitelier_nb.evaluation.answers import UNFINISHED, sha256
from aitelier_nb.evaluation.ledger import Ledger, seal
from aitelier_nb.evaluation.plans import PLAN, committed
from aitelier_nb.evaluation.statistics import Agreement, Counts, Flips
from aitelier_nb.storage.tombstones import standing

__all__ = ["Ballots", "is_person"]

NOT_HUMAN = ("rule: ", "model: ")
OUTCOME = {("left", True): "W", ("right", False): "W", ("left", False): "L", ("right", True): "L"}


def is_person(rater: str) -> bool:
    """Return whether a rater's name is a person's; rules and models vote under names that say so."""
    return not rater.startswith(NOT_HUMAN)


class Ballots:
    """The votes of one study, told from the tuned side.

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
        """Who voted, in the order of their first votes that stand."""
        return list(dict.fromkeys(row["by"] for row in self._standing))

    @property
    def by_people(self) -> bool:
        """Whether at least one vote is a person's."""
        return any(map(is_person, self.raters))

    @property
    def counted(self) -> list[str]:
        """Whose votes count: people's, and a rule's or a model's only where no person voted."""
        return [rater for rater in self.raters if is_person(rater) == self.by_people]

    @cached_property
    def sealed(self) -> dict[str, int]:
        """How many votes cannot be read, by rater: their sides are on another machine."""
        known = self.content["reveal"]["raters"]
        return dict(Counter(row["by"] for row in self._ledger.rows() if row.get("by") not in (None, *known)))

    @cached_property
    def pairs(self) -> list[dict[str, Any]]:
        """The pairs of the study, without those that were forgotten since."""
        return standing(self.content["pairs"])

    @cached_property
    def forgotten(self) -> int:
        """How many pairs had to be forgotten since the study began; their votes are gone with them."""
        return len(self.content["pairs"]) - len(self.pairs)

    @cached_property
    def _sides(self) -> dict[tuple[str, int], dict[str, Any]]:
        raters = self.content["reveal"]["raters"]
        return {(by, side["id"]): side for by, one in raters.items() for side in standing(one["sides"])}

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        """The votes that stand, repeats included: each rater's last on each, in the order given."""
        found: dict[tuple[str, int, bool], dict[str, Any]] = {}
        for row in self._ledger.rows():
            if row.get("kind") in ("vote", "undo") and row.get("by") in self.content["reveal"]["raters"]:
                key = (row["by"], row["id"], bool(row.get("repeat")))
                found.pop(key, None)
                if row["kind"] == "vote":
                    found[key] = row
        return list(found.values())

    @property
    def _standing(self) -> list[dict[str, Any]]:
        return [row for row in self._rows if not row.get("repeat")]

    def votes(self) -> list[tuple[str, int, str]]:
        """Return (rater, example id, outcome) of each vote that stands, from the tuned side; no repeats."""
        return [(row["by"], row["id"], self._outcome(row)) for row in self._standing]

    def repeats(self) -> dict[str, Flips]:
        """Return for each rater how often the vote changed when a pair came again with its sides swapped."""
        again = {(row["by"], row["id"]): self._outcome(row) for row in self._rows if row.get("repeat")}
        first = {(rater, example_id): outcome for rater, example_id, outcome in self.votes()}
        found = {}
        for rater in self.raters:
            both = [key for key in again if key[0] == rater and key in first]
            if both:
                found[rater] = statistics.flips([first[key] for key in both], [again[key] for key in both])
        return found

    def orders(self, rater: str) -> list[tuple[str, str]]:
        """Return the outcomes of a rater who was asked in both orders, a pair each."""
        return [
            (self._outcome({**row, "choice": first}), self._outcome({**row, "choice": second}))
            for row in self._standing
            if row["by"] == rater and "orders" in row
            for first, second in [row["orders"]]
        ]

    def agreement(self) -> Agreement | None:
        """Return how far the raters that count agree, pair by pair; None for one rater."""
        if len(self.counted) < 2:  # noqa: PLR2004
            return None
        given = {(rater, example_id): outcome for rater, example_id, outcome in self.votes()}
        ids = [pair["id"] for pair in self.pairs]
        return statistics.agreement([[given.get((rater, i)) for i in ids] for rater in self.counted])

    def _outcome(self, row: Mapping[str, Any]) -> str:
        if row["choice"] in ("tie", "bad"):
            return "T" if row["choice"] == "tie" else "B"
        left = bool(self._sides[row["by"], row["id"]]["tunedLeft"]) != bool(row.get("repeat"))
        return OUTCOME[row["choice"], left]

    def outcomes(self) -> dict[int, str]:
        """Return one outcome a pair: what most of those who count preferred, a tie where they are split.

        In the sequential mode the first vote on a pair stands, since later ones could be given in the
        knowledge of the result.
        """
        by_pair: dict[int, list[str]] = {}
        for rater, example_id, outcome in self.votes():
            if rater not in self.counted:
                continue
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
        """How many of the planned pairs nobody voted on, those that were forgotten left out."""
        return int(self.content["n"]) - self.forgotten - len(self.outcomes())

    @cached_property
    def _texts(self) -> dict[int, tuple[str, str]]:
        """The two answers of each pair: (base, tuned)."""
        sides_of = {
            side["id"]: side
            for side in standing(next(iter(self.content["reveal"]["raters"].values()))["sides"])
        }
        found = {}
        for pair in self.pairs:
            side = sides_of[pair["id"]]
            tuned = side["left"] if side["tunedLeft"] else side["right"]
            first, second = pair["answers"]
            found[pair["id"]] = (second, first) if sha256(first) == tuned else (first, second)
        return found

    def unfinished(self) -> dict[str, Counter[str]]:
        """Return by contestant how many of the answers were cut off or refused, by finish reason."""
        labels = [contestant["label"] for contestant in self.content["contestants"]]
        found = {label: Counter[str]() for label in labels}
        for pair in self.pairs:
            ends = dict(zip(pair["answers"], pair.get("finish", ()), strict=False))
            for label, text in zip(labels, self._texts[pair["id"]], strict=True):
                found[label].update([ends[text]] if ends.get(text) in UNFINISHED else [])
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
            if outcome in ("W", "L") and row["by"] in self.counted:
                left = self._sides[row["by"], row["id"]]["tunedLeft"]
                table[0 if left else 1]["WL".index(outcome)] += 1
        return table

    def check(self) -> Self:
        """Compare file and votes with what was committed to; return self.

        Raises
        ------
        StudyError
            The plan, an answer, a side or a vote was changed after the fact.
        """
        if any(key not in self.content for key in (*PLAN, "commitments")):
            raise self._changed("the plan")
        raters = self.content["reveal"]["raters"]
        if not raters:
            raise StudyError(
                f"the sides of {self.path.name} are not on this machine", hint="reveal it where it was begun"
            )
        texts = {pair["id"]: sorted(map(sha256, pair["answers"])) for pair in self.pairs}
        owners: dict[int, str] = {}
        for by, one in raters.items():
            made = committed(self.content, one["salt"], one["seed"], one["sides"])
            if made != self.content["commitments"].get(by):
                raise self._changed(f"the plan, the answers or the sides of {by}")
            known = standing(one["sides"])
            drawn = sides.balanced(one["seed"], [(side["id"], side["createdAt"]) for side in known])
            for side in known:
                tuned = side["left"] if side["tunedLeft"] else side["right"]
                if owners.setdefault(side["id"], tuned) != tuned:
                    raise self._changed(f"whose the answers to example {side['id']} are")
                if texts.get(side["id"]) != sorted((side["left"], side["right"])):
                    raise self._changed(f"the answers to example {side['id']}")
                whole = len(known) == len(one["sides"])  # half of the pairs cannot be told of a part
                if whole and drawn[side["id"], side["createdAt"]] != side["tunedLeft"]:
                    raise self._changed(f"the sides of {by}")
        self._check_votes(raters)
        return self

    def _check_votes(self, raters: Mapping[str, Mapping[str, Any]]) -> None:
        kept, rows = self.content["reveal"]["votes"], self._ledger.rows()
        as_it_was = self._ledger.digest() == kept["sha256"] or any(row["kind"] == "forgotten" for row in rows)
        if len(rows) != kept["count"] or not as_it_was:
            raise self._changed("the votes", self._ledger.path)
        last: dict[str, str] = {}
        for row in rows:
            by = str(row.get("by"))
            if by not in raters:
                continue
            before, key = last.get(by, ""), bytes.fromhex(raters[by]["salt"])
            if row["kind"] != "forgotten" and row.get("seal") != seal(key, before, row):
                raise self._changed(f"a vote of {by} on example {row.get('id')}", self._ledger.path)
            last[by] = row["seal"]
            place = "right" if row.get("repeat") else "left"
            if row["kind"] == "vote" and row["leftSha256"] != self._sides[by, row["id"]][place]:
                raise self._changed(f"the sides of {by}")

    def _changed(self, what: str, path: Path | None = None) -> StudyError:
        return StudyError(
            f"{(path or self.path).name}: {what} changed after the fact",
            hint="restore data/evals from git; a changed study proves nothing",
        )


def _joined(outcomes: Sequence[str]) -> str:
    """Return what most raters of one pair preferred."""
    if len(set(outcomes)) == 1:
        return outcomes[0]
    wins, losses = outcomes.count("W"), outcomes.count("L")
    return "W" if wins > losses else "L" if losses > wins else "T"
