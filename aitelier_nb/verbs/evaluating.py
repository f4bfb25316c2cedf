"""Base and tuned model are asked the held-out examples; rules check the answers, people score them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation import evaluations, tool_files
from aitelier_nb.evaluation.answers import PARAMETERS, Contestant, validation
from aitelier_nb.evaluation.archive import version_of
from aitelier_nb.evaluation.evaluations import Evaluation
from aitelier_nb.evaluation.measures import measure
from aitelier_nb.evaluation.regressions import Regressions, previous, regressions
from aitelier_nb.evaluation.scored import Scored
from aitelier_nb.evaluation.scores import Scores
from aitelier_nb.evaluation.timeline import History, history
from aitelier_nb.providers.base import Settings, open_provider
from aitelier_nb.providers.batches import Batched, batched
from aitelier_nb.providers.recordings import Mode
from aitelier_nb.schema import Parameters
from aitelier_nb.schema import Run as RunRecord
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import runs
from aitelier_nb.verbs import naming
from aitelier_nb.verbs.current import Where, current, shown
from aitelier_nb.verbs.following import Run

if TYPE_CHECKING:
    from aitelier_nb.widgets.scorer import Scorer

__all__ = ["Scoring", "agree", "asked_as", "base_to_ask", "contestants", "evaluate", "finished_run"]


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
    project: Project, run: RunRecord, prefix: Sequence[Mapping[str, Any]] = (), *, batch: bool = False
) -> list[Contestant]:
    """Return base, prompted base (when a prefix is given) and tuned model of a run, in one runtime."""
    opened = open_provider(run.provider, Settings(project=project.path))
    provider = batched(opened, project.path) if batch else opened
    asked = base_to_ask(project, run)
    found = [Contestant("base", provider, asked)]
    if prefix:
        found.append(Contestant("prompted", provider, asked, tuple(prefix)))
    return [*found, Contestant("tuned", provider, str(run.model_id))]


def base_to_ask(project: Project, run: RunRecord | None) -> str:
    """Return the base model to ask, which may have another name than the base model to train."""
    trained_on = run.aitelier_nb.get("baseModel") if run is not None else None
    return str(project.config.aitelier_nb.get("askModel") or trained_on or project.config.model or "")


class Scoring(Evaluation):
    """An evaluation and the scores of its answers; in a notebook the keyboard gives them."""

    def __init__(self, project: Project, evaluation: Evaluation) -> None:
        super().__init__(evaluation.path, evaluation.content)
        self.project = project
        self.scores = Scores(project, evaluation)

    def scored(self) -> Scored:
        """Return what the scores of all raters show."""
        return self.scores.result()

    def regressions(self, label: str = "tuned", check: str | None = None) -> Regressions:
        """Return what changed against the last evaluation of an earlier version, what got worse first.

        Raises
        ------
        EvaluationError
            There is no earlier one, or it asked other examples.
        """
        before = previous(self.project, self)
        if before is None:
            raise EvaluationError(
                f"there is no evaluation of an earlier version than {self.path.name}",
                hint="train once more and evaluate again",
            )
        return regressions(before, self, label, check)

    def history(self) -> History:
        """Return the primary check of every evaluation of the project, as a table and a picture."""
        return history(self.project)

    def widget(self) -> Scorer:
        """Return the widget that takes the scores; contestants are mixed, and who answered is not told."""
        from aitelier_nb.widgets.scorer import Scorer

        waiting = self.scores.waiting
        return Scorer(
            self.scores.page,
            self._take,
            total=len(self.scores.slots),
            scored=len(self.scores.slots) - len(waiting),
            start=self.scores.slots.index(waiting[0]) if waiting else 0,
            threshold=self.project.config.quality_threshold,
            store=f"{self.path.stem}:{self.scores.rater}",
        )

    def _take(self, decision: Mapping[str, Any]) -> dict[str, Any]:
        """Keep one decision of the widget."""
        key = {"session": str(decision["session"]), "seq": decision["seq"]}
        place, kind = int(decision["position"]), decision["kind"]
        slot = self.scores.slots[place]
        if kind == "undo":
            self.scores.undo(decision.get("of"), **key)
        elif kind == "note":
            self.scores.note(slot, decision["note"], **key)
        elif kind == "example":
            self.keep(*slot)
        else:
            self.scores.score(slot, decision["value"], **key)
        return {"scored": len(self.scores.standing()), "example": self.scores.page(place, 1)[0]}

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation's keys and, once somebody scored, "scores"."""
        given = {"scores": self.scored().to_json()} if self.scored().scores else {}
        return super().to_json() | given

    def keep(self, example_id: int, label: str = "tuned") -> int:
        """Make an unrated example of an answer, to be rewritten, and return its id.

        Its question stays a held-out one: such an example is for measuring, and never trained on.

        Parameters
        ----------
        example_id
            The example that was asked.
        label
            Whose answer.

        Raises
        ------
        EvaluationError
            There is no such answer.
        """
        row = self.scores.row((example_id, label))
        messages = [*row["messages"], {"role": "assistant", "content": row["actual"]}]
        source = {"evaluation": self.path.name, "example": example_id, "contestant": label}
        dataset = self.project.dataset
        [added] = dataset.add([{"messages": messages, "rating": None, "source": source}])
        dataset.fold()
        return added.id

    def notes(self) -> list[str]:
        """Tell what got worse first, then what was left out, then what the scores show."""
        before = previous(self.project, self) if self.measures else None
        told = []
        if before is not None and "tuned" in self.labels:
            try:
                told = regressions(before, self).summary()
            except EvaluationError as error:
                told = [f"not compared with {before.path.name}: {error}"]
        scored = self.scored()
        given = [scored.headline(), *scored.notes()] if scored.scores else []
        earlier = [one.sentence() for one in tool_files.find(self.project)]
        return [*told, *super().notes(), *given, *earlier]

    def _ipython_display_(self) -> None:
        shown(self, self.widget if self.scores.slots else None)


def evaluate(  # noqa: PLR0913, PLR0917 - an evaluation's choices
    run: Run | str | None = None,
    checks: Sequence[Any] = (),
    prefix: Sequence[Mapping[str, Any]] = (),
    ids: Sequence[int] | None = None,
    max_tokens: int | None = None,
    temperature: float | None = None,
    batch: bool = False,
    mode: Mode = "auto",
    confirm: bool | None = None,
    project: Where = None,
) -> Scoring:
    """Ask base and tuned model every held-out example, and keep their answers in data/evals.

    What was asked before is not asked again; a failed, cut or refused answer is a row of its own.

    Parameters
    ----------
    run
        The run (or its job id); the last one that is not broken when not given.
    checks
        Automatic checks: "exact", "json", "regex:PATTERN", "contains:TEXT", "length:MOST", the same
        as {"kind": "regex", "name": ..., "pattern": ...}, or a function of answer and example that
        returns True or False. The first one is the primary measure.
    prefix
        Messages put before each example for a third contestant, the prompted base: an instruction
        and examples in the prompt are the fair baseline of a fine-tune.
    ids
        Only these validation examples.
    max_tokens
        Tokens of an answer at most; 512 when not given.
    temperature
        0 (greedy) when not given.
    batch
        Ask by the provider's batch service (OpenAI, Together): cheaper, and answered within a day. An
        interrupted call goes on with the same batch when it is made again.
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
    asked = contestants(place, record, prefix, batch=batch)
    agree(place, asked, ids, confirm, mode)
    found = evaluations.collect(
        place,
        asked,
        measures=[measure(check) for check in checks],
        ids=ids,
        parameters=asked_as(max_tokens, temperature),
        mode=mode,
        version=version_of(place, record.job_id),
    )
    return Scoring(place, found)


def asked_as(max_tokens: int | None, temperature: float | None) -> Parameters:
    """Return how contestants are asked: the defaults, with what is not None in their place."""
    changed = {"max_tokens": max_tokens, "temperature": temperature}
    return PARAMETERS.model_copy(update={name: value for name, value in changed.items() if value is not None})


def agree(
    project: Project,
    asked: Sequence[Contestant],
    ids: Sequence[int] | None,
    confirm: bool | None,
    mode: Mode,
) -> None:
    """Ask for a yes when answers are to be bought."""
    paid = [one for one in asked if getattr(one.provider, "costs_money", True)]
    if paid and mode != "replay":
        count = len(validation(project, ids).examples) * len(paid)
        provider = paid[0].provider
        batch = isinstance(provider, Batched)
        naming.agree(provider, [one.model for one in paid], count, confirm, mode, batch=batch)
