"""Runs on this machine: a folder and a process each, told from files, so any process can ask or end them.

A folder holds job.json (what was asked), train.jsonl (a copy of the data), process.json (who runs it),
events.jsonl, log.txt, checkpoints/, and at the end adapter/ and result.json.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from filelock import FileLock

from aitelier_nb.errors import NotFound, UsageError
from aitelier_nb.providers.base import JobRequest
from aitelier_nb.providers.local import adapters, library
from aitelier_nb.providers.local.folders import now, read_examples, read_json, write
from aitelier_nb.providers.local.hyperparameters import Hyperparameters, resolve
from aitelier_nb.providers.local.turns import EVENTS_FROM
from aitelier_nb.schema import Event, Job, Status

__all__ = [
    "asked",
    "cancel",
    "command",
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
PATIENCE = 10.0  # seconds between asking a process to end and ending it
BROKEN = "the run ended without a result: it was killed, or the machine ran out of memory or power"


class _Detached(subprocess.Popen[bytes]):
    """A process that outlives this one on purpose."""

    def __del__(self, *_: object) -> None:
        """Let go without a warning that it still runs."""


_started: dict[int, _Detached] = {}  # our own children, kept so that the ended ones are reaped


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
            _launch(folder)
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
            _end(folder)
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


def _launch(folder: Path) -> None:
    """Start the run's process, apart from this one: it outlives the notebook."""
    (folder / "result.json").unlink(missing_ok=True)
    with (folder / "events.jsonl").open("ab") as stream:
        stream.write(b"\n" if _is_torn(folder / "events.jsonl") else b"")
        stream.flush()
        events_from = stream.tell()
    with (folder / "log.txt").open("ab") as log:
        process = _Detached(
            command(folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={
                **os.environ,
                "TOKENIZERS_PARALLELISM": "false",
                "PYTHONUNBUFFERED": "1",
                EVENTS_FROM: str(events_from),
            },
        )
    _started[process.pid] = process
    noted = {"pid": process.pid, "started": _birth(process.pid), "events_from": events_from}
    write(folder / "process.json", noted)


def command(folder: Path) -> list[str]:
    """Return what starts the run: the trainer, torchrun with several of it, or what follows it on Ray."""
    asked = read_json(folder / "job.json") or {}
    resolved = Hyperparameters.model_validate(asked["hyperparameters"])
    if resolved.on:
        return [sys.executable, "-m", "aitelier_nb.providers.local.clusters", str(folder)]
    trainer = ["-m", "aitelier_nb.providers.local.trainer", str(folder)]
    if asked["world_size"] == 1:
        return [sys.executable, *trainer]
    meeting = ["--standalone"]
    if resolved.nodes > 1:
        where = [
            "--rdzv_backend",
            "c10d",
            "--rdzv_endpoint",
            str(resolved.rendezvous),
            "--rdzv_id",
            folder.name,
        ]
        meeting = ["--nnodes", str(resolved.nodes), *where]
    torchrun = [sys.executable, "-m", "torch.distributed.run", *meeting]
    return [*torchrun, "--nproc_per_node", str(resolved.workers), *trainer]


def _is_torn(path: Path) -> bool:
    """Say whether a file ends in the middle of a line, as after a loss of power."""
    content = path.read_bytes()
    return bool(content) and not content.endswith(b"\n")


def _status(folder: Path, result: dict[str, Any]) -> tuple[Status, str | None]:
    """Return one of the five words, and what went wrong."""
    if result.get("status") == "completed" and not adapters.is_whole(folder / "adapter"):
        return "failed", "the run's adapter is gone; start it again to train it once more"
    if result:
        return result["status"], result.get("error")
    if _process(folder) is None:
        late = read_json(folder / "result.json")  # it may have ended between the two looks
        return _status(folder, late) if late else ("failed", BROKEN)
    return ("running" if _has_begun(folder) else "pending"), None


def _has_begun(folder: Path) -> bool:
    """Say whether the process that was launched last has its turn; before that it waits for another run."""
    since = (read_json(folder / "process.json") or {}).get("events_from", 0)
    with (folder / "events.jsonl").open("rb") as stream:
        stream.seek(since)
        return b'"kind": "start"' in stream.read()


def _process(folder: Path) -> Any:
    """Return the living process of a run, or None; a pid that was given to another program is not it."""
    import psutil

    noted = read_json(folder / "process.json")
    if noted is None:
        return None
    if noted["pid"] in _started:
        _started[noted["pid"]].poll()
    try:
        process = psutil.Process(noted["pid"])
        alive = process.status() != psutil.STATUS_ZOMBIE and _birth(noted["pid"]) == noted["started"]
    except psutil.NoSuchProcess:
        return None
    return process if alive else None


def _birth(pid: int) -> float | None:
    """Return when a process began, in seconds since 1970, or None when it has ended already."""
    import psutil

    try:
        return round(float(psutil.Process(pid).create_time()), 2)
    except psutil.NoSuchProcess:
        return None


def _end(folder: Path) -> None:
    """End a run's process and its children: asked first, forced after a while."""
    import psutil

    process = _process(folder)
    if process is None:
        return
    family = [process, *process.children(recursive=True)]
    for member in family:
        _signal(member, "terminate")
    _, left = psutil.wait_procs(family, timeout=PATIENCE)
    for member in left:
        _signal(member, "kill")
    psutil.wait_procs(left, timeout=PATIENCE)
    if (child := _started.pop(process.pid, None)) is not None:
        child.wait(PATIENCE)


def _signal(process: Any, word: str) -> None:
    import psutil

    try:
        getattr(process, word)()
    except psutil.NoSuchProcess:
        return


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
