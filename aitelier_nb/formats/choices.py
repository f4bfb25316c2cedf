"""Rows that hold a better and a worse answer, or one answer and a thumb: preference and KTO data.

The better answer becomes the target; the worse one, or the thumb, stays with the example as its source.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from aitelier_nb.formats import pairs, systems, templates
from aitelier_nb.formats.conversations import Refused, kind_of, messages_of, usable

__all__ = ["from_label", "from_preference", "has_label", "has_preference"]

Row = Mapping[str, Any]
Turn = dict[str, Any]

SIDES = (
    ("preferred_output", "non_preferred_output"),
    ("chosen", "rejected"),
    ("response_j", "response_k"),
    ("chosen_response", "rejected_response"),
)
PROMPTS = ("prompt", "messages", "conversations", "question", "query", "instruction", "input")
LABELS = ("label", "kto_tag")


def has_preference(row: Row) -> bool:
    """Return whether a row holds two answers of which one is the better."""
    if any(better in row and worse in row for better, worse in SIDES):
        return True
    return "messages" in row and ("rejected_response" in row or "rejected_messages" in row)


def has_label(row: Row) -> bool:
    """Return whether a row holds an answer with a thumb."""
    return any(name in row for name in LABELS) and any(
        name in row for name in ("completion", "messages", "conversations", "response", "output")
    )


def from_preference(row: Row, told: Counter[str]) -> tuple[list[Turn], dict[str, Any]]:
    """Return the turns with the better answer last, and what is kept beside them: worse answer, tools."""
    sides = next(((better, worse) for better, worse in SIDES if better in row and worse in row), None)
    if sides is None:
        return _from_swift(row)
    asked = _asked(row, told)
    better, before = _answer(row[sides[0]], asked, sides[0])
    worse, other = _answer(row[sides[1]], asked, sides[1])
    prompt = asked or before
    if not asked and before != other:
        raise Refused(f"{sides[0]} and {sides[1]} do not begin with the same turns", "give a prompt")
    if not prompt:
        raise Refused("there is no prompt before the answers", "add the question as prompt")
    kept = {"source": {"format": "preference", "rejected": _short(worse)}}
    tools = row["input"].get("tools") if isinstance(row.get("input"), dict) else row.get("tools")
    return usable([*prompt, better]), {**kept, **({"tools": tools} if tools else {})}


def _from_swift(row: Row) -> tuple[list[Turn], dict[str, Any]]:
    """Return a row whose messages end with the better answer, with the worse one beside them."""
    messages = usable(messages_of(row.get("messages"), "user"))
    worse = row.get("rejected_response", row.get("rejected_messages"))
    rejected, _ = _answer(worse, messages[:-1], "rejected")
    return messages, {"source": {"format": "preference", "rejected": _short(rejected)}}


def from_label(row: Row, told: Counter[str]) -> tuple[list[Turn], dict[str, Any]]:
    """Return the turns of a KTO row, and its thumb as the example's source."""
    label = next(row[name] for name in LABELS if name in row)
    label = {"true": True, "false": False, 1: True, 0: False}.get(
        label if label in (0, 1) else str(label).lower()
    )
    if label is None:
        raise Refused("the label is neither true nor false", "write true or false")
    told["thumbs were kept as the example's source; they are no ratings"] += 1
    source = {"source": {"format": "kto", "label": label}}
    for name in ("messages", "conversations"):
        if name in row:
            return usable(messages_of(row[name], "user")), source
    names = pairs.pair_names({name: value for name, value in row.items() if name not in LABELS})
    if names is None:
        raise Refused("there is no prompt before the answer", "add the question as prompt")
    return pairs.from_pair(row, *names, told), source


def _asked(row: Row, told: Counter[str]) -> list[Turn]:
    """Return the turns before both answers; none when the answers hold them."""
    name = next((name for name in PROMPTS if row.get(name)), None)
    if name is None:
        return []
    value = row[name]
    if isinstance(value, dict):
        value = value.get("messages")
    if isinstance(value, list):
        return [*systems.turn_of(row), *messages_of(value, "user")]
    if not isinstance(value, str):
        raise Refused(f"{name} is {kind_of(value)}, not text", "give a text or a list of turns")
    turns = templates.spoken(value)
    if turns is None and name == "instruction" and row.get("input"):
        value = f"{value}\n\n{row['input']}"
        told["instruction and input were joined"] += 1
    return [*systems.turn_of(row), *(turns or [{"role": "user", "content": value}])]


def _answer(value: Any, asked: list[Turn], name: str) -> tuple[Turn, list[Turn]]:
    """Return an answer as a turn, and the turns that stood before it."""
    if isinstance(value, str):
        turns = templates.spoken(value) or [{"role": "assistant", "content": value}]
    else:
        if not isinstance(value, (dict, list)):
            raise Refused(f"{name} is {kind_of(value)}, not an answer", "give a text or a list of turns")
        turns = messages_of([value] if isinstance(value, dict) else value, "assistant")
    if turns[: len(asked)] == asked:
        turns = turns[len(asked) :]
    if not turns or turns[-1].get("role") != "assistant":
        raise Refused(f"{name} does not end with an assistant turn", "give the answer")
    if asked and len(turns) > 1:
        raise Refused(f"{name} holds {len(turns)} turns beside the prompt", "give the last answer alone")
    if isinstance(turns[-1].get("content"), str) and not turns[-1]["content"].strip():
        raise Refused(f"{name} is empty", "write the answer, or leave the row out")
    return turns[-1], turns[:-1]


def _short(turn: Turn) -> Any:
    return turn["content"] if set(turn) <= {"role", "content"} else turn
