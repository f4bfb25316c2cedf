"""One run: followed, waited for, held, stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aitelier_nb.consent import in_kernel
from aitelier_nb.errors import TrainingError, UsageError
from aitelier_nb.interrupts import Interrupted, pause
from aitelier_nb.progress import Progress
from aitelier_nb.providers.base import Checkpoint, Trainer
from aitelier_nb.providers.watching import Watch
from aitelier_nb.schema import Job
from aitelier_nb.schema import Run as RunRecord
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import runs
from aitelier_nb.verbs.awaiting import awaited
from aitelier_nb.verbs.monitoring import monitor
from aitelier_nb.views import View, counted, number

__all__ = ["ALREADY", "Checkpoints", "Run"]

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
        self._opened: Trainer | None = None

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
        self.record, self.job = runs.refresh(self._project, self.record, self._trainer())
        return self

    def wait(self, timeout: float | None = None) -> Run:
        """Return when the run has ended; a look that fails is borne, while faults do not last half an hour.

        Parameters
        ----------
        timeout
            Seconds to wait at most; None waits as long as it takes.

        Raises
        ------
        TrainingError
            The run failed, or did not end in time.
        Interrupted
            Instead of KeyboardInterrupt: it says that the job goes on.
        """
        try:
            self._watch(timeout)
        except KeyboardInterrupt as stop:
            where = "on this machine" if self.record.provider == "local" else f"at {self.record.provider}"
            raise Interrupted(elsewhere=f"{self.job_id} goes on {where}") from stop
        if self.status == "failed":
            reason = self.record.aitelier_nb.get("error") or "no reason given"
            raise TrainingError(f"{self.job_id} failed: {reason}", hint="mend it and train again")
        self._notes = tuple(
            note for note in self._notes if note != ALREADY
        )  # a second run of a cell shows the same
        return self

    def _watch(self, timeout: float | None) -> None:
        """Look at the run, again and again, until it has ended."""
        begun = time.monotonic()
        watch = Watch()
        with Progress("steps") as progress:
            while watch.look(self.refresh) is None or self.status not in runs.ENDED:
                _show(progress, self.job, watch.fault)
                if timeout is not None and time.monotonic() - begun > timeout:
                    raise TrainingError(
                        f"{self.job_id} is still {self.status} after {timeout:g} s", hint="run.wait()"
                    )
                pause(POLL.get(self.record.provider, POLL_HOSTED))
            _show_end(progress, self.record)

    def cancel(self) -> Run:
        """Stop the run."""
        self.record, self.job = runs.cancel(self._project, self.job_id)
        return self

    def _ipython_display_(self) -> None:
        """Show step, loss curve and a button to cancel in a notebook; elsewhere the text is enough."""
        if not in_kernel():
            raise NotImplementedError
        from IPython.display import display

        display(monitor(self))

    def __await__(self) -> Generator[Any, None, Run]:
        """Wait for the run's end in a cell, as `await run`, while the kernel's loop goes on."""
        return awaited(self.wait).__await__()

    def pause(self) -> Run:
        """Hold the run where its provider can (OpenAI); `resume()` lets it go on."""
        self._ability("pause")(self.job_id)
        return self.refresh()

    def resume(self) -> Run:
        """Let a paused run go on."""
        self._ability("resume")(self.job_id)
        return self.refresh()

    def checkpoints(self) -> Checkpoints:
        """Return the checkpoints that the provider keeps of this run."""
        return Checkpoints(self.job_id, tuple(self._ability("checkpoints")(self.job_id)))

    def _trainer(self) -> Trainer:
        """Return the run's provider, opened once."""
        if self._opened is None:
            self._opened = runs.trainer(self._project, self.record.provider)
        return self._opened

    def _ability(self, name: str) -> Callable[[str], Any]:
        provider = self._trainer()
        able: Callable[[str], Any] | None = getattr(provider, name, None)
        if able is None:
            raise UsageError(f"{provider.name} knows no {name}", hint="run.wait() follows it")
        return able

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
        """Say what was assumed when the run was started, and when its model stops answering."""
        day = self.record.aitelier_nb.get("shutdownDate")
        ends = [f"{self.model_id} stops answering on {day}: ait record keeps its answers"] if day else []
        return [*self._notes, *ends]


@dataclass(frozen=True, repr=False)
class Checkpoints(View):
    """The checkpoints of a run, by step."""

    job_id: str
    found: tuple[Checkpoint, ...]

    def to_json(self) -> dict[str, Any]:
        """Return {"job", "checkpoints": [...]}."""
        return {"job": self.job_id, "checkpoints": [asdict(one) for one in self.found]}

    def headline(self) -> str:
        """Count them."""
        return f"{counted(len(self.found), 'checkpoint')} of {self.job_id}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("step", "name", "loss", "validation loss", "saved")

    def rows(self) -> list[Sequence[object]]:
        """Return a checkpoint a row; its name is what from_checkpoint or a question takes."""
        return [(one.step, one.name, one.loss, one.validation_loss, one.at) for one in self.found]


def _show_end(progress: Progress, record: RunRecord) -> None:
    """Show the last step that the run kept: the same in a notebook that is run again later."""
    losses = record.aitelier_nb.get("losses") or [[0]]
    progress.total = losses[-1][0] or None
    progress.reach(losses[-1][0])


def _show(progress: Progress, job: Job | None, fault: str) -> None:
    if fault:
        progress.reach(progress.done, f"still waiting: {fault}")
    elif job is not None and job.total_steps:
        progress.total = job.total_steps
        note = f"loss {number(job.loss)}" if job.loss is not None else ""
        progress.reach(job.step or 0, note)
