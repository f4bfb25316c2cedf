"""A run is started once, followed, waited for, stopped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aitelier_nb.consent import ask_for
from aitelier_nb.errors import AitelierError, TrainingError
from aitelier_nb.progress import Progress
from aitelier_nb.providers.base import Trainer
from aitelier_nb.schema import Job
from aitelier_nb.schema import Run as RunRecord
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import plans, runs
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.views import View, number

__all__ = ["Run", "Runs", "cancel", "status", "train"]

POLL = {"local": 0.5}  # seconds between two looks at a job; a hosted one is asked less often
POLL_HOSTED = 5.0
ALREADY = "this run was there already; force=True starts another"


class Run(View):
    """One fine-tune of a project: what it is, how far it got, and where its model is."""

    def __init__(
        self, project: Project, record: RunRecord, job: Job | None = None, notes: Sequence[str] = ()
    ) -> None:
        self._project = project
        self.record = record
        self.job = job
        self._notes = tuple(notes)

    @property
    def job_id(self) -> str:
        """The provider's id of the job."""
        return self.record.job_id

    @property
    def status(self) -> str:
        """One of pending, running, completed, failed, cancelled."""
        return self.record.status

    @property
    def model_id(self) -> str | None:
        """The tuned model's name, once the run is completed."""
        return self.record.model_id

    def refresh(self) -> Run:
        """Ask the provider how the run stands now; one that has ended is not asked for again."""
        if self.status in runs.ENDED and "losses" in self.record.aitelier_nb:
            return self
        self.record, self.job = runs.refresh(self._project, self.record)
        return self

    def wait(self, timeout: float | None = None) -> Run:
        """Return when the run has ended.

        Parameters
        ----------
        timeout
            Seconds to wait at most; None waits as long as it takes.

        Raises
        ------
        TrainingError
            The run failed, or did not end in time.
        """
        begun = time.monotonic()
        with Progress("steps") as progress:
            while self.refresh().status not in runs.ENDED:
                _show(progress, self.job)
                if timeout is not None and time.monotonic() - begun > timeout:
                    raise TrainingError(
                        f"{self.job_id} is still {self.status} after {timeout:g} s", hint="run.wait()"
                    )
                time.sleep(POLL.get(self.record.provider, POLL_HOSTED))
            _show_end(progress, self.record)
        if self.status == "failed":
            reason = self.record.aitelier_nb.get("error") or "no reason given"
            raise TrainingError(f"{self.job_id} failed: {reason}", hint="mend it and train again")
        self._notes = tuple(
            note for note in self._notes if note != ALREADY
        )  # a second run of a cell shows the same
        return self

    def to_json(self) -> dict[str, Any]:
        """Return the run as `.aitelier.json` holds it, with what the job tells beside."""
        result = self.record.to_json()
        result.setdefault("modelId", None)
        if self.job is not None:
            live = self.job.model_dump(
                include={"step", "total_steps", "loss", "seconds_left", "callable", "error"}
            )
            result["job"] = {key: value for key, value in live.items() if value is not None}
        return result

    def headline(self) -> str:
        """Say how the run stands."""
        words = [f"run {self.job_id}: {self.status}"]
        job = self.job
        if job is not None and job.step is not None and self.status == "running":
            words.append(f"step {job.step} of {job.total_steps}")
            words += [f"loss {number(job.loss)}"] if job.loss is not None else []
            words += [f"{job.seconds_left:.0f} s left"] if job.seconds_left is not None else []
        if self.model_id:
            words.append(f"model {self.model_id}")
        if self.status == "failed":
            words.append(str(self.record.aitelier_nb.get("error") or "no reason given"))
        return ", ".join(words)

    def notes(self) -> Sequence[str]:
        """Say what was assumed when the run was started."""
        return self._notes


def _show_end(progress: Progress, record: RunRecord) -> None:
    """Show the last step that the run kept: the same in a notebook that is run again later."""
    losses = record.aitelier_nb.get("losses") or [[0]]
    progress.total = losses[-1][0] or None
    progress.reach(losses[-1][0])


def _show(progress: Progress, job: Job | None) -> None:
    if job is not None and job.total_steps:
        progress.total = job.total_steps
        note = f"loss {number(job.loss)}" if job.loss is not None else ""
        progress.reach(job.step or 0, note)


@dataclass(frozen=True, repr=False)
class Runs(View):
    """The runs of a project, oldest first."""

    found: tuple[Run, ...]
    failures: tuple[str, ...] = field(default=())

    def __getitem__(self, place: int) -> Run:
        return self.found[place]

    def __len__(self) -> int:
        return len(self.found)

    def to_json(self) -> dict[str, Any]:
        """Return {"runs": [run, ...]}."""
        return {"runs": [run.to_json() for run in self.found]}

    def headline(self) -> str:
        """Count them, or show the only one."""
        if len(self.found) == 1:
            return self.found[0].headline()
        return f"{len(self.found)} runs" if self.found else "no run yet: ait train starts one"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("job", "provider", "started", "status", "model")

    def rows(self) -> list[Sequence[object]]:
        """Return a run a row."""
        if len(self.found) < 2:  # noqa: PLR2004 - the headline says it all
            return []
        return [
            (run.job_id, run.record.provider, run.record.started_at, run.status, run.model_id)
            for run in self.found
        ]

    def warnings(self) -> Sequence[str]:
        """Name the runs whose provider could not be asked."""
        return self.failures


def train(  # noqa: PLR0913, PLR0917 - hyperparameters are arguments
    epochs: float | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    lora_r: int | None = None,
    lora_alpha: int | None = None,
    lora_dropout: float | None = None,
    max_steps: int | None = None,
    max_length: int | None = None,
    seed: int | None = None,
    suffix: str | None = None,
    kind: str = "chat",
    model: str | None = None,
    force: bool = False,
    confirm: bool | None = None,
    project: Where = None,
    **more: Any,
) -> Run:
    """Fine-tune on the training file and return the run at once; `run.wait()` waits for its end.

    The same files and the same arguments give the run that is there already. What is None is
    left to the provider, and what it chose is shown.

    Parameters
    ----------
    epochs
        How often each example is seen.
    batch_size
        Examples a step.
    learning_rate
        The largest step size of the schedule.
    lora_r
        Rank of the adapter.
    lora_alpha
        Scale of the adapter; its effect goes with lora_alpha / lora_r.
    lora_dropout
        Share of the adapter's inputs that is dropped in training, 0 to 1.
    max_steps
        Stop after so many steps, whatever the epochs.
    max_length
        Tokens of an example that are used; longer ones are cut and counted.
    seed
        Of order, dropout and initial weights.
    suffix
        A word in the tuned model's name, where the provider takes one.
    kind
        "chat" for conversations, "preference" for pairs (DPO).
    model
        The base model; the project's own when None.
    force
        Start another run although this one is there.
    confirm
        True says yes to the price; None asks.

    Raises
    ------
    DataError
        There is nothing to train on, or the files are out of date.
    ConfirmationNeeded
        It costs money, and nobody said yes.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> run = ait.train(epochs=1, project=project)
    >>> run.wait().status
    'completed'
    """
    place = current(project)
    named = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "lora_r": lora_r,
        "lora_alpha": lora_alpha,
        "lora_dropout": lora_dropout,
        "max_steps": max_steps,
        "max_length": max_length,
        "seed": seed,
        **more,
    }
    hyperparameters = plans.checked({name: value for name, value in named.items() if value is not None})
    provider = runs.trainer(place, place.config.provider)
    plan = plans.make(place, provider, hyperparameters, kind=kind, model=model, suffix=suffix, force=force)
    known = runs.find(place, plan.request.identity)
    if known is not None and known.status not in ("failed", "cancelled"):
        return Run(place, known, notes=[*plan.notes, ALREADY]).refresh()
    if provider.costs_money:
        question, notices = _price(provider, plan)
        ask_for(question, confirm)
        plan = replace(plan, notes=(*plan.notes, *notices))
    record = runs.start(place, provider, plan)
    return Run(place, record, notes=plan.notes)


def _price(provider: Trainer, plan: runs.Plan) -> tuple[str, tuple[str, ...]]:
    """Return the question about money, and what else the person should know."""
    estimate = getattr(provider, "estimate", None)
    told = estimate(plan.request) if estimate is not None else "the provider does not tell the price"
    question = f"train {plan.request.model} at {provider.name} on {len(plan.train_ids)} examples ({told})?"
    return question, tuple(getattr(told, "notices", ()))


def status(all: bool = False, project: Where = None) -> Runs:  # noqa: A002 - the flag's word
    """Show how the runs stand: those under way and the last one, or all of them.

    A run that has ended is not asked for again. One that cannot be asked is named, and the others are shown.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> len(ait.status(all=True, project=project))
    1
    """
    place = current(project)
    shown = place.runs if all else (runs.active(place) or place.runs[-1:])
    found, failures = [], []
    for record in shown:
        run = Run(place, record)
        if record.status not in runs.ENDED:
            try:
                run.refresh()
            except AitelierError as error:
                failures.append(f"{record.job_id}: {error}" + (f" ({error.hint})" if error.hint else ""))
        found.append(run)
    return Runs(tuple(found), tuple(failures))


def cancel(job: str | None = None, project: Where = None) -> Run:
    """Stop a run: the one named, or the one under way.

    Raises
    ------
    TrainingError
        Nothing is under way, or there is no such run.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.cancel(project=project)
    Traceback (most recent call last):
    ...
    aitelier_nb.errors.TrainingError: no run is under way
    """
    place = current(project)
    record, state = runs.cancel(place, job)
    return Run(place, record, state)
