"""One writer at a time: a lock between processes and threads that the system frees when its holder dies."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aitelier_nb.storage.files import refusals

__all__ = ["lock"]

try:
    import fcntl
except ImportError:  # Windows
    from filelock import FileLock as _System
else:

    class _System:  # type: ignore[no-redef]
        """The system's lock on a file that is kept open: no look at the folder."""

        def __init__(self, path: Path, **_: object) -> None:
            self.path = path
            self._descriptor = -1

        def acquire(self) -> None:
            while True:
                if self._descriptor < 0:
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
                if os.fstat(self._descriptor).st_nlink:
                    return
                os.close(self._descriptor)  # the file was taken away: what others lock now is another one
                self._descriptor = -1

        def release(self) -> None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)


class _Held:
    """The lock of one path inside this process: threads queue up before they ask the system."""

    makes_no_folder = _System.__module__ != __name__

    def __init__(self, path: Path) -> None:
        self.path = path
        self.threads = threading.RLock()
        self.depth = 0
        self.processes = _System(path, thread_local=False)

    def acquire(self) -> None:
        if self.makes_no_folder:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self.processes.acquire()


_known: dict[tuple[int, str], _Held] = {}
_guard = threading.Lock()


def _held(path: Path) -> _Held:
    key = (os.getpid(), str(path))  # a forked child must not believe that it holds its parent's lock
    with _guard:
        if key not in _known:
            real = path.parent.resolve() / path.name
            _known[key] = _known.setdefault((key[0], str(real)), _Held(real))
        return _known[key]


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock file for the block; re-entrant in a thread, waited for by all others."""
    held = _held(path)
    with held.threads:
        if not held.depth:
            with refusals(path, "locked"):
                held.acquire()
        held.depth += 1
        try:
            yield
        finally:
            held.depth -= 1
            if not held.depth:
                held.processes.release()
