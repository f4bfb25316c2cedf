"""A verb for `await` in a cell: it works in a thread, and an interrupt of the cell stops it there too."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from aitelier_nb.consent import asked_through
from aitelier_nb.interrupts import Interrupted, interrupted_by
from aitelier_nb.progress import Progress, shown_by, sink_of

__all__ = ["awaited"]

P = ParamSpec("P")
T = TypeVar("T")

TICK = 0.1  # seconds after which the loop wakes, so that an interrupt of the kernel is noticed
GRACE = 10.0  # seconds for what has arrived to get onto the disk


class _Stopped(Exception):
    """The verb has stopped as it was asked to; its argument is how."""


async def awaited(verb: Callable[P, T], *args: P.args, **words: P.kwargs) -> T:
    """Return what a verb returns, while other tasks of the loop go on.

    Progress and questions are shown by the cell that awaits. When the task is cancelled, the verb
    is interrupted, and what had arrived by then is kept.
    """
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    sink = sink_of()

    def show(progress: Progress) -> None:
        if sink is not None:
            loop.call_soon_threadsafe(sink, progress)

    def ask(question: str) -> str:
        return asyncio.run_coroutine_threadsafe(_typed(question), loop).result()

    def run() -> T:
        try:
            return verb(*args, **words)
        except KeyboardInterrupt as stop:  # which would end the loop itself if it came out of a task
            raise _Stopped(stop) from None

    with interrupted_by(stop), shown_by(show), asked_through(ask):
        work = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        while not work.done():
            await asyncio.wait([work], timeout=TICK)
    except asyncio.CancelledError as cancelled:
        stop.set()
        await asyncio.wait([work], timeout=GRACE)
        if work.done() and not work.cancelled():
            _tell(cancelled, work.exception())
        raise
    return work.result()


def _tell(cancelled: asyncio.CancelledError, ending: BaseException | None) -> None:
    """Let a notebook show what is kept, by the very exception that cancelled the task."""
    if isinstance(ending, _Stopped) and isinstance(ending.args[0], Interrupted):
        lines = ending.args[0]._render_traceback_()
        cancelled.args = tuple(lines)
        cancelled._render_traceback_ = lambda: lines  # type: ignore[attr-defined]


async def _typed(question: str) -> str:
    return input(question)  # noqa: ASYNC250 - the person is who everything waits for
