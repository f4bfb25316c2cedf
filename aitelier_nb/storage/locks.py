"""One writer at a time: a lock between processes and threads that the system frees when its holder dies."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from pathlib import Path

from aitelier_nb.storage.files import refusal

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

    def __enter__(self) -> None:
        self.threads.acquire()
        if not self.depth:
            try:
                self._acquire()
            except BaseException:
                self.threads.release()
                raise
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        try:
            if not self.depth:
                self.processes.release()
        finally:
            self.threads.release()

    def _acquire(self) -> None:
        try:
            if self.makes_no_folder:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self.processes.acquire()
        except OSError as error:
            raise refusal(self.path, error, "locked") from error


_known: dict[tuple[int, str], _Held] = {}
_guard = threading.Lock()


def lock(path: Path) -> AbstractContextManager[None]:
    """Hold the lock file for the block; re-entrant in a thread, waited for by all others."""
    key = (os.getpid(), str(path))  # a forked child must not believe that it holds its parent's lock
    held = _known.get(key)
    if held is None:
        with _guard:
            real = path.parent.resolve() / path.name
            held = _known[key] = _known.setdefault((key[0], str(real)), _Held(real))
    return held
