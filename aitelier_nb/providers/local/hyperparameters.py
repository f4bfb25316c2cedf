"""What a local run can be told, what holds when nothing is said, and what is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aitelier_nb.errors import UsageError

__all__ = ["LEAST_STEPS", "Hyperparameters", "resolve"]

DEFAULTS: dict[str, dict[str, Any]] = {"chat": {}, "preference": {"learning_rate": 2e-4}}
LEAST_STEPS = 90  # fewer teach nothing at the default learning rate


class Hyperparameters(BaseModel):
    """All that a local run depends on beside its files and its base model.

    `epochs` None means: as many as give about 90 steps, or `max_steps`. `lora_trainable_modules` are
    names with commas between them. `micro_batch_size` is how much of a batch
    is computed at once; it changes memory, not the result's meaning. `max_length` counts tokens.
    `early_stopping` watches a tenth that is cut from the training examples. `workers`
    counts processes on each of `nodes` machines, which meet at `rendezvous` ("host:port"). `on` is
    the Ray cluster that trains ("ray://host:port"); None is this machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: float | None = Field(default=None, gt=0, le=1000)
    max_steps: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=4, ge=1, le=4096)
    micro_batch_size: int | None = Field(default=None, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0, le=1)
    warmup_ratio: float = Field(default=0.05, ge=0, le=1)
    max_grad_norm: float = Field(default=1.0, gt=0)
    lora_r: int = Field(default=8, ge=1, le=1024)
    lora_alpha: float = Field(default=16, gt=0)
    lora_dropout: float = Field(default=0, ge=0, lt=1)
    lora_trainable_modules: str = "all-linear"
    weight_decay: float = Field(default=0, ge=0)
    scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    max_length: int = Field(default=512, ge=8)
    seed: int = Field(default=0, ge=0, lt=2**32)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    early_stopping: bool = False
    dpo_beta: float = Field(default=0.1, gt=0)
    workers: int = Field(default=1, ge=1, le=1024)
    nodes: int = Field(default=1, ge=1, le=1024)
    rendezvous: str | None = None
    on: str | None = Field(default=None, pattern=r"^ray://[^/\s]+:\d+$")

    def steps(self, examples: int) -> int:
        """Return how many steps a run over so many examples takes: its epochs, or `max_steps` if fewer."""
        if self.epochs is None and self.max_steps is not None:
            return self.max_steps
        whole = math.ceil(math.ceil(examples / self.batch_size) * (self.epochs or 1))
        return max(1, min(whole, self.max_steps or whole))


def resolve(asked: Mapping[str, Any], examples: int, kind: str = "chat") -> Hyperparameters:
    """Return every hyperparameter with its value, defaults filled in for a number of examples.

    Preference pairs (DPO) default to a fifth of the learning rate of conversations.

    Raises
    ------
    UsageError
        A name that there is not, or a value out of range.
    """
    try:
        given = Hyperparameters.model_validate({**DEFAULTS[kind], **asked})
    except ValidationError as error:
        raise _refusal(error) from error
    if given.nodes > 1 and not given.rendezvous:
        raise UsageError(
            f"{given.nodes} nodes need a place to meet", hint="rendezvous='HOST:PORT' of one of them"
        )
    if given.on and given.nodes > 1:
        raise UsageError("a run on Ray takes the workers of one machine", hint="give workers, and no nodes")
    if given.epochs is not None or given.max_steps is not None:
        return given
    per_epoch = math.ceil(examples / given.batch_size)
    return given.model_copy(update={"epochs": float(max(1, math.ceil(LEAST_STEPS / max(1, per_epoch))))})


def _refusal(error: ValidationError) -> UsageError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][:1])
    if first["type"] == "extra_forbidden":
        known = ", ".join(sorted(Hyperparameters.model_fields))
        return UsageError(f"the local provider knows no hyperparameter {name!r}", hint=f"one of {known}")
    reason = first["msg"].removeprefix("Input ")
    return UsageError(
        f"{name} = {first.get('input')!r} will not do: it {reason}", hint=f"choose another {name}"
    )
