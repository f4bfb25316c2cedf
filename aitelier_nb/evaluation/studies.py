"""A blind comparison of two models: written down before the first vote, its sides sealed until the reveal.

The study file holds plan, answers (which is whose is not in it) and the SHA-256 of each rater's salt, seed
and sides. Those wait under .aitelier/studies/ and are written into the file at the reveal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from aitelier_nb.errors import StudyError
from aitelier_nb.evaluation import archive, sides
from aitelier_nb.evaluation.answers import PARAMETERS, Asked, Contestant, Row, ask, sha256, validation
from aitelier_nb.evaluation.comparisons import PLAN, Comparison
from aitelier_nb.evaluation.ledger import Ledger, canonical
from aitelier_nb.evaluation.vault import Secret, Vault
from aitelier_nb.evaluation.verdicts import outlook
from aitelier_nb.providers.recordings import Mode
from aitelier_nb.schema import Example, Parameters
from aitelier_nb.storage.locks import lock
from aitelier_nb.storage.project import Project, now
from aitelier_nb.views import View

__all__ = ["CHOICES", "Choice", "Study", "create", "judge", "open_study"]

Choice = Literal["left", "right", "tie", "bad"]
CHOICES = ("left", "right", "tie", "bad")
QUESTION = "Which of the two answers would you rather send?"


class Study(View):
    """One rater's view of a blind comparison.

    Attributes
    ----------
    path
        The study's file in data/evals.
    rater
        Whose votes are given here.
    """

    def __init__(self, project: Project, path: Path, rater: str | None = None) -> None:
        self.project, self.path = project, path
        self.rater = rater or project.rater
        self._lock_path = project.state_path / "evals.lock"
        self._vault = Vault(project.state_path / "studies", self.content["identity"])
        self.ledger = Ledger(archive.votes_path(path), self._lock_path)
        self._secret = self._joined()
        self._pairs = {(pair["id"], pair["createdAt"]): pair for pair in self.content["pairs"]}
        self._order = sides.order(self._secret.seed, list(self._pairs)) if self._secret else []

    @property
    def content(self) -> dict[str, Any]:
        """The study file as it stands."""
        return archive.load(self.path)

    @property
    def revealed(self) -> bool:
        """Whether the sides are known; no vote counts afterwards."""
        return "reveal" in self.content

    def _plan(self, content: Mapping[str, Any]) -> dict[str, Any]:
        return {key: content[key] for key in PLAN}

    def _joined(self) -> Secret | None:
        """Return this rater's sides: those committed to, or new ones whose commitment is written first."""
        with lock(self._lock_path):
            content = self.content
            if "reveal" in content:
                return None
            secret = self._vault.find(self.rater)
            committed = content["commitments"].get(self.rater)
            if committed is not None and secret is None:
                raise StudyError(
                    f"the sides that {self.rater} was shown in {self.path.name} are not on this machine",
                    hint="vote where the study was begun, or under another name (AITELIER_RATER)",
                )
            if secret is None:
                secret = self._vault.make(self.rater, self._lefts())
            sealed = sides.commitment(secret.salt, secret.seed, secret.sides, self._plan(content))
            if committed is None:
                content["commitments"][self.rater] = sealed
                archive.rewrite(self.path, content)
            elif committed != sealed:
                raise StudyError(
                    f"{self.path.name} was changed after it was written",
                    hint="restore it from git, or begin a new study",
                )
            return secret

    def _lefts(self) -> Callable[[str], list[dict[str, Any]]]:
        """Return what makes a rater's sides from a seed."""
        tuned = self._vault.tuned()

        def made(seed: str) -> list[dict[str, Any]]:
            pairs = {(pair["id"], pair["createdAt"]): pair["answers"] for pair in self.content["pairs"]}
            lefts = sides.balanced(seed, list(pairs))
            return [_side(key, texts, tuned[key[0]], lefts[key]) for key, texts in pairs.items()]

        return made

    def page(self, start: int = 0, n: int | None = None) -> list[dict[str, Any]]:
        """Return pairs as they are shown to this rater: {"id", "messages", "left", "right", "choice"}.

        `choice` is the vote that stands, or None. Nothing tells which model wrote which.
        """
        given = self.choices()
        stop = None if n is None else start + n
        keys = self._order[start:stop]
        examples = {
            example.id: example for example in self.project.dataset.examples([key[0] for key in keys])
        }
        return [
            {
                "id": key[0],
                "messages": [message.to_json() for message in examples[key[0]].prompt],
                "left": self._text(key, left=True),
                "right": self._text(key, left=False),
                "choice": given.get(key[0]),
            }
            for key in keys
        ]

    def _text(self, key: sides.Key, *, left: bool) -> str:
        side = self._secret.side(key) if self._secret else {}
        wanted = side["left" if left else "right"]
        return next(str(text) for text in self._pairs[key]["answers"] if sha256(text) == wanted)

    def choices(self) -> dict[int, str]:
        """Return this rater's standing votes by example id."""
        found: dict[int, str] = {}
        for row in self.ledger.rows():
            if row.get("by") == self.rater and row.get("kind") == "vote":
                found[row["id"]] = row["choice"]
            elif row.get("by") == self.rater and row.get("kind") == "undo":
                found.pop(row["id"], None)
        return found

    @property
    def waiting(self) -> list[int]:
        """The ids of the pairs that this rater has not voted on, in the order shown."""
        given = self.choices()
        return [key[0] for key in self._order if key[0] not in given]

    def vote(self, example_id: int, choice: str, *, session: str = "", seq: int | None = None) -> None:
        """Keep a vote; it is on the disk when this returns, and counts once however often it is sent.

        Raises
        ------
        StudyError
            There is no such pair or choice, or the study was revealed.
        """
        if choice not in CHOICES:
            raise StudyError(f"{choice!r} is no vote", hint=f"one of {', '.join(CHOICES)}")
        key, secret = self._key(example_id)
        row = {
            "kind": "vote",
            "id": example_id,
            "createdAt": key[1],
            "choice": choice,
            "by": self.rater,
            "at": now(),
            "leftSha256": secret.side(key)["left"],
            "session": session,
            "seq": seq,
        }
        self.ledger.append(row, bytes.fromhex(secret.salt))

    def undo(self) -> int | None:
        """Take back this rater's latest standing vote; return its example's id, or None."""
        standing = self.choices()
        rows = [r for r in self.ledger.rows() if r.get("by") == self.rater and r.get("kind") == "vote"]
        last = next((row["id"] for row in reversed(rows) if row["id"] in standing), None)
        if last is not None:
            key, secret = self._key(last)
            row = {"kind": "undo", "id": last, "createdAt": key[1], "by": self.rater, "at": now()}
            self.ledger.append(row, bytes.fromhex(secret.salt))
        return last

    def _key(self, example_id: int) -> tuple[sides.Key, Secret]:
        if self._secret is None or self.revealed:
            raise StudyError(f"{self.path.name} was revealed", hint="begin a new study to vote again")
        key = next((key for key in self._pairs if key[0] == example_id), None)
        if key is None:
            raise StudyError(
                f"there is no pair of example {example_id} in {self.path.name}", hint="`page()` shows them"
            )
        return key, self._secret

    def reveal(self) -> Comparison:
        """Write seeds and salts into the study, and return what the votes say; no vote counts after it."""
        with lock(self._lock_path):
            content = self.content
            if "reveal" not in content:
                raters = {secret.by: secret.to_json() for secret in self._vault.all()}
                votes = {"count": len(self.ledger.rows()), "sha256": self.ledger.digest()}
                content["reveal"] = {"at": now(), "raters": raters, "votes": votes}
                Comparison(self.path, content, self.ledger).check()
                archive.rewrite(self.path, content)
        return Comparison(self.path, content, self.ledger).check()

    def to_json(self) -> dict[str, Any]:
        """Return {"file", "n", "votes", "waiting", "mode", "revealed"}."""
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
        """Count the votes given."""
        given = len(self.choices())
        return f"{given} of {self.content['n']} votes given by {self.rater}: {self.path.name}"

    def notes(self) -> list[str]:
        """Tell what the plan can show, and what was left out."""
        content = self.content
        same, left_out = content["identical"], content["leftOut"]
        notes = outlook(content["n"], content["alpha"])
        notes += (
            [f"{len(same)} pairs have identical answers and count as ties without a vote"] if same else []
        )
        return notes + [f"left out {len(ids)}: {reason}" for reason, ids in left_out.items() if ids]


def _side(key: sides.Key, texts: Sequence[str], tuned: str, left: bool) -> dict[str, Any]:
    base = next(sha for sha in map(sha256, texts) if sha != tuned)
    first, second = (tuned, base) if left else (base, tuned)
    return {"id": key[0], "createdAt": key[1], "tunedLeft": left, "left": first, "right": second}


def create(  # noqa: PLR0913 - what a study is made of
    project: Project,
    base: Contestant,
    tuned: Contestant,
    *,
    question: str = QUESTION,
    mode: Literal["fixed", "sequential"] = "fixed",
    alpha: float = 0.05,
    ids: Iterable[int] | None = None,
    parameters: Parameters = PARAMETERS,
    recordings: Mode = "auto",
    version: str = "base",
    rater: str | None = None,
) -> Study:
    """Ask both models, write the study down, and return it ready for the first vote.

    The same models, examples and plan give the study that is there, with its sides and its votes.

    Parameters
    ----------
    project
        Its validation examples are asked.
    base, tuned
        Who is compared.
    question
        What a vote answers.
    mode
        "fixed": all pairs are voted on, then the sign test once. "sequential": one may look after
        each vote.
    alpha
        The chance of calling two equal models different.
    ids
        Only these validation examples.
    parameters
        How both are asked.
    recordings
        The recordings' mode.
    version
        `v{n}` or "base"; part of the file's name.
    rater
        Who votes; the project's rater when None.
    """
    if mode not in ("fixed", "sequential"):
        raise StudyError(f"there is no mode {mode!r}", hint="fixed or sequential")
    asked = validation(project, ids)
    rows = ask(project, [base, tuned], asked.examples, parameters, recordings)
    answers = {(row.example.id, row.label): row for row in rows}
    pairs = [(e, answers[e.id, base.label], answers[e.id, tuned.label]) for e in asked.examples]
    plan = _plan(project, asked, pairs, [base, tuned], parameters) | {
        "question": question,
        "mode": mode,
        "alpha": alpha,
    }
    identity = hashlib.sha256(canonical({key: plan[key] for key in PLAN})).hexdigest()
    with lock(project.state_path / "evals.lock"):
        known = archive.identical(project, "compare", identity)
        if known is not None:
            return Study(project, known[0], rater)
        head = {"schema": archive.FORMAT, "kind": "comparison", "identity": identity, "createdAt": now()}
        dataset = {"fingerprint": project.dataset.fingerprint()}
        content = {
            **head,
            "version": version,
            "scale": [1, 10],
            "dataset": dataset,
            **plan,
            "commitments": {},
        }
        tuned_texts = {e.id: sha256(second.answer.text) for e, _, second in pairs if second.answered}
        Vault(project.state_path / "studies", identity).keep_tuned(tuned_texts)
        return Study(project, archive.write(project, "compare", version, content), rater)


def _plan(
    project: Project,
    asked: Asked,
    pairs: Sequence[tuple[Example, Row, Row]],
    contestants: Sequence[Contestant],
    parameters: Parameters,
) -> dict[str, Any]:
    """Return what is fixed before the first vote; the answers of a pair lie in the order of their hashes."""
    both = [(e, one, two) for e, one, two in pairs if one.answered and two.answered]
    different = [(e, one, two) for e, one, two in both if one.answer.text != two.answer.text]
    same = [e for e, one, two in both if one.answer.text == two.answer.text]
    if not different:
        raise StudyError(
            f"nothing to vote on: {len(both)} of {len(pairs)} examples have two answers, all identical",
            hint="compare another model, or look at the answers with `ait eval`",
        )
    failed = [e.id for e, one, two in pairs if not (one.answered and two.answered)]
    left_out = {**asked.left_out, "no answer from one of the models": failed}
    return {
        "n": len(different),
        "ties": "half a win for each; left out of the test",
        "contestants": [contestant.to_json(project) for contestant in contestants],
        "parameters": parameters.model_dump(exclude_none=True),
        "pairs": [
            {
                "id": e.id,
                "createdAt": e.created_at,
                "answers": sorted((one.answer.text, two.answer.text), key=sha256),
            }
            for e, one, two in different
        ],
        "identical": [{"id": e.id, "createdAt": e.created_at} for e in same],
        "leftOut": {reason: list(ids) for reason, ids in left_out.items() if ids},
    }


def open_study(project: Project, path: Path | None = None, rater: str | None = None) -> Study:
    """Return a study that is there: the one of the path, or the latest."""
    found = path or next(
        (p for p in reversed(archive.paths(project, "compare")) if "pairs" in archive.load(p)), None
    )
    if found is None:
        raise StudyError("there is no comparison yet", hint="`ait eval --compare` begins one")
    return Study(project, found, rater)


def judge(study: Study, name: str, prefer: Callable[[str, str, Example], Choice]) -> Study:
    """Let a stated mechanical rule vote on all pairs, under the name "rule: ..."; no human judged then.

    Parameters
    ----------
    study
        The comparison.
    name
        The rule in words.
    prefer
        Of the left text, the right text and the example.
    """
    rule = Study(study.project, study.path, f"rule: {name}")
    waiting = set(rule.waiting)
    examples = {example.id: example for example in study.project.dataset.examples(sorted(waiting))}
    for pair in rule.page():
        if pair["id"] in waiting:
            rule.vote(pair["id"], prefer(pair["left"], pair["right"], examples[pair["id"]]))
    return rule
