"""What a blind comparison fixes before its first vote: question, rule, pairs; and how a study begins.

The answers of a pair lie in the order of their hashes, so the study tells nothing of whose they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from aitelier_nb.errors import StudyError
from aitelier_nb.evaluation import archive
from aitelier_nb.evaluation.answers import (
    PARAMETERS,
    UNFINISHED,
    Asked,
    Contestant,
    Row,
    ask,
    sha256,
    validation,
)
from aitelier_nb.evaluation.plans import BY_HASH, PLAN
from aitelier_nb.evaluation.studies import Choice, Study
from aitelier_nb.evaluation.vault import Vault
from aitelier_nb.providers.recordings import Mode
from aitelier_nb.schema import Answer, Example, Parameters
from aitelier_nb.storage.locks import lock
from aitelier_nb.storage.project import Project, now
from aitelier_nb.storage.tombstones import canonical

__all__ = ["NO_ANSWER", "QUESTION", "create", "judge", "open_study"]

QUESTION = "Which of the two answers would you rather send?"

NO_ANSWER = "no answer from one of the models"

Pair = tuple[Example, Row, Row]


def create(  # noqa: PLR0913 - what a study is made of
    project: Project,
    base: Contestant,
    tuned: Contestant,
    *,
    question: str = QUESTION,
    mode: Literal["fixed", "sequential"] = "fixed",
    alpha: float = 0.05,
    repeats: int = 0,
    ids: Iterable[int] | None = None,
    parameters: Parameters = PARAMETERS,
    recordings: Mode = "auto",
    version: str = "base",
    rater: str | None = None,
    left_out: Mapping[str, Sequence[int]] | None = None,
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
        The chance of calling two equal models different, between 0 and 1.
    repeats
        How many pairs are shown once more at the end, sides swapped, to see how steady a rater is.
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
    left_out
        Ids that are left out of `ids`, by the reason to tell.

    Raises
    ------
    StudyError
        There is no pair of different answers, or the plan makes no sense.
    """
    if mode not in ("fixed", "sequential"):
        raise StudyError(f"there is no mode {mode!r}", hint="fixed or sequential")
    if not 0 < alpha < 1:
        raise StudyError(f"alpha is {alpha}", hint="alpha lies between 0 and 1, like 0.05")
    asked = validation(project, ids)
    asked = Asked(asked.examples, {**asked.left_out, **(left_out or {})})
    rows = ask(project, [base, tuned], asked.examples, parameters, recordings)
    answers = {(row.example.id, row.label): row for row in rows}
    pairs = [(e, answers[e.id, base.label], answers[e.id, tuned.label]) for e in asked.examples]
    plan = _pairs(asked, pairs, repeats) | {
        "question": question,
        "mode": mode,
        "alpha": alpha,
        "ties": "half a win for each; left out of the test",
        "contestants": [one.to_json(project) for one in (base, tuned)],
        "parameters": parameters.model_dump(exclude_none=True),
    }
    tuned_texts = {e.id: sha256(second.answer.text) for e, _, second in pairs if second.answered}
    return Study(project, _written(project, plan, tuned_texts, version), rater)


def _pairs(asked: Asked, pairs: Sequence[Pair], repeats: int) -> dict[str, Any]:
    """Return the pairs to vote on, those that are identical, and those with an answer missing."""
    both = [(e, one, two) for e, one, two in pairs if one.answered and two.answered]
    different = [(e, one, two) for e, one, two in both if one.answer.text != two.answer.text]
    same = [e for e, one, two in both if one.answer.text == two.answer.text]
    if not different:
        raise StudyError(
            f"nothing to vote on: {len(both)} of {len(pairs)} examples have two answers, all identical",
            hint="compare another model, or look at the answers with `ait eval`",
        )
    if not 0 <= repeats <= len(different):
        raise StudyError(f"{repeats} of {len(different)} pairs cannot be repeated", hint="repeat one in ten")
    failed = [e.id for e, one, two in pairs if not (one.answered and two.answered)]
    left_out = {NO_ANSWER: failed, **asked.left_out} if failed else asked.left_out
    return {
        "n": len(different),
        "repeats": repeats,
        "pairs": [
            {
                "id": e.id,
                "createdAt": e.created_at,
                **({"group": e.group} if e.group is not None else {}),
                **_texts(one.answer, two.answer),
            }
            for e, one, two in different
        ],
        "identical": [{"id": e.id, "createdAt": e.created_at} for e in same],
        "leftOut": {reason: list(ids) for reason, ids in left_out.items() if ids},
    }


def _texts(*both: Answer) -> dict[str, Any]:
    """Return two answers in the order of their hashes; how they ended only where one did not of itself."""
    ordered = sorted(both, key=lambda answer: sha256(answer.text))
    ends = [answer.finish_reason or "stop" for answer in ordered]
    ended = {"finish": ends} if any(end in UNFINISHED for end in ends) else {}
    return {"answers": [answer.text for answer in ordered], **ended}


def _written(project: Project, plan: dict[str, Any], tuned_texts: dict[int, str], version: str) -> Path:
    """Return the file of the study with this plan; write it when there is none."""
    identity = _identity(plan)
    with lock(project.state_path / "evals.lock"):
        known = archive.identical(project, "compare", identity)
        if known is None:
            identity, known = _of_an_older_file(project, plan) or (identity, None)
        vault = Vault(project.state_path / "studies", identity)
        if known is None:
            vault.begin()
        vault.keep_tuned(tuned_texts)
        if known is not None:
            return known[0]
        head = {"schema": archive.FORMAT, "kind": "comparison", "identity": identity, "createdAt": now()}
        dataset = {"fingerprint": project.dataset.fingerprint()}
        content = {
            **head,
            "version": version,
            "scale": [1, 10],
            "dataset": dataset,
            **plan,
            **BY_HASH,
            "commitments": {},
        }
        return archive.write(project, "compare", version, content)


def _identity(plan: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical({key: plan[key] for key in PLAN})).hexdigest()


def _of_an_older_file(
    project: Project, plan: Mapping[str, Any]
) -> tuple[str, tuple[Path, dict[str, Any]]] | None:
    """Return the same study from before pairs told how their answers ended, and its identity."""
    pairs = [{key: value for key, value in pair.items() if key != "finish"} for pair in plan["pairs"]]
    if pairs == plan["pairs"]:
        return None
    identity = _identity({**plan, "pairs": pairs})
    known = archive.identical(project, "compare", identity)
    return None if known is None else (identity, known)


def open_study(project: Project, path: Path | None = None, rater: str | None = None) -> Study:
    """Return a study that is there: the one of the path, or the latest."""
    found = path or next(
        (p for p in reversed(archive.paths(project, "compare")) if "pairs" in archive.load(p)), None
    )
    if found is None:
        raise StudyError("there is no comparison yet", hint="`ait eval --compare` begins one")
    return Study(project, found, rater)


def judge(study: Study, name: str, prefer: Callable[[str, str, Example], Choice]) -> Study:
    """Let a stated mechanical rule vote on all pairs, under the name "rule: ..."; no person judged then.

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
    examples = {
        example.id: example for example in study.project.dataset.examples(sorted({i for i, _ in waiting}))
    }
    for place, pair in enumerate(rule.page()):
        if rule.slots[place] in waiting:
            rule.vote_at(place, prefer(pair["left"], pair["right"], examples[pair["id"]]))
    return rule
