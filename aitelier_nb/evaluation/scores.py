"""Scores from 1 to 10 that people give to the answers of an evaluation."""

from __future__ import annotations

from typing import Any

from aitelier_nb.errors import DataError, EvaluationError
from aitelier_nb.evaluation import archive, sides
from aitelier_nb.evaluation.answers import UNFINISHED, sha256
from aitelier_nb.evaluation.evaluations import Evaluation
from aitelier_nb.evaluation.ledger import Ledger
from aitelier_nb.evaluation.scored import HIGHEST, LOWEST, Scored, Slot, standing
from aitelier_nb.storage.project import Project, now

__all__ = ["Scores"]


class Scores:
    """One rater's scores of the answers of an evaluation.

    Attributes
    ----------
    slots
        What is to be scored, in this rater's order: answers that exist, all contestants mixed.
    """

    def __init__(self, project: Project, evaluation: Evaluation, rater: str | None = None) -> None:
        self.project, self.evaluation = project, evaluation
        self.rater = rater or project.rater
        self.ledger = Ledger(archive.votes_path(evaluation.path), project.state_path / "evals.lock")
        self._rows = {(row["id"], row["contestant"]): row for row in evaluation.answers if "error" not in row}
        seed = f"{evaluation.content.get('identity', evaluation.path.name)} {self.rater}"
        self.slots: list[Slot] = sorted(self._rows, key=lambda slot: sides.draw(seed, slot[1], (slot[0], "")))

    def page(self, start: int = 0, n: int | None = None) -> list[dict[str, Any]]:
        """Return answers as a rater sees them; who answered is not told.

        Keys: "id", "messages", "expected", "actual", "score", "note", "checks".
        """
        given, notes = self.standing(), self.notes()
        return [
            self._shown(slot) | {"score": given.get(slot), "note": notes.get(slot, "")}
            for slot in self.slots[start : None if n is None else start + n]
        ]

    def row(self, slot: Slot) -> dict[str, Any]:
        """Return one answer as a rater sees it, without score and note.

        Raises
        ------
        EvaluationError
            There is no such answer.
        """
        self._known(slot)
        return self._shown(slot)

    def _shown(self, slot: Slot) -> dict[str, Any]:
        checks = [f"{name}: {'yes' if v == 1 else 'no' if v == 0 else v}" for name, v in self._checks(slot)]
        row = self._rows[slot]
        checks += [UNFINISHED[row["finish_reason"]]] if row["finish_reason"] in UNFINISHED else []
        return {"id": slot[0], **self._example(slot[0]), "actual": row["text"], "checks": checks}

    def _checks(self, slot: Slot) -> list[tuple[str, float]]:
        return list(self._rows[slot].get("measures", {}).items())

    def _example(self, example_id: int) -> dict[str, Any]:
        try:
            example = self.project.dataset.get(example_id)
        except DataError:  # deleted since
            return {"messages": [], "expected": ""}
        return {"messages": [message.to_json() for message in example.prompt], "expected": example.output}

    def standing(self) -> dict[Slot, int]:
        """Return this rater's scores that stand."""
        return {slot: score for (by, slot), score in standing(self.ledger).items() if by == self.rater}

    def notes(self) -> dict[Slot, str]:
        """Return this rater's notes."""
        rows = (
            row for row in self.ledger.rows() if row.get("by") == self.rater and row.get("kind") == "note"
        )
        return {(row["id"], row["contestant"]): row["note"] for row in rows}

    @property
    def waiting(self) -> list[Slot]:
        """What this rater has not scored, in the order shown."""
        given = self.standing()
        return [slot for slot in self.slots if slot not in given]

    def score(self, slot: Slot, value: int, *, session: str = "", seq: int | None = None) -> None:
        """Keep a score; it is on the disk when this returns, and counts once however often it is sent.

        Raises
        ------
        EvaluationError
            The score is no whole number from 1 to 10, or there is no such answer.
        """
        if isinstance(value, bool) or not isinstance(value, int) or not LOWEST <= value <= HIGHEST:
            raise EvaluationError(f"{value!r} is no score", hint="a whole number from 1 to 10")
        row = {**self._head("score", slot), "score": value, "textSha256": sha256(self._rows[slot]["text"])}
        self.ledger.append({**row, "session": session, "seq": seq})

    def note(self, slot: Slot, text: str, *, session: str = "", seq: int | None = None) -> None:
        """Keep a remark on an answer; the latest stands."""
        self.ledger.append({**self._head("note", slot), "note": text, "session": session, "seq": seq})

    def undo(self, of: int | None = None, *, session: str = "", seq: int | None = None) -> Slot | None:
        """Take back a score and return whose it was: that of the session's `of`, or this rater's latest."""
        standing = self.standing()
        rows = [r for r in self.ledger.rows() if r.get("by") == self.rater and r.get("kind") == "score"]
        wanted = (
            rows if of is None else [r for r in rows if (r.get("session"), r.get("seq")) == (session, of)]
        )
        slots = [(row["id"], row["contestant"]) for row in reversed(wanted)]
        last = next((slot for slot in slots if slot in standing), None)
        if last is None:
            return None
        return (
            last if self.ledger.append({**self._head("undo", last), "session": session, "seq": seq}) else None
        )

    def _known(self, slot: Slot) -> None:
        if slot not in self._rows:
            raise EvaluationError(
                f"there is no answer of {slot[1]} to example {slot[0]} in {self.evaluation.path.name}",
                hint=f"contestants: {', '.join(self.evaluation.labels)}",
            )

    def _head(self, kind: str, slot: Slot) -> dict[str, Any]:
        self._known(slot)
        created = self._rows[slot]["createdAt"]
        head = {"kind": kind, "id": slot[0], "createdAt": created, "contestant": slot[1]}
        return {**head, "by": self.rater, "at": now()}

    def result(self) -> Scored:
        """Return what the scores of all raters show."""
        return Scored(self.evaluation, standing(self.ledger))
