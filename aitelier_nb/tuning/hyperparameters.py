"""The hyperparameters of a run, by our names: what each means, its type and its limits.

Provider dialects stop at the provider's module; a value outside the limits is refused before
anything is sent.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aitelier_nb.errors import UsageError

__all__ = ["HYPERPARAMETERS", "Hyperparameter", "checked"]


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter: its type, its limits (both ends allowed), what it is."""

    type: type
    low: float
    high: float
    help: str
    words: tuple[str, ...] = ()


MANY = 1_000_000
HYPERPARAMETERS: dict[str, Hyperparameter] = {
    "epochs": Hyperparameter(float, 0.01, 1000, "how often each example is seen"),
    "batch_size": Hyperparameter(
        int, 1, 4096, 'examples a step; "max" where the provider knows it', ("max",)
    ),
    "learning_rate": Hyperparameter(float, 1e-9, 1.0, "the largest step size of the schedule"),
    "lora_r": Hyperparameter(int, 1, 1024, "rank of the adapter"),
    "lora_alpha": Hyperparameter(float, 1e-3, 4096, "scale of the adapter (lora_alpha / lora_r)"),
    "lora_dropout": Hyperparameter(float, 0, 0.99, "share of the adapter's inputs dropped in training"),
    "lora_trainable_modules": Hyperparameter(str, 0, 0, "which layers get an adapter"),
    "max_steps": Hyperparameter(int, 1, MANY, "stop after so many steps"),
    "max_length": Hyperparameter(int, 8, MANY, "tokens of an example that are used"),
    "seed": Hyperparameter(int, 0, 2**31 - 1, "of order, dropout and initial weights"),
    "warmup_ratio": Hyperparameter(float, 0, 1, "share of the steps in which the step size rises"),
    "scheduler": Hyperparameter(str, 0, 0, "how the step size falls", ("cosine", "linear", "constant")),
    "weight_decay": Hyperparameter(float, 0, 10, "how strongly weights are pulled to zero"),
    "max_grad_norm": Hyperparameter(float, 0, 1000, "longest gradient; longer ones are clipped"),
    "n_checkpoints": Hyperparameter(int, 1, 1000, "checkpoints that are kept"),
    "n_evals": Hyperparameter(int, 0, 1000, "evaluations on the provider's side while training"),
    "train_on_inputs": Hyperparameter(
        str, 0, 0, "whether user turns are learnt too", ("auto", "true", "false")
    ),
    "early_stopping": Hyperparameter(bool, 0, 1, "stop when a part cut from train gets no better"),
    "packing": Hyperparameter(bool, 0, 1, "put short examples together"),
    "from_checkpoint": Hyperparameter(str, 0, 0, "the job or checkpoint to go on from"),
    "training_type": Hyperparameter(str, 0, 0, "adapter or all weights", ("lora", "full")),
    "dpo_beta": Hyperparameter(float, 1e-4, 10, "how far preference training may leave the base model"),
    "learning_rate_multiplier": Hyperparameter(
        float, 1e-9, 1000, "scales the rate that OpenAI chooses itself"
    ),
    "gradient_accumulation_steps": Hyperparameter(int, 1, 4096, "batches that make one step"),
    "early_stopping_patience": Hyperparameter(int, 1, 1000, "evaluations without gain that are borne"),
    "early_stopping_min_delta": Hyperparameter(float, 0, 100, "the loss must fall by more than this"),
    "early_stopping_warmup_evals": Hyperparameter(int, 0, 1000, "evaluations that do not count yet"),
    "min_lr_ratio": Hyperparameter(float, 0, 1, "where the schedule ends, as a share of learning_rate"),
    "num_cycles": Hyperparameter(float, 0, 1000, "cycles of a cosine schedule"),
    "rpo_alpha": Hyperparameter(float, 0, 100, "weight of the preferred answer's own loss (Together)"),
    "simpo_gamma": Hyperparameter(float, 0, 100, "margin between the two answers (Together)"),
    "workers": Hyperparameter(int, 1, 1024, "processes that train side by side on a machine"),
    "nodes": Hyperparameter(int, 1, 1024, "machines that train together"),
    "rendezvous": Hyperparameter(str, 0, 0, "where the machines meet: HOST:PORT of one of them"),
    "on": Hyperparameter(str, 0, 0, "the Ray cluster that trains: ray://HOST:PORT"),
    "micro_batch_size": Hyperparameter(int, 1, 4096, "examples computed at once; changes memory only"),
    "precision": Hyperparameter(str, 0, 0, "of the arithmetic", ("auto", "fp32", "bf16")),
}


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters, sorted by name, each of the right type and within its limits.

    Raises
    ------
    UsageError
        A name that does not exist (the near one is suggested), or a value out of limits.
    """
    return {name: _checked(name, value) for name, value in sorted(values.items())}


def _checked(name: str, value: Any) -> Any:
    known = HYPERPARAMETERS.get(name)
    if known is None:
        near = difflib.get_close_matches(name, HYPERPARAMETERS, n=1)
        raise UsageError(
            f"there is no hyperparameter {name!r}",
            hint=f"did you mean {near[0]}?" if near else f"one of {', '.join(sorted(HYPERPARAMETERS))}",
        )
    if isinstance(value, str) and (value in known.words or (known.type is str and not known.words)):
        return value
    if known.type is bool and isinstance(value, bool):
        return value
    if known.type in (int, float) and not isinstance(value, (bool, str)):
        number = float(value)
        whole = known.type is float or number.is_integer()
        if math.isfinite(number) and whole and known.low <= number <= known.high:
            return int(number) if number.is_integer() else number  # 2 and 2.0 are one run
    raise UsageError(f"{name}={value!r} cannot be", hint=f"{name} is {known.help}: {_limits(known)}")


def _limits(known: Hyperparameter) -> str:
    words = " or ".join(known.words)
    if known.type is bool:
        return "True or False"
    if known.type is str:
        return words or "text"
    kind = "a whole number" if known.type is int else "a number"
    return f"{kind} from {known.low:g} to {known.high:g}" + (f", or {words}" if words else "")
