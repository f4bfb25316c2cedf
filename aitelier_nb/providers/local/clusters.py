"""A run on a Ray cluster: `python -m aitelier_nb.providers.local.clusters JOB_FOLDER` follows it from here.

An actor on the cluster starts the very same trainer in a folder of its own, under torchrun where several
workers were asked for. This process writes the events and the log down as they come, and brings the adapter
home, so that the run is told, cancelled and served like any other. A run that is broken off begins again:
checkpoints stay on the cluster's machine and go with the actor.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aitelier_nb.errors import AitelierError, TrainingError, UsageError
from aitelier_nb.providers.local import adapters, processes
from aitelier_nb.providers.local.folders import Journal, now, read_json, write
from aitelier_nb.providers.local.hyperparameters import Hyperparameters

__all__ = ["Remote", "follow", "main", "require"]

PATIENCE = 10.0  # seconds in which a cluster must take a connection
EVERY = 0.5  # seconds between two looks at the run
GROWING = ("events.jsonl", "log.txt")


class Remote:
    """The run where it is computed: a folder, and the trainer's process in it."""

    def __init__(self, asked: dict[str, Any], training: bytes) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="aitelier-")) / asked["id"]
        self._folder.mkdir()
        (self._folder / "train.jsonl").write_bytes(training)
        write(self._folder / "job.json", asked)
        with (self._folder / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                processes.command(self._folder),
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},  # as found here
            )

    def read(self, read: dict[str, int]) -> tuple[bool, dict[str, bytes]]:
        """Return whether the trainer has ended, and what each growing file holds after so many bytes."""
        ended = self._process.poll() is not None
        contents = {name: self._bytes(name) for name in GROWING}
        return ended, {name: content[read[name] :] for name, content in contents.items()}

    def result(self) -> dict[str, bytes]:
        """Return the result and the adapter, as far as they are there."""
        files = ("result.json", f"adapter/{adapters.CONFIG}", f"adapter/{adapters.WEIGHTS}")
        return {name: self._bytes(name) for name in files if (self._folder / name).is_file()}

    def remove(self) -> None:
        """End the trainer, if it runs, and leave nothing behind."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        shutil.rmtree(self._folder.parent, ignore_errors=True)

    def _bytes(self, name: str) -> bytes:
        path = self._folder / name
        return path.read_bytes() if path.is_file() else b""


def require(address: str) -> None:
    """See that Ray is installed and that a cluster listens at an address, before a run is begun.

    Raises
    ------
    UsageError
        One of the two does not hold; the sentence says which.
    """
    if find_spec("ray") is None or find_spec("grpc") is None:
        raise UsageError(
            f"a run on {address} needs Ray, which is not installed here",
            hint="pip install 'aitelier-nb[ray]', or train here without --on",
        )
    try:
        place = urlsplit(address)
        with socket.create_connection((place.hostname or "", place.port or 0), timeout=PATIENCE):
            return
    except (OSError, ValueError) as error:
        raise UsageError(
            f"no Ray cluster answers at {address}: {error}",
            hint="`ray start --head` on that machine opens port 10001 for it",
        ) from error


def main(words: list[str]) -> int:
    """Follow the run of a folder to its end, and say how it ended in result.json."""
    folder = Path(words[0])
    report = Journal(folder / "events.jsonl")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the actor is let go of
    try:
        result = follow(folder)
    except AitelierError as error:
        result = {"status": "failed", "error": str(error), "hint": error.hint, "finished_at": now()}
    except Exception as error:  # noqa: BLE001 - the process's edge: whatever ended the run is written down
        first = (str(error).splitlines() or [type(error).__name__])[0]
        hint = "see that the cluster runs with the same Python, Ray and aitelier-nb as here"
        result = {"status": "failed", "error": f"Ray: {first}", "hint": hint, "finished_at": now()}
    if result["status"] == "failed":
        report("error", message=result["error"])
    write(folder / "result.json", result)
    return 0 if result["status"] == "completed" else 1


def follow(folder: Path) -> dict[str, Any]:
    """Start the run on its cluster, write down what it says, and return its result.

    Raises
    ------
    TrainingError
        The trainer ended without a result.
    """
    import ray

    asked = json.loads((folder / "job.json").read_text("utf-8"))
    given = Hyperparameters.model_validate(asked["hyperparameters"])
    asked["hyperparameters"].pop("on")  # there it is a run of that machine
    with ray.init(str(given.on), log_to_driver=False, logging_level="error"):
        gpus = given.workers if ray.cluster_resources().get("GPU", 0) >= given.workers else 0
        place = ray.remote(num_cpus=given.workers, num_gpus=gpus)(Remote)
        remote = place.remote(asked, (folder / "train.jsonl").read_bytes())
        try:
            _copy_growing(ray, remote, folder)
            return _brought_home(ray.get(remote.result.remote()), folder)
        finally:
            ray.get(remote.remove.remote())


def _copy_growing(ray: Any, remote: Any, folder: Path) -> None:
    """Append what the run writes to the files here until it has ended; events in whole lines."""
    read = dict.fromkeys(GROWING, 0)
    ended = False
    while not ended:
        ended, contents = ray.get(remote.read.remote(read))
        for name, content in contents.items():
            whole = content if ended else content[: content.rfind(b"\n") + 1]
            read[name] += len(whole)
            with (folder / name).open("ab") as stream:
                stream.write(whole)
        if not ended:
            time.sleep(EVERY)


def _brought_home(files: dict[str, bytes], folder: Path) -> dict[str, Any]:
    """Put the adapter in place in one step, and return the run's result."""
    arriving = folder / "arriving"
    shutil.rmtree(arriving, ignore_errors=True)
    (arriving / "adapter").mkdir(parents=True)
    for name, content in files.items():
        (arriving / name).write_bytes(content)
    result = read_json(arriving / "result.json")
    if result is None:
        raise TrainingError("the trainer on the cluster ended without a result", hint="its log.txt is here")
    if result["status"] == "completed":
        if adapters.digest(arriving / "adapter") != result["sha256"]:
            raise TrainingError("the adapter arrived damaged", hint="start the run again")
        shutil.rmtree(folder / "adapter", ignore_errors=True)
        (arriving / "adapter").rename(folder / "adapter")
    shutil.rmtree(arriving)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
