"""Executes a notebook in a fresh kernel of this very Python; run as a process of its own.

A process, because a kernel's client keeps sockets and an event loop, which a notebook that calls
`rerun` has already. It reads {"notebook", "folder", "seconds", "environment"} from its standard
input and writes {"notebook"} or {"error", "told"} to its standard output.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aitelier_nb.errors import ReportError
from aitelier_nb.reports.offline import REFUSED

__all__ = ["execute", "main"]

GRACE = 30  # seconds for the kernel's start and end, beside the notebook's own
HINTS = {
    "failed": "run that cell by hand",
    "time": "give it more with timeout=",
    "died": "is there enough memory?",
    "missing": "pip install 'aitelier-nb[lab]'",
    "server": "let it reach a server on this machine with loopback=True (--loopback)",
}
OWN_SERVER = re.compile(rf"{REFUSED}: (127\.|localhost|::1)")


def execute(
    name: str, notebook: Mapping[str, Any], folder: Path, *, seconds: float, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Return the notebook as it comes out of a fresh kernel whose working folder is `folder`.

    Raises
    ------
    ReportError
        A cell failed, the kernel died, the time is up, or nbclient is not installed.
    """
    order = {
        "notebook": notebook,
        "folder": str(folder),
        "seconds": seconds,
        "environment": dict(environment),
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "aitelier_nb.reports.execution"],
            input=json.dumps(order).encode(),
            capture_output=True,
            timeout=seconds + GRACE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ReportError(f"{name} is not done after {seconds:g} s", hint=HINTS["time"]) from error
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        last = done.stderr.decode("utf-8", "replace").strip().rsplit("\n", 1)[-1]
        raise ReportError(f"{name} could not be run: {last}", hint=HINTS["died"]) from error
    if "error" in answer:
        own = OWN_SERVER.search(answer["told"])
        raise ReportError(f"{name}{answer['told']}", hint=HINTS["server" if own else answer["error"]])
    return dict(answer["notebook"])


def main() -> None:
    """Do what the order on the standard input says."""
    order = json.load(sys.stdin)
    json.dump(_done(order), sys.stdout)


def _done(order: Mapping[str, Any]) -> dict[str, Any]:
    try:
        import nbformat
        from jupyter_client.kernelspec import KernelSpecManager
        from jupyter_client.manager import AsyncKernelManager
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    except ImportError as error:
        return {"error": "missing", "told": f": running a notebook needs {error.name}"}
    seconds = order["seconds"]
    end = time.monotonic() + seconds
    client = NotebookClient(
        nbformat.reads(json.dumps(order["notebook"]), as_version=4),
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[])),
        timeout_func=lambda _: max(1, round(end - time.monotonic())),
        resources={"metadata": {"path": order["folder"]}},
        store_widget_state=False,
        record_timing=False,
    )
    try:
        return {"notebook": client.execute(env=order["environment"])}
    except CellExecutionError as error:
        return {"error": "failed", "told": f": {error.ename}: {error.evalue}"}
    except CellTimeoutError:
        return {"error": "time", "told": f" is not done after {seconds:g} s"}
    except DeadKernelError:
        return {"error": "died", "told": ": the kernel died"}


if __name__ == "__main__":
    main()
