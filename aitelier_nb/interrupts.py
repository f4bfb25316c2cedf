"""How long work that runs beside a cell is stopped: it is asked to, at its next step or pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["check", "interrupted_by", "pause"]

_asked: ContextVar[threading.Event | None] = ContextVar("aitelier_interrupt", default=None)


@contextmanager
def interrupted_by(event: threading.Event) -> Iterator[None]:
    """Let the event interrupt the work that begins inside the block, in whatever thread it runs."""
    token = _asked.set(event)
    try:
        yield
    finally:
        _asked.reset(token)


def check() -> None:
    """Return when nobody wants to stop.

    Raises
    ------
    KeyboardInterrupt
        Somebody does; as an interrupt in the main thread would.
    """
    event = _asked.get()
    if event is not None and event.is_set():
        raise KeyboardInterrupt


def pause(seconds: float) -> None:
    """Wait, and end early with KeyboardInterrupt when somebody wants to stop."""
    event = _asked.get()
    if event is None:
        time.sleep(seconds)
    else:
        event.wait(seconds)
        check()
