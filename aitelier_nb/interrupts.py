"""How long work that runs beside a cell is stopped: it is asked to, at its next step or pause."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["Interrupted", "check", "heard_by", "interrupted_by", "pause"]

_asked: ContextVar[threading.Event | None] = ContextVar("aitelier_interrupt", default=None)


class Interrupted(KeyboardInterrupt):
    """An interrupt that says in a sentence what is kept of the answers that were asked for.

    Parameters
    ----------
    kept, wanted
        How many of them there are, and how many there should be.
    elsewhere
        What goes on all the same, such as a batch at the service.
    """

    def __init__(self, kept: int = 0, wanted: int = 0, elsewhere: str = "") -> None:
        super().__init__()
        self.kept, self.wanted, self.elsewhere = kept, wanted, elsewhere

    def __str__(self) -> str:
        parts = [f"{self.kept} of {self.wanted} answers are kept"] if self.wanted else []
        parts += [self.elsewhere] if self.elsewhere else []
        left = f"the other {self.wanted - self.kept}" if self.wanted > self.kept else "the result"
        return "; ".join([*parts, f"run it again for {left}"])

    def _render_traceback_(self) -> list[str]:
        """Return the line that a notebook shows instead of a stack."""
        return [f"Interrupted: {self}"]


@contextmanager
def heard_by(stream: Generator[Any]) -> Iterator[None]:
    """Hand an interrupt that falls into the block to the stream that is read there.

    The stream keeps what has arrived and raises Interrupted, which says how much that is.
    """
    try:
        yield
    except Interrupted:
        raise
    except KeyboardInterrupt as stop:
        stream.throw(stop)
        raise


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
