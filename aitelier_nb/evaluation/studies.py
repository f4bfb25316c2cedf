"""A blind comparison of two models: written down before the first vote, its sides sealed until the reveal.

The study file holds plan, answers (which is whose is not in it) and the SHA-256 of each rater's salt, seed
and sides. Those wait under .aitelier/studies/ and are written into the file at the reveal.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from aitelier_nb.errors import DataError, StudyError
from aitelier_nb.evaluation import archive, sides
from aitelier_nb.evaluation.answers import sha256
from aitelier_nb.evaluation.ballots import Ballots
from aitelier_nb.evaluation.briefings import briefing
from aitelier_nb.evaluation.comparisons import Comparison
from aitelier_nb.evaluation.ledger import Ledger
from aitelier_nb.evaluation.sealing import check_whole, joined, vault_of
from aitelier_nb.evaluation.statistics import sequential
from aitelier_nb.evaluation.vault import Secret
from aitelier_nb.storage.locks import lock
from aitelier_nb.storage.project import Project, now
from aitelier_nb.storage.tombstones import standing
from aitelier_nb.views import View

__all__ = ["CHOICES", "Choice", "Slot", "Study"]

Choice = Literal["left", "right", "tie", "bad"]
CHOICES = ("left", "right", "tie", "bad")

Slot = tuple[int, bool]
"""A place in a rater's list: example id, and whether the pair is shown once more with its sides swapped."""


class Study(View):
    """One rater's view of a blind comparison.

    Attributes
    ----------
    path
        The study's file in data/evals.
    rater
        Whose votes are given here.
    slots
        What this rater is shown, in the order shown.
    """

    def __init__(self, project: Project, path: Path, rater: str | None = None) -> None:
        self.project, self.path = project, path
        self.rater = rater or project.rater
        self._lock_path = project.state_path / "evals.lock"
        self._known: tuple[tuple[int, int], dict[str, Any]] | None = None
        self.ledger = Ledger(archive.votes_path(path), self._lock_path)
        self._pairs = {pair["id"]: pair for pair in standing(self.content["pairs"])}
        self._secret = joined(project, path, self.rater, self.ledger)
        self.slots = self._slots()

    @property
    def content(self) -> dict[str, Any]:
        """The study file as it stands; not to be changed."""
        status = self.path.stat() if self.path.exists() else None
        stamp = (status.st_mtime_ns, status.st_size) if status else (0, 0)
        if self._known is None or self._known[0] != stamp:
            self._known = stamp, archive.load(self.path)
        return self._known[1]

    @property
    def revealed(self) -> bool:
        """Whether the sides are known; no vote counts afterwards."""
        return "reveal" in self.content

    @property
    def question(self) -> str:
        """What a vote answers."""
        return str(self.content["question"])

    def _slots(self) -> list[Slot]:
        if self._secret is None:
            return []
        keys = [(pair["id"], pair["createdAt"]) for pair in self._pairs.values()]
        again = sides.order(self._secret.seed, keys, "repeat")[: self.content.get("repeats", 0)]
        return [(key[0], False) for key in sides.order(self._secret.seed, keys)] + [
            (key[0], True) for key in again
        ]

    def page(self, start: int = 0, n: int | None = None) -> list[dict[str, Any]]:
        """Return pairs as they are shown to this rater: {"id", "messages", "left", "right", "choice"}.

        `choice` is the vote that stands, or None. Nothing tells which model wrote which.
        """
        given = self.standing()
        wanted = self.slots[start : None if n is None else start + n]
        return [self._pair(slot, given.get(slot)) for slot in wanted]

    def pair(self, slot: Slot) -> dict[str, Any]:
        """Return one pair as it is shown to this rater."""
        return self._pair(slot, self.standing().get(slot))

    def _pair(self, slot: Slot, choice: str | None) -> dict[str, Any]:
        return {
            "id": slot[0],
            "messages": self._asked(slot[0]),
            "left": self._text(slot, "left"),
            "right": self._text(slot, "right"),
            "choice": choice,
        }

    def _asked(self, example_id: int) -> list[dict[str, Any]]:
        """Return what both models were asked; nothing when the example was deleted since."""
        try:
            return [message.to_json() for message in self.project.dataset.get(example_id).prompt]
        except DataError:
            return []

    def _shown(self, slot: Slot, place: str) -> str:
        """Return the hash of the text at a place; a repeat has its sides swapped."""
        side = self._key_of(slot)[1]
        return str(side[place if not slot[1] else ("right" if place == "left" else "left")])

    def _text(self, slot: Slot, place: str) -> str:
        wanted = self._shown(slot, place)
        return next(str(text) for text in self._pairs[slot[0]]["answers"] if sha256(text) == wanted)

    def _key_of(self, slot: Slot) -> tuple[Secret, dict[str, Any]]:
        if self._secret is None or self.revealed:
            raise StudyError(f"{self.path.name} was revealed", hint="begin a new study to vote again")
        if slot not in self.slots:
            raise StudyError(
                f"there is no pair of example {slot[0]} in {self.path.name}", hint="`page()` shows the pairs"
            )
        return self._secret, self._secret.side(slot[0])

    def standing(self) -> dict[Slot, str]:
        """Return this rater's votes that stand, by slot."""
        found: dict[Slot, str] = {}
        for row in self.ledger.rows():
            if row.get("by") == self.rater and row.get("kind") in ("vote", "undo"):
                slot = (row["id"], bool(row.get("repeat")))
                found.pop(slot, None)
                if row["kind"] == "vote":
                    found[slot] = row["choice"]
        return found

    def choices(self) -> dict[int, str]:
        """Return this rater's votes that stand by example id, repeats left out."""
        return {example_id: choice for (example_id, repeat), choice in self.standing().items() if not repeat}

    @property
    def waiting(self) -> list[Slot]:
        """What this rater has not voted on, in the order shown."""
        given = self.standing()
        return [slot for slot in self.slots if slot not in given]

    def vote(
        self,
        example_id: int,
        choice: str,
        *,
        repeat: bool = False,
        session: str = "",
        seq: int | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a vote; it is on the disk when this returns, and counts once however often it is sent.

        Parameters
        ----------
        example_id, repeat
            Of the pair.
        choice
            "left", "right", "tie" or "bad" (both are).
        session, seq
            What tells a vote from the same vote sent again.
        more
            Further keys of the vote's line.

        Raises
        ------
        StudyError
            There is no such pair or choice, or the study was revealed.
        """
        if choice not in CHOICES:
            raise StudyError(f"{choice!r} is no vote", hint=f"one of {', '.join(CHOICES)}")
        slot = (example_id, repeat)
        secret, side = self._key_of(slot)
        row = {
            **_head("vote", slot, side, self.rater),
            "choice": choice,
            "leftSha256": self._shown(slot, "left"),
            "session": session,
            "seq": seq,
            **(more or {}),
        }
        self._keep(row, secret)

    def _keep(self, row: Mapping[str, Any], secret: Secret) -> bool:
        """Append a sealed line, and remember its seal where the study's secrets are."""
        with lock(self._lock_path):
            new = self.ledger.append(row, bytes.fromhex(secret.salt))
            if new:
                vault_of(self.project, self.content).keep_seal(self.rater, self.ledger.rows()[-1]["seal"])
        return new

    def vote_at(self, position: int, choice: str, *, session: str = "", seq: int | None = None) -> None:
        """Keep a vote on what stands at a place of this rater's list, counted from 0."""
        if not 0 <= position < len(self.slots):
            raise StudyError(f"there is no pair at place {position}", hint=f"0 to {len(self.slots) - 1}")
        example_id, repeat = self.slots[position]
        self.vote(example_id, choice, repeat=repeat, session=session, seq=seq)

    @property
    def next_place(self) -> int | None:
        """The place of the first pair that this rater has not voted on."""
        return self.slots.index(self.waiting[0]) if self.waiting else None

    def voted_at(self, session: str, seq: int | None) -> str:
        """Return when this rater gave a vote: the session's `seq`, or the latest that stands when None."""
        standing_votes, last = self.standing(), ""
        for row in self.ledger.rows():
            mine = row.get("by") == self.rater and row.get("kind") == "vote"
            wanted = seq is None or (row.get("session"), row.get("seq")) == (session, seq)
            if mine and wanted and (row["id"], bool(row.get("repeat"))) in standing_votes:
                last = row["at"]
        return last

    def undo(self, of: int | None = None, *, session: str = "", seq: int | None = None) -> int | None:
        """Take back a vote and return its example's id, or None when there is none to take back.

        Parameters
        ----------
        of
            The `seq` of a vote of the same session; this rater's latest standing vote when None.
        session, seq
            Of this undo itself, so that it counts once however often it is sent.
        """
        standing = self.standing()
        rows = [
            row for row in self.ledger.rows() if row.get("by") == self.rater and row.get("kind") == "vote"
        ]
        wanted = (
            rows if of is None else [r for r in rows if (r.get("session"), r.get("seq")) == (session, of)]
        )
        slots = [(row["id"], bool(row.get("repeat"))) for row in reversed(wanted)]
        last = next((slot for slot in slots if slot in standing), None)
        if last is None:
            return None
        secret, side = self._key_of(last)
        row = {**_head("undo", last, side, self.rater), "session": session, "seq": seq}
        return last[0] if self._keep(row, secret) else None

    @property
    def enough(self) -> bool:
        """Whether a sequential study may stop; which model leads is not told: the sides stay blind."""
        if self._secret is None or self.content["mode"] != "sequential":
            return False
        reveal = {"raters": {self.rater: self._secret.to_json(set(self._pairs))}}
        outcomes = Ballots(self.path, self.content | {"reveal": reveal}, self.ledger).outcomes().values()
        return sequential(outcomes, self.content["alpha"]).stop is not None

    def reveal(self) -> Comparison:
        """Write seeds and salts into the study, and return what the votes say; no vote counts after it."""
        with lock(self._lock_path):
            content = archive.load(self.path)
            if "reveal" not in content:
                vault, ids = vault_of(self.project, content), set(self._pairs)
                for secret in vault.all():
                    check_whole(vault, self.ledger, secret.by)
                raters = {secret.by: secret.to_json(ids) for secret in vault.all()}
                votes = {"count": len(self.ledger.rows()), "sha256": self.ledger.digest()}
                content["reveal"] = {"at": now(), "raters": raters, "votes": votes}
                Comparison(self.path, content, self.ledger).check()
                archive.rewrite(self.path, content)
                vault.keep_reveal(content["reveal"]["at"])
        return Comparison(self.path, content, self.ledger).check()

    def to_json(self) -> dict[str, Any]:
        """Return {"file", "question", "mode", "n", "votes", "waiting", "rater", "revealed"}."""
        return {
            "file": str(self.path),
            "question": self.content["question"],
            "mode": self.content["mode"],
            "n": self.content["n"],
            "votes": len(self.choices()),
            "waiting": len(self.waiting),
            "rater": self.rater,
            "revealed": self.revealed,
        }

    def headline(self) -> str:
        """Count the votes given; once revealed, say the verdict."""
        if self.revealed:
            return Comparison(self.path, self.content, self.ledger).check().sentence
        given = len(self.choices())
        return f"{given} of {self.content['n']} votes given by {self.rater}"

    def notes(self) -> list[str]:
        """Tell what the plan can show, and what was left out."""
        if self.revealed:
            return Comparison(self.path, self.content, self.ledger).notes()
        return briefing(self.content, enough=self.enough, done=not self.waiting)


def _head(kind: str, slot: Slot, side: Mapping[str, Any], rater: str) -> dict[str, Any]:
    head = {"kind": kind, "id": slot[0], "createdAt": side["createdAt"], "by": rater, "at": now()}
    return head | ({"repeat": True} if slot[1] else {})
