"""Base and tuned model are asked the held-out examples; people or rules judge the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.providers.base import Provider, Settings, open_provider
from aitelier_nb.schema import Run as RunRecord
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import runs
from aitelier_nb.verbs.tuning import Run

__all__ = ["contestants"]


def finished_run(project: Project, run: Run | str | None) -> RunRecord:
    """Return the run to evaluate: the one named, or the last one that is not broken; waits for its end.

    Raises
    ------
    EvaluationError
        There is none.
    """
    if isinstance(run, Run):
        record: RunRecord | None = run.record
    elif run is not None:
        record = next((known for known in project.runs if run in (known.job_id, known.model_id)), None)
        if record is None:
            raise EvaluationError(f"there is no run {run!r}", hint="ait status --all shows every run")
    else:
        usable = [known for known in project.runs if known.status not in ("failed", "cancelled")]
        record = usable[-1] if usable else None
    if record is None:
        raise EvaluationError("there is no tuned model yet", hint="train one with ait.train() (ait train)")
    if record.status not in runs.ENDED:
        record = Run(project, record).wait().record
    if record.status != "completed" or not record.model_id:
        raise EvaluationError(f"run {record.job_id} is {record.status}", hint="train again with ait.train()")
    return record


def contestants(
    project: Project,
    run: RunRecord,
    prefix: Sequence[Mapping[str, Any]] = (),
) -> list[Contestant]:
    """Return base, prompted base (when a prefix is given) and tuned model of a run, in one runtime."""
    provider: Provider = open_provider(run.provider, Settings(project=project.path))
    trained_on = run.aitelier_nb.get("baseModel") or project.config.model or ""
    asked = project.config.aitelier_nb.get("askModel") or trained_on
    found = [Contestant("base", provider, asked)]
    if prefix:
        found.append(Contestant("prompted", provider, asked, tuple(prefix)))
    return [*found, Contestant("tuned", provider, str(run.model_id))]
