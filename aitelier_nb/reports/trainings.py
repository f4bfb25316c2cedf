"""What a report tells of the runs, and whether validation stayed out of what was trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aitelier_nb.schema import Run
from aitelier_nb.tuning.records import ids_of

__all__ = ["files", "leaks", "runs"]

OURS = {
    "baseModel": "base_model",
    "baseRevision": "base_revision",
    "kind": "kind",
    "resolved": "resolved",
    "requested": "requested",
    "files": "files",
    "validationUploaded": "validation_uploaded",
    "callable": "callable",
    "error": "error",
    "finishedAt": "finished_at",
    "tokens": "tokens",
    "price": "price",
    "seconds": "seconds",
    "losses": "losses",
    "environment": "environment",
}


def runs(project_runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Return what is known of every run, oldest first."""
    return [_run(place, run) for place, run in enumerate(project_runs, 1)]


def _run(place: int, run: Run) -> dict[str, Any]:
    known = run.aitelier_nb
    return {
        "version": f"v{place}",
        "job_id": run.job_id,
        "provider": run.provider,
        "status": run.status,
        "model_id": run.model_id,
        "started_at": run.started_at,
        "hyperparameters": dict(run.hyperparameters),
        "trained_on": len(_ids(known, "trainIds")),
        **{name: known[key] for key, name in OURS.items() if known.get(key) is not None},
    }


def files(paths: Iterable[Path], project: Path, latest: Run | None) -> list[dict[str, Any]]:
    """Return the SHA-256 of each training file as it stands, beside that of what the latest run was given."""
    given = latest.aitelier_nb.get("files") if latest is not None else None
    rows = []
    for path in paths:
        if not path.is_file() or not path.stat().st_size:
            continue
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        facts = given.get(path.name) if isinstance(given, dict) else None
        row = {"path": path.relative_to(project).as_posix(), "sha256": digest}
        rows.append(row | {"given": facts.get("sha256") if isinstance(facts, dict) else None})
    return rows


def leaks(project_runs: Iterable[Run], validation: Iterable[int]) -> list[dict[str, Any]]:
    """Return, per run, the validation examples that it was trained on; there must be none."""
    held = set(validation)
    return [
        {"job_id": run.job_id, "ids": seen}
        for run in project_runs
        if (seen := sorted(held & set(_ids(run.aitelier_nb, "trainIds"))))
    ]


def _ids(known: dict[str, Any], key: str) -> list[int]:
    text = known.get(key)
    return ids_of(text) if isinstance(text, str) else []
