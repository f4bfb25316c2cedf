"""One run at a time on a machine: the others wait in line instead of fighting for memory."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from aitelier_nb.providers.local.folders import Journal, writes
from aitelier_nb.providers.local.library import cache_folder

__all__ = ["EVENTS_FROM", "turn"]

EVENTS_FROM = "AITELIER_EVENTS_FROM"  # where the events of this launch begin, in bytes
STARTED = b'"kind": "start"'


@contextmanager
def turn(folder: Path, report: Journal) -> Iterator[None]:
    """Hold the machine's one training slot; the lock dies with its holder, however that ends.

    Of several processes the first one holds it, and the others wait until it has said that it starts.
    """
    if not writes():
        _wait_for_start(folder / "events.jsonl")
        yield
        return
    cache_folder().mkdir(parents=True, exist_ok=True)
    lock = FileLock(cache_folder() / "training.lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        report("queued", message="another run on this machine goes first")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _wait_for_start(events: Path) -> None:
    while not events.is_file() or STARTED not in events.read_bytes()[int(os.environ.get(EVENTS_FROM, "0")) :]:
        time.sleep(0.1)
