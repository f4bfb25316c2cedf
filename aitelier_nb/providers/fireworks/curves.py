"""The loss curve of a Fireworks job, out of the file of metrics that the service signs an address for.

The service does not document the file's fields, so a line counts when it names a step and a loss.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from aitelier_nb.providers.shapes import read_from
from aitelier_nb.schema import Event

__all__ = ["events_in"]

STEPS = ("step", "global_step", "train/step", "train_step", "train/global_step")
LOSSES = ("loss", "train_loss", "train/loss")
VALIDATION = ("eval_loss", "eval/loss", "validation_loss", "validation/loss", "val_loss")


@read_from("fireworks")
def events_in(content: bytes) -> list[Event]:
    """Return the curve in a file of JSON lines, or in one JSON document, as events of kind "metrics"."""
    found = [_event(row) for row in _rows(content)]
    return [event for event in found if event is not None]


def _rows(content: bytes) -> Iterator[Mapping[str, Any]]:
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        whole = [_parsed(line) for line in content.splitlines()]
    rows = whole.get("metrics", [whole]) if isinstance(whole, dict) else whole
    yield from (row for row in rows if isinstance(row, dict))


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _event(row: Mapping[str, Any]) -> Event | None:
    step, loss, validation = (_number(row, names) for names in (STEPS, LOSSES, VALIDATION))
    if step is None or (loss is None and validation is None):
        return None
    return Event(kind="metrics", step=int(step), loss=loss, validation_loss=validation)


def _number(row: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    values = (row.get(name) for name in names)
    return next((float(one) for one in values if isinstance(one, (int, float))), None)
