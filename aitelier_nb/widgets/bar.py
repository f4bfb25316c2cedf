"""Long work in a notebook: a bar while it goes on, one line of text in its place once it has ended.

The line has no rates and no times, and stands beside the bar from the beginning as it will be at
the end: nbval compares the first state of an output with the one that was saved.
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
    """Return a sink that shows each piece of work as a bar, and leaves its last line in the bar's place."""
    shown: dict[int, _Shown] = {}

    def show(progress: Progress) -> None:
        if not progress.lasting:
            return
        if id(progress) not in shown:
            shown[id(progress)] = _Shown(progress)
        if progress.finished:
            shown.pop(id(progress)).end(progress)
        else:
            shown[id(progress)].paint(progress)

    return show


class _Shown:
    """One bar on the page."""

    def __init__(self, progress: Progress) -> None:
        from IPython.display import display

        self.bar = Bar(total=progress.total or 0)
        self._painted = 0.0
        bundle = self.bar._repr_mimebundle_()
        live = bundle[0] if isinstance(bundle, tuple) else bundle
        whole = f"{progress.name} {progress.total}/{progress.total}" if progress.total else str(progress)
        self._handle = display({**(live or {}), **_line(whole)}, raw=True, display_id=True)

    def paint(self, progress: Progress) -> None:
        """Move the bar, but not too often."""
        now = time.monotonic()
        if now - self._painted < MOST_OFTEN:
            return
        with self.bar.hold_sync():
            self.bar.total = progress.total or 0
            self.bar.text, self.bar.done = f"{progress} {progress.note}".strip(), progress.done
        self._painted = now

    def end(self, progress: Progress) -> None:
        """Put the last line in the bar's place."""
        if self._handle is not None:
            self._handle.update(_line(str(progress)), raw=True)
        self.bar.finished = True
        self.bar.close()


def _line(text: str) -> dict[str, str]:
    static = Static([text])
    return {"text/plain": repr(static), "text/html": static._repr_html_()}
