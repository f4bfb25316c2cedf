"""Voting over more than two contestants: every pair of them meets on every example, all mixed.

Each pair is a blind comparison of its own, with its own plan, sides and votes; a rater sees one list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from aitelier_nb.errors import StudyError
from aitelier_nb.evaluation import archive
from aitelier_nb.evaluation.answers import PARAMETERS, Contestant, ask, validation
from aitelier_nb.evaluation.comparisons import Comparison
from aitelier_nb.evaluation.designs import NO_ANSWER, create
from aitelier_nb.evaluation.leagues import League
from aitelier_nb.evaluation.ledger import Ledger
from aitelier_nb.evaluation.studies import Slot, Study
from aitelier_nb.schema import Parameters
from aitelier_nb.storage.locks import lock
from aitelier_nb.storage.project import Project, now
from aitelier_nb.storage.tombstones import canonical
from aitelier_nb.views import View, counted

__all__ = ["Contest", "open_contest", "pairings", "results"]

KIND = "league"


def pairings(
    project: Project,
    contestants: Sequence[Contestant],
    *,
    ids: Sequence[int] | None = None,
    parameters: Parameters = PARAMETERS,
    **plan: Any,
) -> list[Study]:
    """Return a study for each pair of contestants over the same examples, so that all meet equally often.

    An example to which one of them gave no answer is left out of all studies, and told.

    Parameters
    ----------
    project
        Its validation examples are asked.
    contestants
        The first one is the anchor.
    ids
        Only these validation examples.
    parameters
        How all are asked.
    plan
        What else `designs.create` takes.
    """
    asked = validation(project, ids)
    rows = ask(project, contestants, asked.examples, parameters, plan.get("recordings", "auto"))
    mute = {row.example.id for row in rows if not row.answered}
    answered = [example.id for example in asked.examples if example.id not in mute]
    if not answered:
        raise StudyError("no example was answered by all contestants", hint="look at them with `ait eval`")
    left_out = {**asked.left_out, NO_ANSWER: sorted(mute)} if mute else asked.left_out
    return [
        create(project, one, two, ids=answered, parameters=parameters, left_out=left_out, **plan)
        for one, two in combinations(contestants, 2)
    ]


def open_contest(project: Project, contestants: Sequence[Contestant], **plan: Any) -> Contest:
    """Return the contest of these contestants, ready for the next vote; the same plan gives the same one.

    Parameters
    ----------
    project, contestants, plan
        What `pairings` takes.

    Raises
    ------
    StudyError
        Two contestants give the same answers to everything, or a plan makes no sense.
    """
    studies = pairings(project, contestants, **plan)
    members = {
        "labels": [contestant.label for contestant in contestants],
        "studies": [study.path.name for study in studies],
    }
    identity = hashlib.sha256(canonical(members)).hexdigest()
    with lock(project.state_path / "evals.lock"):
        known = archive.identical(project, KIND, identity)
        head = {"schema": archive.FORMAT, "kind": KIND, "identity": identity, "createdAt": now()}
        version = str(plan.get("version", "base"))
        path = known[0] if known else archive.write(project, KIND, version, {**head, **members})
    return Contest(project, path, studies)


def results(project: Project) -> list[tuple[Path, League | None]]:
    """Return every contest's file with its strengths, oldest first; None while its sides are sealed."""
    found = []
    for path in archive.paths(project, KIND):
        content = archive.load(path)
        told = [_result(project, path.with_name(name)) for name in content["studies"]]
        known = [one for one in told if one is not None]
        whole = len(known) == len(told)
        found.append((path, League(known, content["labels"][0]) if whole else None))
    return found


def _result(project: Project, path: Path) -> Comparison | None:
    content = archive.load(path)
    ledger = Ledger(archive.votes_path(path), project.state_path / "evals.lock")
    return Comparison(path, content, ledger).check() if "reveal" in content else None


class Contest(View):
    """One rater's view of a contest: the pairs of all its studies in one list, mixed.

    Attributes
    ----------
    path
        Its file, which names the studies.
    studies
        A comparison for each pair of contestants.
    slots
        What this rater is shown, in the order shown: the study's place, the example, whether again.
    """

    def __init__(self, project: Project, path: Path, studies: Sequence[Study]) -> None:
        self.project, self.path, self.studies = project, path, list(studies)
        self.rater = self.studies[0].rater
        self.slots: list[tuple[int, Slot]] = sorted(
            ((place, slot) for place, study in enumerate(self.studies) for slot in study.slots),
            key=lambda one: (one[1][1], self._drawn(one)),
        )

    def _drawn(self, one: tuple[int, Slot]) -> bytes:
        """Return what orders a pair; it follows from public things and tells nothing of the sides."""
        place, slot = one
        named = [self.studies[place].content["identity"], self.rater, *slot]
        return hashlib.sha256(canonical(named)).digest()

    @property
    def question(self) -> str:
        """What a vote answers."""
        return self.studies[0].question

    @property
    def content(self) -> dict[str, Any]:
        """The contest's file: the contestants' labels and the studies."""
        return archive.load(self.path)

    @property
    def revealed(self) -> bool:
        """Whether the sides of all studies are known."""
        return all(study.revealed for study in self.studies)

    def page(self, start: int = 0, n: int | None = None) -> list[dict[str, Any]]:
        """Return pairs as they are shown to this rater; nothing tells who wrote what."""
        wanted = self.slots[start : None if n is None else start + n]
        return [self.studies[place].pair(slot) for place, slot in wanted]

    def standing(self) -> dict[tuple[int, Slot], str]:
        """Return this rater's votes that stand."""
        return {
            (place, slot): choice
            for place, study in enumerate(self.studies)
            for slot, choice in study.standing().items()
        }

    @property
    def waiting(self) -> list[tuple[int, Slot]]:
        """What this rater has not voted on, in the order shown."""
        given = self.standing()
        return [one for one in self.slots if one not in given]

    @property
    def next_place(self) -> int | None:
        """The place of the first pair that this rater has not voted on."""
        return self.slots.index(self.waiting[0]) if self.waiting else None

    def vote_at(self, position: int, choice: str, *, session: str = "", seq: int | None = None) -> None:
        """Keep a vote on what stands at a place of this rater's list, counted from 0."""
        if not 0 <= position < len(self.slots):
            raise StudyError(f"there is no pair at place {position}", hint=f"0 to {len(self.slots) - 1}")
        place, (example_id, repeat) = self.slots[position]
        self.studies[place].vote(example_id, choice, repeat=repeat, session=session, seq=seq)

    def undo(self, of: int | None = None, *, session: str = "", seq: int | None = None) -> int | None:
        """Take back a vote and return its example's id: that of the session's `of`, or the latest."""
        latest = max(self.studies, key=lambda study: study.voted_at(session, of))
        return latest.undo(of, session=session, seq=seq)

    def reveal(self) -> League:
        """Write down which side was which in every study, and return the strengths."""
        return League([study.reveal() for study in self.studies], self.content["labels"][0])

    def to_json(self) -> dict[str, Any]:
        """Return file, question, contestants, studies and the numbers of votes given and waiting."""
        content = self.content
        return {
            "file": str(self.path),
            "question": self.question,
            "contestants": content["labels"],
            "studies": content["studies"],
            "n": sum(study.content["n"] for study in self.studies),
            "votes": sum(len(study.choices()) for study in self.studies),
            "waiting": len(self.waiting),
            "rater": self.rater,
            "revealed": self.revealed,
        }

    def headline(self) -> str:
        """Count the votes given; once revealed, name the contestants, the strongest first."""
        if self.revealed:
            return self.reveal().headline()
        told = self.to_json()
        return f"{told['votes']} of {told['n']} votes given by {self.rater}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns, once revealed."""
        return self.reveal().columns() if self.revealed else ()

    def rows(self) -> list[Sequence[object]]:
        """Return a contestant a row, once revealed."""
        return self.reveal().rows() if self.revealed else []

    def notes(self) -> list[str]:
        """Tell what the plan can show, and what was left out."""
        if self.revealed:
            return self.reveal().notes()
        labels, first = self.content["labels"], self.studies[0].notes()
        each = f"{len(labels)} contestants: {counted(len(self.studies), 'pairing')}, of each:"
        return [each, *dict.fromkeys([*first, *(note for study in self.studies for note in study.notes())])]
