"""The system prompt that a row keeps beside its turns, under whatever name and in whatever shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aitelier_nb.formats.conversations import Refused, kind_of

__all__ = ["NAMES", "before", "turn_of"]

NAMES = (
    "system", "system_prompt", "systemPrompt", "systemInstruction", "system_instruction", "system_message",
    "meta_instruction",
)  # fmt: skip
KNOWN = frozenset(NAMES)
LEADING = ("system", "developer")


def turn_of(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the system prompt of a row as a turn, or no turn."""
    if KNOWN.isdisjoint(row):
        return []
    given = next((row[name] for name in NAMES if row.get(name)), None)
    if given is None:
        return []
    text = _text(given)
    if text is None:
        raise Refused(f"system is {kind_of(given)}, not text", "write it as text")
    return [{"role": "system", "content": text}] if text.strip() else []


def before(messages: list[dict[str, Any]], row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the turns with the row's system prompt before them, where they do not begin with one."""
    if not messages or messages[0].get("role") in LEADING:
        return messages
    return [*turn_of(row), *messages]


def _text(given: object) -> str | None:
    """Return a text, {"parts": […]} or a list of {"text": …} as one text; None for anything else."""
    if isinstance(given, str):
        return given
    if isinstance(given, dict):
        inside = next((given[name] for name in ("parts", "text", "content") if name in given), None)
        return None if isinstance(inside, dict) else _text(inside)
    if not isinstance(given, list):
        return None
    texts = [part.get("text") if isinstance(part, dict) else part for part in given]
    found = [text for text in texts if isinstance(text, str)]
    return "\n".join(found) if len(found) == len(texts) else None
