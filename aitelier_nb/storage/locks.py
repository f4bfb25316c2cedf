"""One writer at a time: a lock between processes and threads that the system frees when its holder dies."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from aitelier_nb.storage.files import refusals

__all__ = ["lock"]


class _Held:
    """The lock of one path inside this process: threads queue up before they ask the system."""

    def __init__(self, path: str) -> None:
        self.threads = threading.RLock()
        self.depth = 0
        self.processes = FileLock(path, thread_local=False)


_known: dict[tuple[int, str], _Held] = {}
_guard = threading.Lock()


def _held(path: Path) -> _Held:
    key = (os.getpid(), os.path.realpath(path))  # a forked child must not believe it holds the parent's lock
    with _guard:
        if key not in _known:
            _known[key] = _Held(key[1])
        return _known[key]


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock file for the block; re-entrant in a thread, waited for by all others."""
    held = _held(path)
    with held.threads:
        if not held.depth:
            with refusals(path, "locked"):
                path.parent.mkdir(parents=True, exist_ok=True)
                held.processes.acquire()
        held.depth += 1
        try:
            yield
        finally:
            held.depth -= 1
            if not held.depth:
                held.processes.release()
