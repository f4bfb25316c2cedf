"""Base and tuned model are asked the held-out examples; people or rules judge the answers blind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from aitelier_nb.consent import ask_for
from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation import designs, evaluations, studies
from aitelier_nb.evaluation.answers import PARAMETERS, Contestant, validation
from aitelier_nb.evaluation.archive import version_of
from aitelier_nb.evaluation.comparisons import Comparison
from aitelier_nb.evaluation.evaluations import Evaluation
from aitelier_nb.evaluation.measures import measure
from aitelier_nb.providers.base import Provider, Settings, open_provider
from aitelier_nb.providers.recordings import Mode
from aitelier_nb.schema import Parameters
from aitelier_nb.schema import Run as RunRecord
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import runs
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.verbs.tuning import Run
from aitelier_nb.views import View

if TYPE_CHECKING:
    from aitelier_nb.widgets.comparator import Comparator

__all__ = ["BlindComparison", "compare", "contestants", "evaluate", "finished_run"]


def finished_run(project: Project, run: Run | str | None) -> RunRecord:
    """Return the run to evaluate: the one named, or the last one that is not broken; waits for its end.

    Raises
    ------
    EvaluationError
        There is none.
    """
    if isinstance(run, Run):
        record: RunRecord | None = run.record
    elif run is not None:
        record = next((known for known in project.runs if run in (known.job_id, known.model_id)), None)
        if record is None:
            raise EvaluationError(f"there is no run {run!r}", hint="ait status --all shows every run")
    else:
        usable = [known for known in project.runs if known.status not in ("failed", "cancelled")]
        record = usable[-1] if usable else None
    if record is None:
        raise EvaluationError("there is no tuned model yet", hint="train one with ait.train() (ait train)")
    if record.status not in runs.ENDED:
        record = Run(project, record).wait().record
    if record.status != "completed" or not record.model_id:
        raise EvaluationError(f"run {record.job_id} is {record.status}", hint="train again with ait.train()")
    return record


def contestants(
    project: Project, run: RunRecord, prefix: Sequence[Mapping[str, Any]] = ()
) -> list[Contestant]:
    """Return base, prompted base (when a prefix is given) and tuned model of a run, in one runtime."""
    provider = open_provider(run.provider, Settings(project=project.path))
    asked = _base_to_ask(project, run)
    found = [Contestant("base", provider, asked)]
    if prefix:
        found.append(Contestant("prompted", provider, asked, tuple(prefix)))
    return [*found, Contestant("tuned", provider, str(run.model_id))]


def _base_to_ask(project: Project, run: RunRecord | None) -> str:
    """Return the base model to ask, which may have another name than the base model to train."""
    trained_on = run.aitelier_nb.get("baseModel") if run is not None else None
    return str(project.config.aitelier_nb.get("askModel") or trained_on or project.config.model or "")


def evaluate(  # noqa: PLR0913, PLR0917 - an evaluation's choices
    run: Run | str | None = None,
    checks: Sequence[Any] = (),
    prefix: Sequence[Mapping[str, Any]] = (),
    ids: Sequence[int] | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    mode: Mode = "auto",
    confirm: bool | None = None,
    project: Where = None,
) -> Evaluation:
    """Ask base and tuned model every held-out example, and keep their answers in data/evals.

    What was asked before is not asked again; a failed, cut or refused answer is a row of its own.

    Parameters
    ----------
    run
        The run (or its job id); the last one that is not broken when None.
    checks
        Automatic checks: "exact", {"kind": "regex", "name": ..., "pattern": ...}, or a function of
        answer and example that returns True or False. The first one is the primary measure.
    prefix
        Messages put before each example for a third contestant, the prompted base: an instruction
        and examples in the prompt are the fair baseline of a fine-tune.
    ids
        Only these validation examples.
    max_tokens
        Tokens of an answer at most; 512 when None.
    temperature
        0 (greedy) when None.
    mode
        Of the recordings: auto, record, replay (opens no connection), live.
    confirm
        True says yes to the price of a hosted model's answers.

    Raises
    ------
    EvaluationError
        There is no tuned model, or no validation example.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.evaluate(checks=["exact"], max_tokens=8, project=project).n
    1
    """
    place = current(project)
    place.dataset.fold()
    record = finished_run(place, run)
    asked = contestants(place, record, prefix)
    _agree(place, asked, ids, confirm, mode)
    return evaluations.collect(
        place,
        asked,
        measures=[measure(check) for check in checks],
        ids=ids,
        parameters=_parameters(max_tokens, temperature),
        mode=mode,
        version=version_of(place, record.job_id),
    )


def _parameters(max_tokens: int | None, temperature: float | None) -> Parameters:
    changed = {"max_tokens": max_tokens, "temperature": temperature}
    return PARAMETERS.model_copy(update={name: value for name, value in changed.items() if value is not None})


def _agree(
    project: Project,
    asked: Sequence[Contestant],
    ids: Sequence[int] | None,
    confirm: bool | None,
    mode: Mode,
) -> None:
    """Ask for a yes when answers are to be bought."""
    paid = [one for one in asked if getattr(one.provider, "costs_money", True)]
    if paid and mode != "replay":
        n = len(validation(project, ids).examples)
        names = " and ".join(dict.fromkeys(one.model for one in paid))
        ask_for(
            f"ask {names} at {paid[0].provider.name} up to {n * len(paid)} questions, which costs money?",
            confirm,
        )


class BlindComparison(View):
    """A blind comparison that waits for votes: shown in a notebook it takes them with keys 1, 2, 0 and b."""

    def __init__(self, study: studies.Study) -> None:
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
            store=str(study.project.path),
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
        from IPython.display import display

        display(self.widget())


def compare(  # noqa: PLR0913, PLR0917 - a study's plan
    base: str | None = None,
    tuned: str | None = None,
    question: str = designs.QUESTION,
    study: Literal["fixed", "sequential"] = "fixed",
    alpha: float = 0.05,
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
    _agree(place, [one, two], ids, confirm, mode)
    return BlindComparison(
        designs.create(
            place,
            one,
            two,
            question=question,
            mode=study,
            alpha=alpha,
            ids=ids,
            parameters=_parameters(max_tokens, temperature),
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
    asked = base or _base_to_ask(project, runs.latest(project))
    if not asked:
        raise EvaluationError("no base model is named", hint="name one with base= (--base)")
    return Contestant("base", provider, asked), Contestant("tuned", provider, tuned), "base"
