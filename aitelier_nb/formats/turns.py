"""Whole conversations under their many names: their turns brought into our shape."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from aitelier_nb.formats import blocks, calls, pairs, templates
from aitelier_nb.formats.conversations import Refused, messages_of

__all__ = ["NAMES", "completed", "have_authors", "is_spoken", "mended", "of_row"]

Row = Mapping[str, Any]

TAKEN = frozenset(
    {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal"}
    | {"reasoning_content", "reasoning", "thinking"}
)
NAMES = (
    "conversations", "conversation", "dialogue", "dialog", "turns", "chat", "items", "contents",
    "chat_messages", "segments",
)  # fmt: skip


def of_row(row: Row, told: Counter[str]) -> list[dict[str, Any]]:
    """Return the turns of a row that keeps them under one of the names."""
    name = next((name for name in NAMES if name in row), "data")
    given = _segments(row[name]) if name == "segments" else row[name]
    if name == "turns" and isinstance(given, list) and all(isinstance(turn, str) for turn in given):
        raise Refused("turns are texts that do not say who speaks", "give each turn role and content")
    if name == "chat_messages" and isinstance(given, list):  # Claude's export has each text twice
        given = [_bare(turn) for turn in given]
    return _paired(given) or _bared(mended(given, told), told)


def _bared(turns: list[dict[str, Any]], told: Counter[str]) -> list[dict[str, Any]]:
    """Return turns without what only their source knew of them, such as a language or a time."""
    if all(map(TAKEN.issuperset, turns)):
        return turns
    left = sorted({str(name) for turn in turns for name in turn if name not in TAKEN})
    told[f"keys of turns that have no place in a message were left out: {', '.join(left):.200}"] += 1
    return [{name: value for name, value in turn.items() if name in TAKEN} for turn in turns]


def have_authors(turns: object) -> bool:
    """Return whether turns name their speakers as the first chat models of Vertex did."""
    return isinstance(turns, list) and any(isinstance(turn, dict) and "author" in turn for turn in turns)


def is_spoken(row: Row) -> bool:
    """Return whether a row holds UltraChat's turns: texts without speakers."""
    data = row.get("data")
    return isinstance(data, list) and len(data) > 1 and all(isinstance(text, str) for text in data)


def completed(messages: list[dict[str, Any]], row: Row) -> list[dict[str, Any]]:
    """Return turns that end with the answer, where a row keeps it beside them."""
    if not messages or messages[-1]["role"] == "assistant":
        return messages
    name = next((name for name in pairs.ANSWERS if row.get(name)), None)
    answer = row[name] if name else None
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        answer = choices[0].get("message")
    if isinstance(answer, str):
        return [*messages, {"role": "assistant", "content": answer}]
    return [*messages, answer] if isinstance(answer, dict) and answer.get("role") == "assistant" else messages


def mended(turns: Any, told: Counter[str]) -> list[dict[str, Any]]:
    """Return turns in our shape: JSON in a cell read, roles renamed, empty system prompts left out."""
    if isinstance(turns, str):
        turns = _json_cell(turns)
    if turns == []:
        return []
    if isinstance(turns, list):
        kinds = set(map(type, turns))
        if kinds == {str}:
            turns = _spoken_in_turn(turns, told)
        elif kinds == {dict} and any(type(turn.get("content")) is list for turn in turns):
            turns = blocks.unfolded(turns, told)
    messages = calls.identified(calls.linked(messages_of(turns, "user")))
    said = [turn for turn in messages if turn["role"] != "system" or turn.get("content") not in ("", None)]
    if len(said) < len(messages):
        told["empty system prompts were left out"] += 1
    return said


def _spoken_in_turn(turns: list[Any], told: Counter[str]) -> list[Any]:
    """Return texts without speakers, of which there are several, as user and assistant in turn."""
    if len(turns) < 2:  # noqa: PLR2004 - two who speak
        return turns
    told["turns without speakers were read as user and assistant in turn"] += 1
    return [
        {"role": "assistant" if place % 2 else "user", "content": text} for place, text in enumerate(turns)
    ]


def _json_cell(text: str) -> Any:
    """Return the turns in a cell: JSON, or what Python prints of a list, as pandas writes it into a table."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        try:
            return _literal(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise Refused(
                f"the turns are a text that is no JSON: {error}", "write them as a JSON list"
            ) from error


def _literal(text: str) -> Any:
    if not text.startswith("[{'"):
        raise ValueError
    return ast.literal_eval(text)


def _segments(turns: Any) -> Any:
    """Return Axolotl's segments, which say whether to learn them, as turns; the marks of ends left out."""
    if not isinstance(turns, list) or not all(_is_segment(one) for one in turns):
        return turns
    found: list[dict[str, Any]] = []
    for one in turns:
        role, text = ("assistant" if one["label"] else "user"), one["text"]
        if found and found[-1]["role"] == role:
            found[-1]["content"] += text
        else:
            found.append({"role": role, "content": text})
    return [{**turn, "content": templates.bare(turn["content"])} for turn in found]


def _is_segment(one: object) -> bool:
    return isinstance(one, dict) and "label" in one and isinstance(one.get("text"), str)


def _paired(turns: object) -> list[dict[str, Any]] | None:
    """Return turns that come as pairs ({"human": …, "assistant": …}) one after the other, or None."""
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        return None
    names = [pairs.pair_names(turn) for turn in turns]
    if any(
        found is None or "role" in turn or "from" in turn for found, turn in zip(names, turns, strict=True)
    ):
        return None
    return [
        {"role": role, "content": turn[name]}
        for turn, found in zip(turns, names, strict=True)
        for role, name in zip(("user", "assistant"), found or (), strict=True)
    ]


def _bare(turn: Any) -> Any:
    """Return a turn of Claude's export: who says what, without its blocks and attachments."""
    if not isinstance(turn, dict) or "sender" not in turn:
        return turn
    return {"sender": turn["sender"], "text": turn.get("text")}
