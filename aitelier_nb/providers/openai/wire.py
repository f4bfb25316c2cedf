"""OpenAI's dialect: our hyperparameters to its fields and back, its job to ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aitelier_nb.errors import UsageError
from aitelier_nb.providers.base import Checkpoint, JobRequest
from aitelier_nb.providers.shapes import WORD, echoed, job_in, name_in, read_from
from aitelier_nb.providers.wholes import with_whole_counts
from aitelier_nb.redaction import quoted
from aitelier_nb.schema import Event, Job, Status

__all__ = [
    "LIMITS",
    "RUN_KEY",
    "STATUSES",
    "checkpoint_of",
    "event_of",
    "hyperparameters_of",
    "job_of",
    "request_body",
]

STATUSES: dict[str, Status] = {
    "validating_files": "pending",
    "queued": "pending",
    "running": "running",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""Its words and ours. A word that is not here (a paused job has one) is taken as running."""

RUN_KEY = "aitelier_run"
"""The key of a job's metadata that holds our run's identity, by which a lost job is found."""

METHOD = {
    "epochs": "n_epochs",
    "batch_size": "batch_size",
    "learning_rate_multiplier": "learning_rate_multiplier",
}
LIMITS: dict[str, tuple[float, float]] = {
    "epochs": (1, 50),
    "batch_size": (1, 256),
    "learning_rate_multiplier": (1e-9, 1000),
    "dpo_beta": (1e-9, 2),
}
TAKES = ("batch_size", "dpo_beta", "epochs", "learning_rate_multiplier", "seed")
MESSAGE = 500  # characters of one line of a log
SUFFIX = 64
REMEDIES = {
    "learning_rate": "set learning_rate_multiplier, which scales the service's own rate",
    "lora_r": "leave it out: the service does not say how it adapts a model",
    "n_evals": "leave it out: the service evaluates on the validation file by itself",
}


def request_body(request: JobRequest, training_file: str, validation_file: str | None) -> dict[str, Any]:
    """Return the body that creates a job: what was set, the method, and the run's identity.

    Raises
    ------
    UsageError
        A hyperparameter that this service does not take, or not in this form.
    """
    wanted = with_whole_counts(request.hyperparameters, "openai")
    _refuse(request)
    method = {METHOD[name]: wanted[name] for name in METHOD if name in wanted}
    if request.kind == "preference":
        beta = {"beta": wanted["dpo_beta"]} if "dpo_beta" in wanted else {}
        how = {"type": "dpo", "dpo": {"hyperparameters": method | beta}}
    else:
        how = {"type": "supervised", "supervised": {"hyperparameters": method}}
    body: dict[str, Any] = {
        "model": request.model,
        "training_file": training_file,
        "method": how,
        "metadata": {RUN_KEY: request.identity},
    }
    rest = {"validation_file": validation_file, "suffix": request.suffix, "seed": wanted.get("seed")}
    return body | {name: value for name, value in rest.items() if value is not None}


def _refuse(request: JobRequest) -> None:
    wanted = request.hyperparameters
    for name in sorted(set(wanted) - set(TAKES) - {"n_evals"}):
        hint = REMEDIES.get(name, f"it takes {', '.join(TAKES)}")
        raise UsageError(f"openai takes no {name}", hint=hint)
    if wanted.get("batch_size") == "max":
        raise UsageError(
            'openai takes no batch_size="max"', hint="a whole number from 1 to 256, or leave it out"
        )
    if "dpo_beta" in wanted and request.kind != "preference":
        raise UsageError("dpo_beta is for preference training", hint='use kind="preference"')
    if request.suffix is not None and not 0 < len(request.suffix) <= SUFFIX:
        raise UsageError(
            f"a suffix of {len(request.suffix)} characters cannot be", hint=f"1 to {SUFFIX} characters"
        )
    for name, (low, high) in LIMITS.items():
        value = wanted.get(name)
        if isinstance(value, (int, float)) and not low <= value <= high:
            raise UsageError(f"openai does not take {name}={value}", hint=f"from {low:g} to {high:g}")


def hyperparameters_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters that a job echoes, by our names."""
    method = data.get("method") or {}
    inner = (method.get(str(method.get("type"))) or {}).get("hyperparameters") or {}
    told = {**(data.get("hyperparameters") or {}), **inner}
    found = {ours: told[wire] for ours, wire in METHOD.items() if told.get(wire) is not None}
    if told.get("beta") is not None:
        found["dpo_beta"] = told["beta"]
    if data.get("seed") is not None:
        found["seed"] = data["seed"]
    return echoed(found)


@read_from("openai")
def job_of(data: Any) -> Job:
    """Return the job in a response.

    Raises
    ------
    ResponseError
        The response is no job.
    """
    data = job_in(data, "openai")
    word = quoted(data["status"], WORD).lower()
    status: Status = STATUSES.get(word, "running")
    error = data.get("error") or {}
    ends = data.get("estimated_finish")
    left = ends - datetime.now(UTC).timestamp() if ends and status in ("pending", "running") else None
    told = {
        "id": data["id"],
        "status": status,
        "provider_status": word,
        "model_id": name_in(data.get("fine_tuned_model"), "openai") if status == "completed" else None,
        "callable": True if status == "completed" else None,
        "error": quoted(error.get("message") or error.get("code") or word) if status == "failed" else None,
        "seconds_left": max(0.0, left) if left is not None else None,
        "hyperparameters": hyperparameters_of(data),
        "created_at": _time(data.get("created_at")),
        "finished_at": _time(data.get("finished_at")),
    }
    return Job.model_validate(
        told | ({"tokens": data["trained_tokens"]} if data.get("trained_tokens") else {})
    )


@read_from("openai")
def event_of(data: Mapping[str, Any]) -> Event:
    """Return one line of the log; one of type "metrics" carries step and losses."""
    metrics = data.get("data") or {}
    told = {
        "at": _time(data.get("created_at")) or "",
        "kind": quoted(data.get("type") or "message", WORD),
        "message": quoted(data.get("message", ""), MESSAGE),
        "step": metrics.get("step"),
        "total_steps": metrics.get("total_steps"),
        "loss": metrics.get("train_loss"),
        "validation_loss": metrics.get("full_valid_loss", metrics.get("valid_loss")),
        "level": quoted(data.get("level") or "info", WORD),
    }
    return Event.model_validate(told)


@read_from("openai")
def checkpoint_of(data: Mapping[str, Any]) -> Checkpoint:
    """Return a checkpoint: its model's name, its step and its losses."""
    metrics = data.get("metrics") or {}
    return Checkpoint(
        step=data.get("step_number"),
        name=name_in(data.get("fine_tuned_model_checkpoint"), "openai") or "",
        loss=metrics.get("train_loss"),
        validation_loss=metrics.get("full_valid_loss", metrics.get("valid_loss")),
        at=_time(data.get("created_at")),
    )


def run_of(data: Mapping[str, Any]) -> Any:
    """Return the identity of the run that a job was started for, where it is one of ours."""
    metadata = data.get("metadata")
    return metadata.get(RUN_KEY) if isinstance(metadata, dict) else None


def _time(seconds: Any) -> str | None:
    if not isinstance(seconds, (int, float)):
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
