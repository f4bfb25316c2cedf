"""What the project file holds of a run, and what makes a run the one that it is.

A run is identified by provider, model, kind, the files' hashes and the hyperparameters as they
were asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic.alias_generators import to_camel

from aitelier_nb.providers.base import JobRequest
from aitelier_nb.schema import Job
from aitelier_nb.storage.project import now

__all__ = ["Plan", "fields_of", "identify", "ids_of", "job_facts", "ranges"]

SHOWN = ("epochs", "batch_size", "learning_rate", "lora_r", "lora_alpha")
"""Hyperparameters that every run in the project file shows, set or resolved."""


@dataclass(frozen=True)
class Plan:
    """What a run is to be: the request to the provider, and the ids of the examples in its files."""

    request: JobRequest
    train_ids: tuple[int, ...]
    validation_ids: tuple[int, ...]
    validation_uploaded: bool
    notes: tuple[str, ...] = field(default=())


def identify(
    provider: str,
    model: str,
    kind: str,
    training: bytes,
    validation: bytes,
    hyperparameters: Mapping[str, Any],
    again: int = 0,
) -> str:
    """Return the hex SHA-256 of what makes a run what it is; `again` tells forced repeats apart."""
    parts = {
        "provider": provider,
        "model": model,
        "kind": kind,
        "training": hashlib.sha256(training).hexdigest(),
        "validation": hashlib.sha256(validation).hexdigest(),
        "hyperparameters": dict(hyperparameters),
        "again": again,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def fields_of(provider: str, plan: Plan, job: Job) -> dict[str, Any]:
    """Return the fields of a run that was just started."""
    request = plan.request
    training = request.training_file.read_bytes()
    validation = request.validation_file.read_bytes() if request.validation_file else b""
    ours = {
        "identity": request.identity,
        "baseModel": request.model,
        "kind": request.kind,
        "requested": {to_camel(name): value for name, value in request.hyperparameters.items()},
        "files": {
            path.name: _file_facts(data)
            for path, data in ((request.training_file, training), (request.validation_file, validation))
            if path is not None
        },
        "trainIds": ranges(plan.train_ids),
        "validationIds": ranges(plan.validation_ids),
        "validationUploaded": plan.validation_uploaded,
        **job_facts(job),
    }
    fields: dict[str, Any] = {
        "job_id": job.id,
        "provider": provider,
        "started_at": job.created_at or now(),
        "status": job.status,
        "hyperparameters": _shown(request.hyperparameters, job, len(plan.train_ids)),
        "aitelier_nb": ours,
    }
    if job.status == "completed" and job.model_id:
        fields["model_id"] = job.model_id
    return fields


def _file_facts(data: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    return {"sha256": digest, "bytes": len(data), "examples": data.count(b"\n")}


def _shown(requested: Mapping[str, Any], job: Job, examples: int) -> dict[str, Any]:
    """Return the hyperparameters for the project file: as asked for, else as the provider echoes them."""
    values = {**{name: job.hyperparameters.get(name) for name in SHOWN}, **requested}
    steps, batch = values.get("max_steps"), values.get("batch_size")
    if values.get("epochs") is None and isinstance(steps, int) and isinstance(batch, int) and examples:
        values["epochs"] = round(steps * batch / examples, 2)
    return {to_camel(name): value for name, value in values.items() if value is not None}


def job_facts(job: Job) -> dict[str, Any]:
    """Return what a job tells of itself, without what it leaves open."""
    facts = {
        "resolved": {to_camel(name): value for name, value in job.hyperparameters.items()},
        "callable": job.callable,
        "error": job.error,
        "finishedAt": job.finished_at,
        "providerStatus": job.provider_status or None,
    }
    return {name: value for name, value in facts.items() if value not in (None, {})}


def ranges(ids: Iterable[int]) -> str:
    """Return ids in order as text with runs joined: "1-128,131"."""
    parts: list[list[int]] = []
    for number in sorted(ids):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def ids_of(text: str) -> list[int]:
    """Return the ids that `ranges` wrote."""
    ids: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        ids += range(int(first), int(last or first) + 1)
    return ids
