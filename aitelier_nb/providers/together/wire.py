"""Together's dialect: our hyperparameters to its fields and back, its job to ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from aitelier_nb.errors import UsageError
from aitelier_nb.providers.base import Checkpoint, Estimate, JobRequest
from aitelier_nb.providers.shapes import WORD, echoed, job_in, name_in, read_from, time_in
from aitelier_nb.providers.wholes import with_whole_counts
from aitelier_nb.redaction import quoted
from aitelier_nb.schema import Event, Job, Status

__all__ = [
    "STATUSES",
    "checkpoint_of",
    "estimate_of",
    "event_of",
    "events_of_metrics",
    "hyperparameters_of",
    "job_of",
    "request_body",
]

STATUSES: dict[str, Status] = {
    "pending": "pending",
    "queued": "pending",
    "running": "running",
    "compressing": "running",
    "uploading": "running",
    "cancel_requested": "running",
    "completed": "completed",
    "error": "failed",
    "user_error": "failed",
    "cancelled": "cancelled",
}
"""Its words and ours. A word that is not here is taken as running: an unknown state is no end."""

PLAIN = {
    "epochs": "n_epochs",
    "batch_size": "batch_size",
    "learning_rate": "learning_rate",
    "warmup_ratio": "warmup_ratio",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "seed": "random_seed",
    "n_checkpoints": "n_checkpoints",
    "n_evals": "n_evals",
    "packing": "packing",
    "max_length": "max_seq_length",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "early_stopping": "early_stopping_enabled",
    "early_stopping_patience": "early_stopping_patience",
    "early_stopping_min_delta": "early_stopping_min_delta",
    "early_stopping_warmup_evals": "early_stopping_warmup_evals",
    "from_checkpoint": "from_checkpoint",
}
LORA = ("lora_r", "lora_alpha", "lora_dropout", "lora_trainable_modules")
DPO = {
    "dpo_beta": "dpo_beta",
    "rpo_alpha": "rpo_alpha",
    "simpo_gamma": "simpo_gamma",
    "dpo_normalize_logratios_by_length": "dpo_normalize_logratios_by_length",
    "dpo_reference_free": "dpo_reference_free",
}
SCHEDULE = ("scheduler", "min_lr_ratio", "num_cycles")
MESSAGE = 500  # characters of one line of a log
SUFFIX = 40  # characters of a suffix, by the service's own client
REASONS = {
    "multimodal_dataset": "the service gives no estimate for files with images",
    "train_file_not_validated": "the training file is not validated yet",
    "eval_file_not_validated": "the validation file is not validated yet",
    "train_file_invalid": "the service finds the training file invalid",
    "eval_file_invalid": "the service finds the validation file invalid",
}
TAKES = frozenset({*PLAIN, *LORA, *DPO, *SCHEDULE, "training_type", "train_on_inputs"})


def request_body(
    request: JobRequest, training_file: str, validation_file: str | None, default_rank: int
) -> dict[str, Any]:
    """Return the body that creates a job: what was set, and nothing else.

    Parameters
    ----------
    training_file, validation_file
        Ids of the uploaded files.
    default_rank
        The rank that goes with an alpha or dropout when no rank was set; the service wants both.

    Raises
    ------
    UsageError
        A hyperparameter that this service does not take, or not in this form.
    """
    wanted = with_whole_counts(request.hyperparameters, "together")
    _refuse_unknown(request)
    body: dict[str, Any] = {"training_file": training_file}
    if "from_checkpoint" not in wanted:
        body["model"] = request.model
    if validation_file:
        body["validation_file"] = validation_file
    body |= {PLAIN[name]: value for name, value in wanted.items() if name in PLAIN}
    parts = {
        "training_type": _training_type(wanted, default_rank),
        "training_method": _training_method(wanted, request.kind),
        "lr_scheduler": _schedule(wanted),
        "suffix": request.suffix,
    }
    return body | {name: part for name, part in parts.items() if part}


def _refuse_unknown(request: JobRequest) -> None:
    unknown = sorted(set(request.hyperparameters) - TAKES)
    if unknown:
        raise UsageError(f"together takes no {unknown[0]}", hint=f"it takes {', '.join(sorted(TAKES))}")
    if request.hyperparameters.get("batch_size") == "auto":
        raise UsageError('together takes no batch_size="auto"', hint='a whole number, or "max"')
    if request.suffix is not None and not 0 < len(request.suffix) <= SUFFIX:
        raise UsageError(
            f"a suffix of {len(request.suffix)} characters cannot be", hint=f"1 to {SUFFIX} characters"
        )
    if request.hyperparameters.get("early_stopping") and request.validation_file is None:
        raise UsageError(
            "together's early_stopping needs a validation file",
            hint="set n_evals too, or leave early_stopping out",
        )


def _training_type(wanted: Mapping[str, Any], default_rank: int) -> dict[str, Any] | None:
    lora = {name: wanted[name] for name in LORA if name in wanted}
    if wanted.get("training_type") == "full":
        if lora:
            raise UsageError(
                f"{next(iter(lora))} has no meaning when all weights are trained", hint="leave it out"
            )
        return {"type": "Full"}
    if not lora and wanted.get("training_type") is None:
        return None
    rank = int(lora.get("lora_r", default_rank))
    alpha = lora.get("lora_alpha", 2 * rank)
    if int(alpha) != alpha:
        raise UsageError(f"together takes no lora_alpha of {alpha}", hint="a whole number")
    return {"type": "Lora"} | lora | {"lora_r": rank, "lora_alpha": int(alpha)}


def _training_method(wanted: Mapping[str, Any], kind: str) -> dict[str, Any] | None:
    dpo = {wire: wanted[name] for name, wire in DPO.items() if name in wanted}
    if kind == "preference":
        return {"method": "dpo"} | dpo
    if dpo:
        raise UsageError(f"{next(iter(dpo))} is for preference training", hint='use kind="preference"')
    if "train_on_inputs" not in wanted:
        return None
    learnt = {"true": True, "false": False}.get(str(wanted["train_on_inputs"]).lower(), "auto")
    return {"method": "sft", "train_on_inputs": learnt}


def _schedule(wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    shape = wanted.get("scheduler")
    if shape is None:
        return None
    if shape not in ("linear", "cosine"):
        raise UsageError(f"together takes no scheduler {shape!r}", hint="linear or cosine")
    arguments = {"min_lr_ratio": float(wanted.get("min_lr_ratio", 0.0))}
    if shape == "cosine":
        arguments["num_cycles"] = float(wanted.get("num_cycles", 0.5))
    return {"lr_scheduler_type": shape, "lr_scheduler_args": arguments}


def hyperparameters_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters that a job echoes, by our names."""
    found = {name: data[wire] for name, wire in PLAIN.items() if data.get(wire) not in (None, "")}
    kind = data.get("training_type") or {}
    found |= {name: kind[name] for name in LORA if kind.get(name) is not None}
    if kind.get("type"):
        found["training_type"] = str(kind["type"]).lower()
    method = data.get("training_method") or {}
    found |= {name: method[wire] for name, wire in DPO.items() if method.get(wire) is not None}
    if method.get("train_on_inputs") is not None:
        found["train_on_inputs"] = str(method["train_on_inputs"]).lower()
    schedule = data.get("lr_scheduler") or {}
    if schedule.get("lr_scheduler_type"):
        found["scheduler"] = schedule["lr_scheduler_type"]
    return echoed(found)


@read_from("together")
def job_of(data: Any) -> Job:
    """Return the job in a response.

    The tuned model's name is in the response from the start; it counts only once the job is
    completed. A tuned model is served by nobody until a dedicated endpoint runs it.

    Raises
    ------
    ResponseError
        The response is no job.
    """
    data = job_in(data, "together")
    word = quoted(data["status"], WORD).lower()
    status: Status = STATUSES.get(word, "running")
    ended = status not in get_args(Status)[:2]
    progress = data.get("progress") or {}
    left = progress.get("seconds_remaining") if progress.get("estimate_available") and not ended else None
    return Job(
        id=data["id"],
        status=status,
        provider_status=word,
        model_id=name_in(data.get("model_output_name") or data.get("output_name"), "together")
        if status == "completed"
        else None,
        callable=False if status == "completed" else None,
        error=_failure(data, word) if status == "failed" else None,
        step=_latest_step(data),
        total_steps=data.get("total_steps") or None,
        seconds_left=left,
        hyperparameters=hyperparameters_of(data),
        created_at=time_in(data.get("created_at")),
        finished_at=time_in(data.get("updated_at")) if ended else None,
        **{ours: data[wire] for ours, wire in {"tokens": "token_count"}.items() if data.get(wire)},
    )


@read_from("together")
def estimate_of(told: Mapping[str, Any]) -> Estimate:
    """Return what a job would cost, or why the service does not say."""
    if told.get("estimation_available", "estimated_total_price" in told) is False:
        reason = quoted(told.get("unavailable_reason") or "the service gives no estimate")
        return Estimate(reason=REASONS.get(reason, reason))
    notices = []
    if told.get("allowed_to_proceed") is False:
        notices = [f"the account's limit of ${told.get('user_limit', 0):,.2f} does not allow it"]
    tokens, price = told.get("estimated_train_token_count"), told.get("estimated_total_price")
    return Estimate(
        price=None if price is None else float(price),
        tokens=None if tokens is None else int(tokens),
        notices=tuple(notices),
    )


@read_from("together")
def event_of(data: Mapping[str, Any]) -> Event:
    """Return one line of the log; old and new services spell its kind in capitals or not."""
    told = {
        "at": quoted(data.get("created_at", ""), WORD),
        "kind": quoted(data.get("type", "message"), WORD).lower(),
        "message": quoted(data.get("message", ""), MESSAGE),
        "step": data.get("step") or None,
        "total_steps": data.get("total_steps") or None,
        "level": quoted(data.get("level") or "info", WORD).lower(),
    }
    return Event.model_validate(told)


@read_from("together")
def checkpoint_of(data: Mapping[str, Any], job_id: str) -> Checkpoint:
    """Return a checkpoint; its name says the job and the step."""
    step = data.get("step")
    return Checkpoint(step=step, name=f"{job_id}:{step}", at=time_in(data.get("created_at")))


@read_from("together")
def events_of_metrics(metrics: Sequence[Mapping[str, Any]]) -> list[Event]:
    """Return the loss curve as events of kind "metrics"."""
    return [
        Event(
            kind="metrics",
            step=_whole(metric, "train/global_step", "global_step", "step"),
            loss=_number(metric, "train/loss", "loss"),
            validation_loss=_number(metric, "eval/loss", "eval_loss", "validation/loss"),
        )
        for metric in metrics
    ]


def _failure(data: Mapping[str, Any], word: str) -> str:
    """Return the last thing that a failed job said."""
    for event in reversed(data.get("events") or []):
        if str(event.get("level") or "").lower() == "error" or "error" in str(event.get("type", "")).lower():
            return quoted(event.get("message") or word)
    return {"user_error": "the service says that the data or the settings are at fault"}.get(word, word)


def _latest_step(data: Mapping[str, Any]) -> int | None:
    steps = [event.get("step") for event in data.get("events") or []]
    return max((step for step in steps if isinstance(step, int) and step > 0), default=None)


def _number(metric: Mapping[str, Any], *names: str) -> float | None:
    return next((float(metric[name]) for name in names if metric.get(name) is not None), None)


def _whole(metric: Mapping[str, Any], *names: str) -> int | None:
    number = _number(metric, *names)
    return None if number is None else int(number)
