"""Progress of long work: one object, whatever shows it.

Work says `advance`; a sink shows it. Without a sink nothing is shown, so a library call is silent.
The last line has no rates and no times, so a notebook that is run again shows the same text.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Self, TextIO, TypeVar

from aitelier_nb.interrupts import check

__all__ = ["Progress", "Sink", "otherwise_shown_by", "shown_by", "sink_of", "stage", "terminal", "track"]

T = TypeVar("T")
Sink = Callable[["Progress"], None]

_stage: ContextVar[str] = ContextVar("aitelier_progress_stage", default="")
_otherwise: list[Callable[[], Sink | None]] = []
_sink: ContextVar[Sink | None] = ContextVar("aitelier_progress_sink", default=None)

WIDTH = 24
MOST_OFTEN = 0.1  # seconds between two paints of a terminal bar


class Progress:
    """One piece of long work: `done` of `total` steps, under a name.

    Parameters
    ----------
    name
        What is counted, in the plural: "answers", "steps".
    total
        How many there are, or None when nobody knows.
    lasting
        Whether the same work is done, or found done, when a notebook runs again; only then may its
        last line stay in the notebook. An upload or a download is not.
    """

    def __init__(self, name: str, total: int | None = None, *, lasting: bool = True) -> None:
        stage = _stage.get()
        self.name = f"{stage} {name}" if stage else name
        self.total = total
        self.done = 0
        self.note = ""
        self.finished = False
        self.lasting = lasting
        self._sink = sink_of()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count further steps as done; `note` says what is going on now."""
        self.reach(self.done + count, note)

    def reach(self, done: int, note: str = "") -> None:
        """Set the number of steps that are done; work that is asked to stop is interrupted here."""
        check()
        self.done, self.note = done, note
        if self._sink is not None:
            self._sink(self)

    def finish(self) -> None:
        """Say that the work has ended, done or not."""
        self.finished = True
        if self._sink is not None:
            self._sink(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def __str__(self) -> str:
        return (
            f"{self.name} {self.done}/{self.total}" if self.total is not None else f"{self.name} {self.done}"
        )


def track(sequence: Iterable[T], name: str, total: int | None = None) -> Iterator[T]:
    """Yield what the sequence yields and count it."""
    if total is None and isinstance(sequence, Sized):
        total = len(sequence)
    with Progress(name, total) as progress:
        for thing in sequence:
            yield thing
            progress.advance()


def sink_of() -> Sink | None:
    """Return what shows progress that begins here, if anything does."""
    return _sink.get() or (_otherwise[-1]() if _otherwise else None)


@contextmanager
def shown_by(sink: Sink | None) -> Iterator[None]:
    """Let `sink` show all progress that begins inside the block."""
    token = _sink.set(sink)
    try:
        yield
    finally:
        _sink.reset(token)


def otherwise_shown_by(find: Callable[[], Sink | None]) -> None:
    """Let `find` name the sink of progress that begins outside of any `shown_by` block."""
    _otherwise[:] = [find]


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Put a name before that of all progress that begins inside the block: "5/8 train: steps 12/90"."""
    token = _stage.set(f"{name}:")
    try:
        yield
    finally:
        _stage.reset(token)


def terminal(stream: TextIO | None = None) -> Sink:
    """Return a sink that draws one bar on a terminal (stderr), and a plain last line elsewhere."""
    out = stream or sys.stderr
    painted = 0.0

    def show(progress: Progress) -> None:
        nonlocal painted
        if progress.finished:
            out.write(f"\r\x1b[K{progress}\n" if out.isatty() else f"{progress}\n")
            out.flush()
            return
        now = time.monotonic()
        if not out.isatty() or now - painted < MOST_OFTEN:
            return
        painted = now
        filled = WIDTH * progress.done // progress.total if progress.total else 0
        bar = "█" * filled + "░" * (WIDTH - filled)
        out.write(f"\r\x1b[K{bar} {progress} {progress.note}")
        out.flush()

    return show
