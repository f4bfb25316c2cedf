"""Counts go over the wire as whole numbers: 3 epochs, never 3.0, and no half ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aitelier_nb.errors import UsageError

__all__ = ["with_whole_counts"]

COUNTS = frozenset({
    "batch_size",
    "early_stopping_patience",
    "early_stopping_warmup_evals",
    "epochs",
    "gradient_accumulation_steps",
    "lora_r",
    "max_length",
    "n_checkpoints",
    "n_evals",
    "seed",
})  # fmt: skip


def with_whole_counts(wanted: Mapping[str, Any], provider: str) -> dict[str, Any]:
    """Return the hyperparameters with every count as an int.

    Raises
    ------
    UsageError
        A count is no whole number; on this machine half an epoch can be trained, there it cannot.
    """
    return {
        name: _whole(name, value, provider) if name in COUNTS else value for name, value in wanted.items()
    }


def _whole(name: str, value: Any, provider: str) -> Any:
    if not isinstance(value, float):
        return value
    if not value.is_integer():
        raise UsageError(f"{provider} takes no {name}={value:g}", hint="a whole number")
    return int(value)
