"""A run in a notebook: its step, its loss curve, and a button that ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitelier_nb.errors import AitelierError
from aitelier_nb.tuning import runs

if TYPE_CHECKING:
    from aitelier_nb.verbs.following import Run
    from aitelier_nb.widgets.monitor import JobMonitor

__all__ = ["monitor"]

EVERY = {"local": 2.0}  # seconds between two looks of a page
EVERY_HOSTED = 10.0


def monitor(run: Run) -> JobMonitor:
    """Return the run as a widget; the page asks for news, so that the kernel is free meanwhile."""
    from aitelier_nb.widgets.monitor import JobMonitor

    seen: dict[int, float] = {}

    def job() -> dict[str, Any]:
        fault = ""
        try:
            run.refresh()
        except AitelierError as error:  # the job goes on elsewhere; the page looks again
            fault = f"; this look failed: {error}"
        if run.job is not None and run.job.step is not None and run.job.loss is not None:
            seen[run.job.step] = run.job.loss
        return {
            "line": run.headline() + fault,
            "ended": run.status in runs.ENDED,
            "step": run.job.step if run.job is not None else None,
            "total_steps": run.job.total_steps if run.job is not None else None,
            "losses": _kept(run) or sorted(seen.items()),
            "facts": _facts(run),
            "every": EVERY.get(run.record.provider, EVERY_HOSTED),
        }

    return JobMonitor(job, run.cancel, static=lambda: (run.text(), run._repr_html_()))


def _kept(run: Run) -> list[list[float]]:
    """Return the loss curve that the run keeps once it has ended."""
    rows = run.record.aitelier_nb.get("losses") or []
    return [[row[0], row[1]] for row in rows if row[1] is not None]


def _facts(run: Run) -> dict[str, str]:
    facts = {
        "provider": run.record.provider,
        "base model": run.record.aitelier_nb.get("baseModel"),
        "tuned model": run.model_id,
    }
    return {name: str(value) for name, value in facts.items() if value}
