"""Turns made of typed blocks, as Claude's files have them: calls and results of tools become our turns."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from aitelier_nb.formats.conversations import BLOCKS, Refused, kind_of

__all__ = ["unfolded"]

Turn = dict[str, Any]

THINKING = ("thinking", "redacted_thinking")


def unfolded(turns: list[Any], told: Counter[str]) -> list[Any]:
    """Return the turns; those with blocks for tools as `tool_calls` and turns of the role tool.

    Blocks of nothing but text without a type, as Bedrock has them, become one text.
    """
    return [one for turn in turns for one in (_unfolded(turn, told) if _has_blocks(turn) else [turn])]


def _has_blocks(turn: object) -> bool:
    content = turn.get("content") if isinstance(turn, dict) else None
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        return False
    return any(isinstance(part.get("type"), str) and part["type"] in BLOCKS for part in content) or (
        bool(content) and all(set(part) == {"text"} for part in content)
    )


def _unfolded(turn: Turn, told: Counter[str]) -> list[Turn]:
    calls: list[Turn] = []
    results: list[Turn] = []
    rest: list[Turn] = []
    for part in turn["content"]:
        kind = part.get("type")
        if kind == "tool_use":
            calls.append(_call(part))
        elif kind == "tool_result":
            results.append(_result(part))
        elif kind in THINKING:
            told["notes of the model's thinking were left out"] += 1
        else:
            rest.append(part)
    said = {**turn, "content": _joined(rest)}
    if calls:
        return [*results, {**said, "content": said["content"] or None, "tool_calls": calls}]
    return [*results, said] if rest or not results else results


def _joined(parts: list[Turn]) -> Any:
    """Return parts of nothing but text as one text, others as they are."""
    if any(set(part) - {"type", "text"} or not isinstance(part.get("text"), str) for part in parts):
        return parts
    return "\n\n".join(part["text"] for part in parts)


def _call(part: Turn) -> Turn:
    if not isinstance(part.get("name"), str) or not isinstance(part.get("id"), str):
        raise Refused("a call of a tool has no name or no id", "give both")
    arguments = msgspec.json.encode(part.get("input") or {}).decode()
    return {"id": part["id"], "type": "function", "function": {"name": part["name"], "arguments": arguments}}


def _result(part: Turn) -> Turn:
    content = part.get("content", "")
    if isinstance(content, list) and all(isinstance(inner, dict) for inner in content):
        content = _joined(content)
    if not isinstance(part.get("tool_use_id"), str) or not isinstance(content, str):
        raise Refused(
            f"the result of a tool is {kind_of(content)}, or does not say of which call",
            "give text and tool_use_id",
        )
    return {"role": "tool", "tool_call_id": part["tool_use_id"], "content": content}
