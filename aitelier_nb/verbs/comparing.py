"""Two models are compared blind on the held-out examples; people, a model or a stated rule vote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aitelier_nb.consent import ask_for
from aitelier_nb.errors import EvaluationError, StudyError, UsageError
from aitelier_nb.evaluation import designs, judges
from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.archive import version_of
from aitelier_nb.evaluation.comparisons import Comparison
from aitelier_nb.evaluation.contests import Contest, open_contest
from aitelier_nb.evaluation.leagues import League
from aitelier_nb.evaluation.studies import Study
from aitelier_nb.providers.base import Provider, Settings, open_provider
from aitelier_nb.providers.recordings import Mode
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import runs
from aitelier_nb.verbs.current import Where, current, shown
from aitelier_nb.verbs.evaluating import agree, asked_as, base_to_ask, contestants, finished_run
from aitelier_nb.verbs.naming import Named
from aitelier_nb.views import View

if TYPE_CHECKING:
    from aitelier_nb.widgets.comparator import Comparator

__all__ = ["BlindComparison", "compare"]


class BlindComparison(View):
    """A blind comparison that waits for votes: shown in a notebook it takes them with keys 1, 2, 0 and b.

    Attributes
    ----------
    study
        The comparison, or the contest of more than two models.
    """

    def __init__(self, study: Study | Contest) -> None:
        self.study = study

    @property
    def studies(self) -> list[Study]:
        """The comparison, or every pairing of a contest."""
        return self.study.studies if isinstance(self.study, Contest) else [self.study]

    @property
    def path(self) -> Path:
        """The study's file."""
        return self.study.path

    def vote(self, example_id: int, choice: str) -> BlindComparison:
        """Vote on the pair of one example: "left", "right", "tie" or "bad"."""
        if isinstance(self.study, Contest):
            raise StudyError(
                f"example {example_id} has {len(self.studies)} pairs here",
                hint='vote by the place in the list: `vote_at(0, "left")`',
            )
        self.study.vote(example_id, choice)
        return self

    def vote_at(self, place: int, choice: str) -> BlindComparison:
        """Vote on what stands at a place of your list, counted from 0."""
        self.study.vote_at(place, choice)
        return self

    def undo(self) -> BlindComparison:
        """Take your latest vote back."""
        self.study.undo()
        return self

    def reveal(self) -> Comparison | League:
        """Write down which side was which, and return what the votes say; of a contest the strengths."""
        return self.study.reveal()

    def judge(
        self,
        model: str,
        *,
        provider: str | None = None,
        rubric: str = judges.RUBRIC,
        mode: Mode = "auto",
        confirm: bool | None = None,
    ) -> BlindComparison:
        """Let a model vote on all pairs too, in both orders; `.judged()` says how far to believe it.

        Parameters
        ----------
        model
            Its name.
        provider
            Where it is asked; the project's own when not given.
        rubric
            What it is to prefer.
        mode
            Of the recordings.
        confirm
            True says yes to the price of a hosted judge.
        """
        place = self.study.project
        opened = open_provider(provider or place.config.provider, Settings(project=place.path))
        if getattr(opened, "costs_money", True) and mode != "replay":
            questions = 2 * sum(study.content["n"] for study in self.studies)
            ask_for(f"ask {model} at {opened.name} up to {questions} questions, which costs money?", confirm)
        for study in self.studies:
            judges.ask_judge(study, opened, model, rubric=rubric, mode=mode)
        return self

    def judged(self, model: str) -> judges.Judged:
        """Return what a judge's votes show, once the comparison is revealed."""
        if isinstance(self.study, Contest):
            raise StudyError(
                "a judge's votes are held against people's pair by pair",
                hint="ait.compare(A, B).judged(MODEL) for two of the models",
            )
        return judges.Judged(self.study.reveal(), f"model: {model}")

    def widget(self) -> Comparator:
        """Return the widget that takes the votes."""
        from aitelier_nb.widgets.comparator import Comparator

        study = self.study
        return Comparator(
            study.page,
            self._take,
            total=len(study.slots),
            voted=len(study.slots) - len(study.waiting),
            start=study.next_place or 0,
            question=study.question,
            store=f"{study.path.stem}:{study.rater}",
        )

    def _take(self, decision: Mapping[str, Any]) -> dict[str, Any]:
        key = {"session": str(decision["session"]), "seq": decision["seq"]}
        if decision["kind"] == "undo":
            self.study.undo(decision.get("of"), **key)
        else:
            self.study.vote_at(int(decision["position"]), decision["choice"], **key)
        return {"voted": len(self.study.standing())}

    def to_json(self) -> dict[str, Any]:
        """Return file, counts and whether it is revealed."""
        return self.study.to_json()

    def headline(self) -> str:
        """Count the votes given."""
        return self.study.headline()

    def notes(self) -> Sequence[str]:
        """Say what the plan can show."""
        return self.study.notes()

    def columns(self) -> Sequence[str]:
        """Return the columns of the result, once it is revealed."""
        return self.study.columns()

    def rows(self) -> Sequence[Sequence[object]]:
        """Return the result, once it is revealed."""
        return list(self.study.rows())

    def _ipython_display_(self) -> None:
        shown(self, None if self.study.revealed else self.widget)


def compare(  # noqa: PLR0913, PLR0917 - a study's plan
    base: str | None = None,
    tuned: str | None = None,
    question: str = designs.QUESTION,
    study: Literal["fixed", "sequential"] = "fixed",
    alpha: float = 0.05,
    repeats: int = 0,
    ids: Sequence[int] | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    mode: Mode = "auto",
    confirm: bool | None = None,
    models: Sequence[str] = (),
    project: Where = None,
) -> BlindComparison:
    """Compare two models blind on the held-out examples; `.reveal()` says what the votes show.

    The plan and the sealed sides are on disk before the first vote. The same models and plan give
    the same study, with its sides and its votes.

    Parameters
    ----------
    base
        A model's name; the base model of the last run when not given.
    tuned
        The other model's name, or a job id; the last run's tuned model when not given.
    question
        What a vote answers.
    study
        "fixed": all pairs are voted on, then one exact sign test. "sequential": one may look after each vote.
    alpha
        The chance of calling two equal models different.
    repeats
        How many pairs come once more at the end with swapped sides, to see how steady you are.
    ids
        Only these validation examples.
    max_tokens
        Tokens of an answer at most; 512 when not given.
    temperature
        0 (greedy) when not given.
    mode
        Of the recordings: auto, record, replay, live.
    confirm
        True says yes to the price of a hosted model's answers.
    models
        Two or more names instead of `base` and `tuned`: "base", "tuned", a job id, PROVIDER:NAME, or a
        name at the project's provider. Of more than two every pair meets on every example, the first
        one is the anchor, and the result has strengths with intervals.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> blind = ait.compare(max_tokens=8, project=project)
    >>> blind.to_json()["votes"]
    0
    """
    place = current(project)
    place.dataset.fold()
    if models and (base or tuned):
        raise UsageError("models= does not go with base= or tuned=", hint="name all of them in models=")
    *asked, version = _named(place, models) if models else _pair(place, base, tuned)
    agree(place, asked, ids, confirm, mode)
    plan: dict[str, Any] = {
        "question": question,
        "mode": study,
        "alpha": alpha,
        "repeats": repeats,
        "ids": ids,
        "parameters": asked_as(max_tokens, temperature),
        "recordings": mode,
        "version": version,
    }
    if len(asked) > 2:  # noqa: PLR2004
        return BlindComparison(open_contest(place, asked, **plan))
    return BlindComparison(designs.create(place, *asked, **plan))


def _named(project: Project, models: Sequence[str]) -> tuple[Any, ...]:
    """Return the contestants under the names given, and the version in the file's name."""
    if len(set(models)) < max(2, len(models)):
        raise UsageError(f"{', '.join(models)}: not two or more different models", hint="name each once")
    known = Named(project)
    latest_run = runs.latest(project, completed=True)
    version = version_of(project, latest_run.job_id if latest_run else None)
    return (*(Contestant(name, *known.find(name)) for name in models), version)


def _pair(project: Project, base: str | None, tuned: str | None) -> tuple[Contestant, Contestant, str]:
    """Return the two contestants and the version in the file's name."""
    known = {name for run in project.runs for name in (run.job_id, run.model_id)}
    if tuned is None or tuned in known:
        record = finished_run(project, tuned)
        first, *_, last = contestants(project, record)
        if base is not None:
            first = Contestant("base", first.provider, base)
        return first, last, version_of(project, record.job_id)
    provider: Provider = open_provider(project.config.provider, Settings(project=project.path))
    asked = base or base_to_ask(project, runs.latest(project))
    if not asked:
        raise EvaluationError("no base model is named", hint="name one with base= (--base)")
    return Contestant("base", provider, asked), Contestant("tuned", provider, tuned), "base"
