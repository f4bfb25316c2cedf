"""Conversations of ChatGPT's data export: trees of messages, of which one way is the conversation.

That way ends at `current_node`; what was hidden from the user, and other branches, is left out and told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from aitelier_nb.formats.conversations import Refused, kind_of, role_of, usable

__all__ = ["from_export", "is_export"]

Turn = dict[str, Any]

BRANCHES = "branches beside the current one (edited questions, answers made anew) were left out"
HIDDEN = "messages that ChatGPT hid from the user were left out"
THOUGHTS = "notes of the model's thinking were left out"
UNANSWERED = "calls of tools without a result, and results without a call, were left out"
LATEST = "conversations do not say where they end; the latest branch was taken"

THINKING = frozenset({"thoughts", "reasoning_recap"})
SETTINGS = frozenset({"user_editable_context", "model_editable_context"})
NO_NAME = re.compile(r"[^a-zA-Z0-9_-]")  # in the name of a function


def is_export(row: Mapping[str, Any]) -> bool:
    """Return whether a row is a conversation of the export."""
    return isinstance(row.get("mapping"), dict) and "messages" not in row


def from_export(row: Mapping[str, Any], told: Counter[str]) -> list[Turn]:
    """Return the turns from the first message to the current one."""
    nodes: Mapping[str, Any] = row["mapping"]
    turns: list[Turn] = []
    waiting: list[str] = []
    for node in _way(nodes, row.get("current_node"), told):
        message = node.get("message")
        if isinstance(message, dict) and _is_shown(message, told):
            _take(message, turns, waiting, told)
    return usable(_answered(turns, set(waiting), told))


def _way(nodes: Mapping[str, Any], last: object, told: Counter[str]) -> list[dict[str, Any]]:
    """Return the nodes from the root to the last one."""
    name: Any = last if isinstance(last, str) and last in nodes else _latest(nodes, told)
    found: list[dict[str, Any]] = []
    seen: set[str] = set()
    while isinstance(name, str) and name in nodes:
        node = nodes[name]
        if not isinstance(node, dict) or name in seen:
            raise Refused("the tree of messages has a fault", "export the conversations again")
        seen.add(name)
        found.append(node)
        name = node.get("parent")
    others = sum(max(len(_children(node)) - 1, 0) for node in found)
    if others:
        told[BRANCHES] += others
    return found[::-1]


def _latest(nodes: Mapping[str, Any], told: Counter[str]) -> str | None:
    """Return the end of the way that takes the last child at each fork."""
    told[LATEST] += 1
    name = next((name for name, node in nodes.items() if _parent(node) not in nodes), None)
    for _ in nodes:
        below = [child for child in _children(nodes[name]) if child in nodes] if name else []
        if not below:
            break
        name = below[-1]
    return name


def _parent(node: object) -> object:
    parent = node.get("parent") if isinstance(node, dict) else None
    return parent if isinstance(parent, str) else None


def _children(node: object) -> list[str]:
    children = node.get("children") if isinstance(node, dict) else None
    return [child for child in children if isinstance(child, str)] if isinstance(children, list) else []


def _is_shown(message: Mapping[str, Any], told: Counter[str]) -> bool:
    metadata, content = message.get("metadata"), message.get("content")
    kind = content.get("content_type") if isinstance(content, dict) else None
    hidden = isinstance(metadata, dict) and metadata.get("is_visually_hidden_from_conversation") is True
    if kind in THINKING:
        told[THOUGHTS] += 1
    elif (hidden or kind in SETTINGS) and _text(content, refuse=False):
        told[HIDDEN] += 1
    return not hidden and kind not in THINKING | SETTINGS


def _take(message: Mapping[str, Any], turns: list[Turn], waiting: list[str], told: Counter[str]) -> None:
    """Add a message to the turns; `waiting` are the calls of tools that have no result yet."""
    author = message.get("author")
    role = role_of(author.get("role") if isinstance(author, dict) else None)
    text = _text(message.get("content"))
    to = message.get("recipient")
    if role == "tool":
        if waiting:
            turns.append({"role": "tool", "content": text, "tool_call_id": waiting.pop(0)})
        elif turns and turns[-1]["role"] == "tool":  # a tool may speak more than once
            turns[-1]["content"] = "\n".join(filter(None, (turns[-1]["content"], text)))
        elif text:
            told[UNANSWERED] += 1
    elif role == "assistant" and isinstance(to, str) and to != "all":
        name = f"call_{sum(len(turn.get('tool_calls', ())) for turn in turns) + 1}"
        if not turns or turns[-1]["role"] != "assistant":
            turns.append({"role": "assistant", "content": None})
        turns[-1].setdefault("tool_calls", []).append(_call(to, text, name))
        waiting.append(name)
    elif text.strip():
        turns.append({"role": role, "content": text})


def _call(to: str, text: str, name: str) -> dict[str, Any]:
    try:
        whole = isinstance(msgspec.json.decode(text), dict)
    except (msgspec.DecodeError, RecursionError):
        whole = False
    arguments = text if whole else msgspec.json.encode({"input": text}).decode()
    function = {"name": NO_NAME.sub("_", to)[:64], "arguments": arguments}
    return {"id": name, "type": "function", "function": function}


def _answered(turns: list[Turn], waiting: set[str], told: Counter[str]) -> list[Turn]:
    """Return the turns without the calls that got no result."""
    if waiting:
        told[UNANSWERED] += len(waiting)
    found = []
    for turn in turns:
        calls = [call for call in turn.get("tool_calls", ()) if call["id"] not in waiting]
        plain = {name: value for name, value in turn.items() if name != "tool_calls"}
        if calls or plain["content"] is not None:
            found.append({**plain, "tool_calls": calls} if calls else plain)
    return found


def _text(content: object, *, refuse: bool = True) -> str:
    """Return what a message says; a picture cannot come along."""
    if not isinstance(content, dict):
        if content is None or not refuse:
            return ""
        raise Refused(f"a message has content that is {kind_of(content)}", "export the conversations again")
    parts = content.get("parts")
    if not isinstance(parts, list):
        said = content.get("text") or content.get("result")
        return said if isinstance(said, str) else ""
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    said = "\n".join(text for text in texts if isinstance(text, str) and text)
    others = {
        str(part.get("content_type")) for part in parts if isinstance(part, dict) and "text" not in part
    }
    if refuse and any("audio" not in kind or not said for kind in others):
        what = (
            "a picture" if any("image" in kind for kind in others) else f"a part of kind {min(others)!r:.40}"
        )
        raise Refused(
            f"a message shows {what}, which the export keeps outside this file", "leave the conversation out"
        )
    return said
