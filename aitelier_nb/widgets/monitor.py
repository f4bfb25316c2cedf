"""A training job as it stands, and a button that ends it; the page asks, so the kernel stays free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aitelier_nb.errors import DataError
from aitelier_nb.widgets.sources import script, style
from aitelier_nb.widgets.surface import Message, Static, Surface

__all__ = ["JobMonitor"]


class JobMonitor(Surface):
    """Step, loss and time left of a job, with its loss curve.

    A job is a dict {"line": its state in one sentence, "ended": bool, "step", "total_steps",
    "losses": [[step, loss]], "facts": {name: value}, "every": seconds between two looks}; once the
    job has ended, the line must not depend on the clock.

    Parameters
    ----------
    job
        Returns the job as it stands now.
    on_cancel
        Ends the job.
    static
        Returns the text and the HTML that stay readable without a kernel; the HTML is escaped.
    """

    name = "Training"
    _esm = script("monitor.js")
    _css = style("surface.css")

    def __init__(
        self,
        job: Callable[[], Mapping[str, Any]],
        on_cancel: Callable[[], object],
        *,
        static: Callable[[], tuple[str, str]] | None = None,
    ) -> None:
        super().__init__()
        self._job, self._on_cancel, self._static = job, on_cancel, static

    def welcome(self, _: Message) -> Message:
        """Return the job."""
        return {"job": dict(self._job())}

    def fetch(self, _: Message) -> Message:
        """Return the job; when it has ended, the static twin learns of it."""
        job = dict(self._job())
        if job["ended"]:
            self.refresh()
        return {"job": job}

    def decide(self, edit: Message) -> Mapping[str, Any]:
        """End the job."""
        if edit.get("kind") != "cancel":
            raise DataError(f"there is no decision {edit.get('kind')!r}", hint="run the cell again")
        self._on_cancel()
        return {"job": dict(self._job())}

    def static(self) -> Static:
        """Return what the run shows as text, or its state in one line."""
        if self._static is None:
            return super().static()
        text, markup = self._static()
        return Static(text.split("\n"), markup)

    def lines(self) -> list[str]:
        """Return the job's state in one line."""
        return [str(self._job()["line"])]
