"""What is known of an OpenAI job before it is paid for: its tokens, and what closes; no made-up price."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from aitelier_nb.providers.base import Estimate, JobRequest

__all__ = ["CLOSES", "estimate", "notices"]

CLOSES = date(2027, 1, 6)
"""From this day on nobody can create a fine-tuning job (the service's page on deprecations)."""

USUAL_EPOCHS = 3
CHARACTERS = 4  # of English text to a token
TURN = 4  # tokens that a turn costs beside its text


def estimate(request: JobRequest, today: date) -> Estimate:
    """Return tokens times epochs, estimated and called so; the service tells no price, so there is none."""
    epochs = request.hyperparameters.get("epochs")
    assumed = "" if epochs else f"{USUAL_EPOCHS} epochs assumed; "
    tokens = _tokens(request.training_file) * int(epochs or USUAL_EPOCHS)
    reason = f"{assumed}tokens estimated from the text's length, OpenAI tells no price through its service"
    return Estimate(price=None, tokens=tokens, reason=reason, notices=notices(today))


def notices(today: date) -> tuple[str, ...]:
    """Return what a person should know before a file is uploaded."""
    if today >= CLOSES:
        return (f"OpenAI closed fine-tuning on {CLOSES}: a new job will most likely be refused",)
    who = "already now only organisations that used a tuned model lately can start a job"
    return (f"OpenAI closes fine-tuning to everyone on {CLOSES}; {who}",)


def _tokens(path: Path) -> int:
    with path.open(encoding="utf-8") as lines:
        return sum(_tokens_of(json.loads(line)) for line in lines if line.strip())


def _tokens_of(value: Any) -> int:
    """Return a rough count of the tokens in all texts of a line."""
    if isinstance(value, str):
        return len(value) // CHARACTERS + 1
    if isinstance(value, dict):
        texts = sum(_tokens_of(inner) for name, inner in value.items() if name not in ("role", "weight"))
        return texts + (TURN if "role" in value else 0)
    return sum(_tokens_of(inner) for inner in value) if isinstance(value, list) else 0
