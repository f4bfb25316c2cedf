"""How the runs of a project stand, and how one is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aitelier_nb.errors import AitelierError
from aitelier_nb.providers import deployments
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import runs
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.verbs.following import Run
from aitelier_nb.views import View

__all__ = ["Runs", "cancel", "status"]


@dataclass(frozen=True, repr=False)
class Runs(View):
    """The runs of a project, oldest first."""

    found: tuple[Run, ...]
    failures: tuple[str, ...] = field(default=())
    served: tuple[str, ...] = field(default=())

    def __getitem__(self, place: int) -> Run:
        return self.found[place]

    def __len__(self) -> int:
        return len(self.found)

    def to_json(self) -> dict[str, Any]:
        """Return {"runs": [run, ...]}."""
        return {"runs": [run.to_json() for run in self.found]}

    def headline(self) -> str:
        """Count them, or show the only one."""
        if len(self.found) == 1:
            return self.found[0].headline()
        return f"{len(self.found)} runs" if self.found else "no run yet: ait train starts one"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("job", "provider", "started", "status", "model")

    def rows(self) -> list[Sequence[object]]:
        """Return a run a row."""
        if len(self.found) < 2:  # noqa: PLR2004 - the headline says it all
            return []
        return [
            (run.job_id, run.record.provider, run.record.started_at, run.status, run.model_id)
            for run in self.found
        ]

    def notes(self) -> Sequence[str]:
        """Return what else is to be told of the runs."""
        return [*(note for run in self.found for note in run.notes()), *self.served]

    def warnings(self) -> Sequence[str]:
        """Name the runs whose provider could not be asked."""
        return self.failures


def status(all: bool = False, project: Where = None) -> Runs:  # noqa: A002 - the flag's word
    """Show how the runs stand: those under way and the last one, or all of them.

    A run that has ended is not asked for again. One that cannot be asked is named, and the others are shown.

    Parameters
    ----------
    all
        Every run of the project, the ended ones too.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> len(ait.status(all=True, project=project))
    1
    """
    place = current(project)
    shown = place.runs if all else (runs.active(place) or place.runs[-1:])
    found, failures = [], []
    for record in shown:
        run = Run(place, record)
        if record.status not in runs.ENDED:
            try:
                run.refresh()
            except AitelierError as error:
                failures.append(f"{record.job_id}: {error}" + (f" ({error.hint})" if error.hint else ""))
        found.append(run)
    return Runs(tuple(found), tuple(failures), _served(place))


def _served(project: Project) -> tuple[str, ...]:
    """Name the endpoints that the project pays for now."""
    return tuple(
        f"an endpoint serves {one.endpoint.model} on {one.machine}: ait deploy --stop ends it"
        for one in deployments.standing(project.path)
    )


def cancel(job: str | None = None, project: Where = None) -> Run:
    """Stop a run: the one named, or the one under way.

    Parameters
    ----------
    job
        The run's job id; the one under way when not given.

    Raises
    ------
    TrainingError
        Nothing is under way, or there is no such run.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.cancel(project=project)
    Traceback (most recent call last):
    ...
    aitelier_nb.errors.TrainingError: no run is under way
    """
    place = current(project)
    record, state = runs.cancel(place, job)
    return Run(place, record, state)
