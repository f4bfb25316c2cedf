"""A run is started once: the intent is on disk before the request, the job's id right after it.

Asking again returns the run that is there.
"""

from __future__ import annotations

import json
from typing import Any

from aitelier_nb.errors import ProviderError, TrainingError
from aitelier_nb.providers.base import Settings, Trainer, open_provider
from aitelier_nb.schema import Job, Run
from aitelier_nb.storage import files
from aitelier_nb.storage.locks import lock
from aitelier_nb.storage.project import Project, now
from aitelier_nb.tuning import records

__all__ = ["active", "cancel", "find", "latest", "refresh", "start", "trainer"]

ENDED = ("completed", "failed", "cancelled")
CURVE = 200


def find(project: Project, identity: str) -> Run | None:
    """Return the latest run of that identity that is there, or None."""
    same = [run for run in project.runs if run.aitelier_nb.get("identity") == identity]
    return same[-1] if same else None


def latest(project: Project, *, completed: bool = False) -> Run | None:
    """Return the last run, or the last completed one."""
    runs = [run for run in project.runs if not completed or run.status == "completed"]
    return runs[-1] if runs else None


def active(project: Project) -> list[Run]:
    """Return the runs that have not ended."""
    return [run for run in project.runs if run.status not in ENDED]


def trainer(project: Project, provider: str) -> Trainer:
    """Return the provider as one that trains.

    Raises
    ------
    ProviderError
        It only answers.
    """
    opened = open_provider(provider, Settings(project=project.path))
    if not isinstance(opened, Trainer):
        raise ProviderError(
            f"{provider} answers but does not train", hint="train with local, together or fireworks"
        )
    return opened


def start(project: Project, provider: Trainer, plan: records.Plan) -> Run:
    """Start the job of a plan and write it into the project.

    An earlier attempt that was cut off between request and answer is found again instead of
    being repeated. Of two processes that start the same run at once, the second waits for the first
    and gets its run.
    """
    identity = plan.request.identity
    with lock(project.state_path / "runs.lock"):
        standing = find(project, identity)
        if standing is not None and standing.job_id not in plan.request.known_jobs:
            return standing
        intent = project.state_path / "intents" / f"{identity}.json"
        job = provider.find_job(plan.request) if intent.exists() else None
        if job is None:
            intent.parent.mkdir(parents=True, exist_ok=True)
            files.replace(intent, [json.dumps({"at": now(), "provider": provider.name}).encode() + b"\n"])
            job = provider.create_job(plan.request)
        run = _record(project, provider.name, plan, job)
        intent.unlink(missing_ok=True)
    return run


def _record(project: Project, provider: str, plan: records.Plan, job: Job) -> Run:
    fields = records.fields_of(provider, plan, job)
    run = Run.model_validate(fields)
    if any(known.job_id == job.id for known in project.runs):
        project.change_run(job.id, **{key: value for key, value in fields.items() if key != "job_id"})
    else:
        project.add_run(run)
    return next(known for known in project.runs if known.job_id == job.id)


def refresh(project: Project, run: Run, provider: Trainer | None = None) -> tuple[Run, Job]:
    """Ask the provider how the run stands, and write what changed into the project.

    Parameters
    ----------
    project, run
        Whose run.
    provider
        The run's provider where it is open already, so that its connection is used again.

    Returns
    -------
    tuple
        The run as it is now, and the job with step, loss and time left.
    """
    provider = provider or trainer(project, run.provider)
    job = provider.job(run.job_id)
    ours = {**run.aitelier_nb, **records.job_facts(job)}
    if job.status in ENDED and "losses" not in ours:
        ours |= _kept_of(provider, run.job_id)
    if job.status == "completed" and job.model_id and "shutdownDate" not in ours:
        ours |= _shutdown(provider, job.model_id)
    changes: dict[str, Any] = {}
    if job.status != run.status:
        changes["status"] = job.status
    if ours != run.aitelier_nb:
        changes["aitelier_nb"] = ours
    if job.status == "completed" and job.model_id and run.model_id != job.model_id:
        changes["model_id"] = job.model_id
    if changes:
        project.change_run(run.job_id, **changes)
        run = next(known for known in project.runs if known.job_id == run.job_id)
    return run, job


def _kept_of(provider: Trainer, job_id: str) -> dict[str, Any]:
    """Return the loss curve to keep; nothing when it cannot be had now, so that it is asked for again."""
    try:
        return {"losses": _losses(provider, job_id)}
    except ProviderError:
        return {}


def _shutdown(provider: Trainer, model: str) -> dict[str, Any]:
    """Return the day on which the service takes the model away, where it says so."""
    ask = getattr(provider, "shutdown_date", None)
    try:
        day = ask(model) if ask is not None else None
    except ProviderError:
        return {}
    return {"shutdownDate": day} if day else {}


def _losses(provider: Trainer, job_id: str) -> list[list[float | None]]:
    """Return the loss curve as [step, loss, validation loss] rows, thinned to at most `CURVE` of them."""
    curve = [
        [event.step, event.loss, event.validation_loss]
        for event in provider.events(job_id)
        if event.step is not None and (event.loss is not None or event.validation_loss is not None)
    ]
    every = -(-len(curve) // CURVE) or 1
    return curve[::every]


def cancel(project: Project, job_id: str | None = None) -> tuple[Run, Job]:
    """Stop a run: the one named, or the one that is under way.

    Raises
    ------
    TrainingError
        Nothing is under way, or no run has that id.
    """
    if job_id is None:
        running = active(project)
        if not running:
            raise TrainingError("no run is under way", hint="ait status --all shows every run")
        run = running[-1]
    else:
        found = next((known for known in project.runs if known.job_id == job_id), None)
        if found is None:
            raise TrainingError(f"there is no run {job_id!r}", hint="ait status --all shows every run")
        run = found
    if run.status not in ENDED:
        trainer(project, run.provider).cancel(run.job_id)
    return refresh(project, run)
