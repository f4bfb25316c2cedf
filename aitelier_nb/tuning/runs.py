"""A run is started once: the intent is on disk before the request, the job's id right after it.

A run is identified by provider, model, kind, the files' hashes and the hyperparameters as they
were asked for. Asking again returns the run that is there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic.alias_generators import to_camel

from aitelier_nb.errors import ProviderError, TrainingError
from aitelier_nb.providers.base import JobRequest, Settings, Trainer, open_provider
from aitelier_nb.schema import Job, Run
from aitelier_nb.storage import files
from aitelier_nb.storage.locks import lock
from aitelier_nb.storage.project import Project, now

__all__ = [
    "Plan",
    "active",
    "cancel",
    "find",
    "identify",
    "ids_of",
    "latest",
    "ranges",
    "refresh",
    "start",
    "trainer",
]

ENDED = ("completed", "failed", "cancelled")
SHOWN = ("epochs", "batch_size", "learning_rate", "lora_r", "lora_alpha")
"""Hyperparameters that every run in the project file shows, set or resolved."""
CURVE = 200


@dataclass(frozen=True)
class Plan:
    """What a run is to be: the request to the provider, and the ids of the examples in its files."""

    request: JobRequest
    train_ids: tuple[int, ...]
    validation_ids: tuple[int, ...]
    validation_uploaded: bool
    notes: tuple[str, ...] = field(default=())


def identify(
    provider: str,
    model: str,
    kind: str,
    training: bytes,
    validation: bytes,
    hyperparameters: Mapping[str, Any],
    again: int = 0,
) -> str:
    """Return the hex SHA-256 of what makes a run what it is; `again` tells forced repeats apart."""
    parts = {
        "provider": provider,
        "model": model,
        "kind": kind,
        "training": hashlib.sha256(training).hexdigest(),
        "validation": hashlib.sha256(validation).hexdigest(),
        "hyperparameters": dict(hyperparameters),
        "again": again,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


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


def start(project: Project, provider: Trainer, plan: Plan) -> Run:
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


def _record(project: Project, provider: str, plan: Plan, job: Job) -> Run:
    request = plan.request
    training = request.training_file.read_bytes()
    validation = request.validation_file.read_bytes() if request.validation_file else b""
    ours = {
        "identity": request.identity,
        "baseModel": request.model,
        "kind": request.kind,
        "requested": {to_camel(name): value for name, value in request.hyperparameters.items()},
        "files": {
            path.name: _file_facts(data)
            for path, data in ((request.training_file, training), (request.validation_file, validation))
            if path is not None
        },
        "trainIds": ranges(plan.train_ids),
        "validationIds": ranges(plan.validation_ids),
        "validationUploaded": plan.validation_uploaded,
        **_job_facts(job),
    }
    fields: dict[str, Any] = {
        "job_id": job.id,
        "provider": provider,
        "started_at": job.created_at or now(),
        "status": job.status,
        "hyperparameters": _shown(request.hyperparameters, job, len(plan.train_ids)),
        "aitelier_nb": ours,
    }
    if job.status == "completed" and job.model_id:
        fields["model_id"] = job.model_id
    run = Run.model_validate(fields)
    if any(known.job_id == job.id for known in project.runs):
        project.change_run(job.id, **{key: value for key, value in fields.items() if key != "job_id"})
    else:
        project.add_run(run)
    return next(known for known in project.runs if known.job_id == job.id)


def _file_facts(data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    return {"sha256": digest, "bytes": len(data), "examples": data.count(b"\n")}


def _shown(requested: Mapping[str, Any], job: Job, examples: int) -> dict[str, Any]:
    """Return the hyperparameters for the project file: as asked for, else as the provider echoes them."""
    values = {**{name: job.hyperparameters.get(name) for name in SHOWN}, **requested}
    steps, batch = values.get("max_steps"), values.get("batch_size")
    if values.get("epochs") is None and isinstance(steps, int) and isinstance(batch, int) and examples:
        values["epochs"] = round(steps * batch / examples, 2)
    return {to_camel(name): value for name, value in values.items() if value is not None}


def _job_facts(job: Job) -> dict[str, Any]:
    facts = {
        "resolved": {to_camel(name): value for name, value in job.hyperparameters.items()},
        "callable": job.callable,
        "error": job.error,
        "finishedAt": job.finished_at,
        "providerStatus": job.provider_status or None,
    }
    return {name: value for name, value in facts.items() if value not in (None, {})}


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
    ours = {**run.aitelier_nb, **_job_facts(job)}
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


def ranges(ids: Iterable[int]) -> str:
    """Return ids in order as text with runs joined: "1-128,131"."""
    parts: list[list[int]] = []
    for number in sorted(ids):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def ids_of(text: str) -> list[int]:
    """Return the ids that `ranges` wrote."""
    ids: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        ids += range(int(first), int(last or first) + 1)
    return ids
