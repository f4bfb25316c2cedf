"""Long work in a notebook: a bar while it goes on, one line of text once it has ended.

The line is an output of its own, has no rates and no times, and comes out the same when the
notebook is run again.
"""

from __future__ import annotations

import time
from typing import ClassVar

import anywidget
import traitlets as t

from aitelier_nb.progress import Progress, Sink
from aitelier_nb.widgets.sources import script, style
from aitelier_nb.widgets.surface import Static

__all__ = ["Bar", "notebook"]

MOST_OFTEN = 0.1  # seconds between two messages to the page


class Bar(anywidget.AnyWidget):
    """A bar with a line of text; hidden once the work has ended."""

    _esm = script("bar.js")
    _css = style("surface.css")
    name: ClassVar[str] = "Progress"

    text = t.Unicode("").tag(sync=True)
    done = t.Int(0).tag(sync=True)
    total = t.Int(0).tag(sync=True)
    finished = t.Bool(default_value=False).tag(sync=True)

    def __repr__(self) -> str:
        return self.name


def notebook() -> Sink:
    """Return a sink that shows each piece of work as a bar, and leaves its last line."""
    bars: dict[int, tuple[Bar, float]] = {}

    def show(progress: Progress) -> None:
        from IPython.display import display

        if not progress.lasting:
            return
        bar, painted = bars.get(id(progress), (None, 0.0))
        if bar is None:
            bar = Bar(total=progress.total or 0)
            display(bar)
        now = time.monotonic()
        if progress.finished:
            bar.finished = True
            bar.close()
            bars.pop(id(progress), None)
            display(Static([str(progress)]))
            return
        if now - painted >= MOST_OFTEN:
            with bar.hold_sync():
                bar.text, bar.done = f"{progress} {progress.note}".strip(), progress.done
            painted = now
        bars[id(progress)] = (bar, painted)

    return show
