"""Fireworks' dialect: our hyperparameters to its fields and back, its job to ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aitelier_nb.errors import ResponseError, UsageError
from aitelier_nb.providers.base import JobRequest
from aitelier_nb.providers.shapes import WORD, echoed, id_in, name_in, read_from, time_in
from aitelier_nb.providers.wholes import with_whole_counts
from aitelier_nb.redaction import quoted
from aitelier_nb.schema import Job, Status

__all__ = ["COLLECTIONS", "STATUSES", "collection_of", "job_id_of", "job_of", "request_body"]

STATUSES: dict[str, Status] = {
    "unspecified": "pending",
    "creating": "pending",
    "pending": "pending",
    "validating": "pending",
    "running": "running",
    "rollout": "running",
    "evaluation": "running",
    "writing_results": "running",
    "completed": "completed",
    "early_stopped": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    "deleting": "cancelled",
}
"""Its words (after JOB_STATE_) and ours. A word that is not here is taken as running."""

COLLECTIONS = {"sft": "supervisedFineTuningJobs", "dpo": "dpoJobs"}
ID_KEYS = {"sft": "supervisedFineTuningJobId", "dpo": "dpoJobId"}
"""The query keys by which a job gets an id of ours, so that creating it twice makes one."""

FIELDS = {
    "epochs": "epochs",
    "batch_size": "batchSize",
    "learning_rate": "learningRate",
    "lora_r": "loraRank",
    "max_length": "maxContextLength",
    "early_stopping": "earlyStop",
    "gradient_accumulation_steps": "gradientAccumulationSteps",
    "weight_decay": "optimizerWeightDecay",
    "from_checkpoint": "warmStartFrom",
}
LARGEST_BETA = 0.5
BATCH = 1024  # below it a batch size counts samples, above it tokens


def job_id_of(request: JobRequest, attempt: int) -> str:
    """Return the id that this run's job gets; a repeat after a failure gets the next one."""
    kind = "dpo" if request.kind == "preference" else "sft"
    again = f"-{attempt}" if attempt > 1 else ""
    return f"ait-{kind}-{request.identity[:24]}{again}"


def collection_of(job_id: str) -> str:
    """Return the collection that a job of ours lies in."""
    return COLLECTIONS["dpo" if job_id.startswith("ait-dpo-") else "sft"]


def request_body(request: JobRequest, account: str, dataset: str, evaluation: str | None) -> dict[str, Any]:
    """Return the body that creates a job: what was set, and nothing else.

    Raises
    ------
    UsageError
        A hyperparameter that this service does not take, or not in this form.
    """
    wanted = with_whole_counts(request.hyperparameters, "fireworks")
    takes = {*FIELDS, "n_evals"} | ({"dpo_beta"} if request.kind == "preference" else set())
    for name in sorted(set(wanted) - takes):
        raise UsageError(f"fireworks takes no {name}", hint=f"it takes {', '.join(sorted(FIELDS))}")
    if wanted.get("batch_size") == "max":
        raise UsageError('fireworks takes no batch_size="max"', hint="a whole number, or leave it out")
    how = {FIELDS[name]: value for name, value in wanted.items() if name in FIELDS}
    if isinstance(how.get("batchSize"), int) and how["batchSize"] < BATCH:
        how["batchSizeSamples"] = how.pop("batchSize")
    if "warmStartFrom" not in how:
        how["baseModel"] = model_name(request.model, "fireworks")
    if request.suffix:
        how["outputModel"] = f"accounts/{account}/models/{request.suffix}-{request.identity[:8]}"
    data = f"accounts/{account}/datasets/"
    if request.kind == "preference":
        return {"dataset": data + dataset, "trainingConfig": how} | _loss(wanted)
    return {"dataset": data + dataset, **how} | (
        {"evaluationDataset": data + evaluation} if evaluation else {}
    )


@read_from("fireworks")
def addresses_in(data: Mapping[str, Any]) -> dict[str, str]:
    """Return where each file of a model lies."""
    found = data.get("filenameToSignedUrls") or {}
    return {str(name): str(address) for name, address in found.items()}


def model_name(model: str, account: str) -> str:
    """Return a model's full name; a short one belongs to the given account."""
    return model if model.startswith("accounts/") else f"accounts/{account}/models/{model}"


def _loss(wanted: Mapping[str, Any]) -> dict[str, Any]:
    beta = wanted.get("dpo_beta")
    if beta is None:
        return {}
    if not 0 < beta < LARGEST_BETA:
        raise UsageError(f"fireworks does not take dpo_beta={beta}", hint=f"below {LARGEST_BETA}")
    return {"lossConfig": {"method": "DPO", "dpo": {"beta": beta}}}


@read_from("fireworks")
def job_of(data: Any) -> Job:
    """Return the job in a response; its model runs only on a deployment.

    Raises
    ------
    ResponseError
        The response is no job.
    """
    if not isinstance(data, dict) or not data.get("name"):
        raise ResponseError("fireworks answered without a job", hint="try again later")
    word = quoted(data.get("state", ""), WORD).removeprefix("JOB_STATE_").lower()
    status: Status = STATUSES.get(word, "running")
    how = data.get("trainingConfig") or data
    progress = data.get("jobProgress") or {}
    found = {name: how[wire] for name, wire in FIELDS.items() if how.get(wire) not in (None, 0, "")}
    if how.get("batchSizeSamples"):
        found["batch_size"] = how["batchSizeSamples"]
    percent = progress.get("percent")
    told = {
        "id": id_in(data["name"], "fireworks").rsplit("/", 1)[-1],
        "status": status,
        "provider_status": word,
        "model_id": name_in(how.get("outputModel"), "fireworks") if status == "completed" else None,
        "callable": False if status == "completed" else None,
        "error": quoted((data.get("status") or {}).get("message") or word) if status == "failed" else None,
        "step": percent,
        "total_steps": 100 if percent is not None else None,
        "hyperparameters": echoed(found),
        "created_at": time_in(data.get("createTime")),
        "finished_at": time_in(data.get("completedTime")),
    }
    cost = data.get("estimatedCost") or {}
    if cost.get("units") or cost.get("nanos"):
        told["price"] = int(cost.get("units") or 0) + int(cost.get("nanos") or 0) / 1e9
    return Job.model_validate(told)
