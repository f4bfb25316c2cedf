"""Two models are compared blind on the held-out examples; people, a model or a stated rule vote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aitelier_nb.consent import ask_for, in_kernel
from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation import designs, judges
from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.archive import version_of
from aitelier_nb.evaluation.comparisons import Comparison
from aitelier_nb.evaluation.studies import Study
from aitelier_nb.providers.base import Provider, Settings, open_provider
from aitelier_nb.providers.recordings import Mode
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import runs
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.verbs.evaluating import agree, asked_as, base_to_ask, contestants, finished_run
from aitelier_nb.views import View

if TYPE_CHECKING:
    from aitelier_nb.widgets.comparator import Comparator

__all__ = ["BlindComparison", "compare"]


class BlindComparison(View):
    """A blind comparison that waits for votes: shown in a notebook it takes them with keys 1, 2, 0 and b."""

    def __init__(self, study: Study) -> None:
        self.study = study

    @property
    def path(self) -> Path:
        """The study's file."""
        return self.study.path

    def vote(self, example_id: int, choice: str) -> BlindComparison:
        """Vote on one pair: "left", "right", "tie" or "bad"."""
        self.study.vote(example_id, choice)
        return self

    def undo(self) -> BlindComparison:
        """Take your latest vote back."""
        self.study.undo()
        return self

    def reveal(self) -> Comparison:
        """Write down which side was which, and return what the votes say."""
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
            Where it is asked; the project's own when None.
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
            questions = 2 * self.study.content["n"]
            ask_for(f"ask {model} at {opened.name} up to {questions} questions, which costs money?", confirm)
        judges.ask_judge(self.study, opened, model, rubric=rubric, mode=mode)
        return self

    def judged(self, model: str) -> judges.Judged:
        """Return what a judge's votes show, once the comparison is revealed."""
        return judges.Judged(self.reveal(), f"model: {model}")

    def widget(self) -> Comparator:
        """Return the widget that takes the votes."""
        from aitelier_nb.widgets.comparator import Comparator

        study = self.study
        waiting = study.waiting
        return Comparator(
            study.page,
            self._take,
            total=len(study.slots),
            voted=len(study.slots) - len(waiting),
            start=study.slots.index(waiting[0]) if waiting else 0,
            question=study.content["question"],
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

    def _ipython_display_(self) -> None:
        from IPython.display import display, publish_display_data

        publish_display_data({"text/plain": self.text(), "text/html": self._repr_html_()})
        if not self.study.revealed and in_kernel():
            display(self.widget())


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
    project: Where = None,
) -> BlindComparison:
    """Compare two models blind on the held-out examples; `.reveal()` says what the votes show.

    The plan and the sealed sides are on disk before the first vote. The same models and plan give
    the same study, with its sides and its votes.

    Parameters
    ----------
    base
        A model's name; the base model of the last run when None.
    tuned
        The other model's name, or a job id; the last run's tuned model when None.
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
        Tokens of an answer at most; 512 when None.
    temperature
        0 (greedy) when None.
    mode
        Of the recordings: auto, record, replay, live.
    confirm
        True says yes to the price of a hosted model's answers.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> blind = ait.compare(max_tokens=8, project=project)
    >>> blind.to_json()["votes"]
    0
    """
    place = current(project)
    place.dataset.fold()
    one, two, version = _pair(place, base, tuned)
    agree(place, [one, two], ids, confirm, mode)
    return BlindComparison(
        designs.create(
            place,
            one,
            two,
            question=question,
            mode=study,
            alpha=alpha,
            repeats=repeats,
            ids=ids,
            parameters=asked_as(max_tokens, temperature),
            recordings=mode,
            version=version,
        )
    )


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
