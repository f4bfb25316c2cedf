"""The process of a run on this machine: started apart from this one, found again, ended with its children."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from aitelier_nb.providers.local.folders import read_json, write
from aitelier_nb.providers.local.hyperparameters import Hyperparameters
from aitelier_nb.providers.local.turns import EVENTS_FROM

__all__ = ["command", "end", "find", "has_begun", "launch"]

PATIENCE = 10.0  # seconds between asking a process to end and ending it
CLOCK = 2.0  # seconds; two readings of when a process began differ by as much when the clock is kept in step


class _Detached(subprocess.Popen[bytes]):
    """A process that outlives this one on purpose."""

    def __del__(self, *_: object) -> None:
        """Let go without a warning that it still runs."""


_started: dict[int, _Detached] = {}  # our own children, kept so that the ended ones are reaped


def launch(folder: Path) -> None:
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


def has_begun(folder: Path) -> bool:
    """Say whether the process that was launched last has its turn; before that it waits for another run."""
    since = (read_json(folder / "process.json") or {}).get("events_from", 0)
    with (folder / "events.jsonl").open("rb") as stream:
        stream.seek(since)
        return b'"kind": "start"' in stream.read()


def find(folder: Path) -> Any:
    """Return the living process of a run, or None; a pid that was given to another program is not it."""
    import psutil

    noted = read_json(folder / "process.json")
    if noted is None:
        return None
    if noted["pid"] in _started:
        _started[noted["pid"]].poll()
    try:
        process = psutil.Process(noted["pid"])
        alive = process.status() != psutil.STATUS_ZOMBIE and _is_it(process, folder, noted["started"])
    except psutil.NoSuchProcess:
        return None
    return process if alive else None


def _is_it(process: Any, folder: Path, started: float | None) -> bool:
    """Say whether this is a run's process, by when it began or by what it was told to run.

    The time alone does not do: a process counts from when the machine was started, which moves
    whenever the clock is set.
    """
    import psutil

    if started is not None and abs(float(process.create_time()) - started) < CLOCK:
        return True
    try:
        return str(folder) in process.cmdline()
    except psutil.AccessDenied:
        return False


def _birth(pid: int) -> float | None:
    """Return when a process began, in seconds since 1970, or None when it has ended already."""
    import psutil

    try:
        return round(float(psutil.Process(pid).create_time()), 2)
    except psutil.NoSuchProcess:
        return None


def end(folder: Path) -> None:
    """End a run's process and its children: asked first, forced after a while."""
    import psutil

    process = find(folder)
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
