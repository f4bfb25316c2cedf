"""Runs on this machine: a folder and a process each, told from files, so any process can ask or end them.

A folder holds job.json (what was asked), train.jsonl (a copy of the data), process.json (who runs it),
events.jsonl, log.txt, checkpoints/, and at the end adapter/ and result.json.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from filelock import FileLock

from aitelier_nb.errors import NotFound, UsageError
from aitelier_nb.providers.base import JobRequest
from aitelier_nb.providers.local import adapters, library, processes
from aitelier_nb.providers.local.folders import now, read_examples, read_json, write
from aitelier_nb.providers.local.hyperparameters import resolve
from aitelier_nb.schema import Event, Job, Status

__all__ = [
    "asked",
    "cancel",
    "create",
    "events",
    "find",
    "folder_of",
    "job_id",
    "prepare",
    "read",
    "wait",
]

KINDS = ("chat", "preference")
BROKEN = "the run ended without a result: it was killed, or the machine ran out of memory or power"


def job_id(identity: str) -> str:
    """Return a run's id from the digest of everything that makes it what it is."""
    return f"local-{identity[:8]}"


def folder_of(jobs: Path, job: str) -> Path:
    """Return a run's folder.

    Raises
    ------
    NotFound
        There is no such run here.
    """
    folder = jobs / job
    if Path(job).name != job or not (folder / "job.json").is_file():
        raise NotFound(f"there is no local run {job!r} in {jobs}", hint="`ait status --all` lists the runs")
    return folder


def create(jobs: Path, request: JobRequest) -> Job:
    """Start a run, or continue one of the same identity that ended without a result.

    Raises
    ------
    UsageError
        A hyperparameter that will not do, or a training file with nothing in it.
    ModelMissing
        The base model is not here and cannot be fetched.
    """
    folder = prepare(jobs, request)
    with FileLock(folder / "start.lock"):
        standing = read(jobs, folder.name)
        if standing.status not in ("completed", "running", "pending"):
            processes.launch(folder)
    return read(jobs, folder.name)


def find(jobs: Path, request: JobRequest) -> Job | None:
    """Return the run that this request started earlier, if any."""
    name = job_id(request.identity)
    return read(jobs, name) if (jobs / name / "job.json").is_file() else None


def read(jobs: Path, job: str) -> Job:
    """Return a run as its files and its process tell it now."""
    folder = folder_of(jobs, job)
    spec = asked(jobs, job)
    result = read_json(folder / "result.json") or {}
    steps = [event for event in events(jobs, job) if event.step is not None]
    last = steps[-1] if steps else None
    status, error = _status(folder, result)
    done = status == "completed"
    return Job.model_validate(
        {
            "id": job,
            "status": status,
            "provider_status": result.get("status") or status,
            "model_id": f"local/{job}" if done else None,
            "callable": done or None,
            "error": error,
            "step": last.step if last else None,
            "total_steps": last.total_steps if last else None,
            "loss": last.loss if last else None,
            "seconds_left": getattr(last, "seconds_left", None) if status == "running" else None,
            "hyperparameters": spec.get("hyperparameters", {}),
            "created_at": spec.get("created_at"),
            "finished_at": result.get("finished_at"),
            "adapter_sha256": result.get("sha256"),
            "base": spec.get("base"),
            "hint": result.get("hint"),
        }
    )


def asked(jobs: Path, job: str) -> dict[str, Any]:
    """Return what a run was asked to do: its model, data and hyperparameters."""
    return read_json(folder_of(jobs, job) / "job.json") or {}


def events(jobs: Path, job: str) -> list[Event]:
    """Return a run's log, oldest first; a half-written last line is left out."""
    try:
        lines = (folder_of(jobs, job) / "events.jsonl").read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [Event.model_validate(json.loads(line)) for line in lines if _is_json(line)]


def cancel(jobs: Path, job: str) -> Job:
    """End a run's processes, all of them, and note that it was cancelled; an ended run stays as it is."""
    folder = folder_of(jobs, job)
    with FileLock(folder / "start.lock"):
        if read(jobs, job).status in ("running", "pending"):
            processes.end(folder)
            if not (folder / "result.json").is_file():
                write(folder / "result.json", {"status": "cancelled", "finished_at": now()})
    return read(jobs, job)


def prepare(jobs: Path, request: JobRequest) -> Path:
    """Write down what a run is made of, unless it stands already, and return its folder; nothing is started.

    Refuses (UsageError, DataError, ModelMissing) before it writes anything.
    """
    folder = jobs / job_id(request.identity)
    if (folder / "job.json").is_file():
        return folder
    asked = _asked(request)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "start.lock"):
        if not (folder / "job.json").is_file():
            shutil.copyfile(request.training_file, folder / "train.jsonl")
            write(folder / "job.json", {"id": folder.name, **asked})  # last: it makes the folder a run
    return folder


def _asked(request: JobRequest) -> dict[str, Any]:
    """Return what a run is asked to do, every hyperparameter with its value."""
    if request.kind not in KINDS:
        raise UsageError(f"the local provider does not train {request.kind!r} files", hint=" or ".join(KINDS))
    examples = len(read_examples(request.training_file, preference=request.kind == "preference"))
    if not examples:
        raise UsageError(
            f"{request.training_file.name} holds no examples",
            hint="rate examples at or above the threshold, then `ait split` and `ait format`",
        )
    resolved = resolve(request.hyperparameters, examples, request.kind)
    return {
        "identity": request.identity,
        "kind": request.kind,
        "model": request.model,
        "base": library.public_name(library.find(request.model)),
        "hyperparameters": resolved.model_dump(mode="json"),
        "examples": examples,
        "world_size": resolved.workers * resolved.nodes,
        "created_at": now(),
    }


def _status(folder: Path, result: dict[str, Any]) -> tuple[Status, str | None]:
    """Return one of the five words, and what went wrong."""
    if result.get("status") == "completed" and not adapters.is_whole(folder / "adapter"):
        return "failed", "the run's adapter is gone; start it again to train it once more"
    if result:
        return result["status"], result.get("error")
    if processes.find(folder) is None:
        late = read_json(folder / "result.json")  # it may have ended between the two looks
        return _status(folder, late) if late else ("failed", BROKEN)
    return ("running" if processes.has_begun(folder) else "pending"), None


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def wait(jobs: Path, job: str, *, every: float = 0.2) -> Job:
    """Wait until a run has ended, and return it."""
    while (standing := read(jobs, job)).status in ("pending", "running"):
        time.sleep(every)
    return standing
