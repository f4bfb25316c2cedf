"""Data sets of function calling: xLAM's queries with calls, and Glaive's chats with calls in the text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from aitelier_nb.formats import calls
from aitelier_nb.formats.conversations import Refused, kind_of, usable

__all__ = ["from_chat", "from_query", "is_chat", "is_query"]

Row = Mapping[str, Any]
Turn = dict[str, Any]

SPEAKER = re.compile(r"(?:\A|\n)\s*(USER|ASSISTANT|FUNCTION RESPONSE|SYSTEM):[ \t]*")
CALL = re.compile(r"\s*<functioncall>\s*")
NAMED = re.compile(r'\{\s*"name":\s*"([^"]+)"\s*(?:,\s*"arguments":\s*(.*?))?\s*\}\s*\Z', re.DOTALL)
ENDS = "<|endoftext|>"
ROLES = {"USER": "user", "ASSISTANT": "assistant", "FUNCTION RESPONSE": "tool", "SYSTEM": "system"}


def is_query(row: Row) -> bool:
    """Return whether a row is a query with the calls that answer it."""
    return {"query", "answers", "tools"} <= set(row)


def is_chat(row: Row) -> bool:
    """Return whether a row is a chat in one text, with its speakers in capitals."""
    return isinstance(row.get("chat"), str) and SPEAKER.match(row["chat"]) is not None


def from_query(row: Row) -> dict[str, Any]:
    """Return the query, and its calls as the answer."""
    query, answers = row["query"], _list(row["answers"], "answers")
    if not isinstance(query, str) or not query.strip():
        raise Refused("query is empty or no text", "write it as text")
    if not answers:
        raise Refused("answers holds no call", "give at least one")
    turns = calls.linked([{"role": "user", "content": query}, {"role": "function_call", "content": answers}])
    return {"messages": usable(turns), "tools": _list(row["tools"], "tools")}


def _list(value: object, name: str) -> list[Any]:
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Refused(f"{name} is a text that is no JSON: {error}", "write a JSON list") from error
    if not isinstance(value, list):
        raise Refused(f"{name} is {kind_of(value)}, not a list", "write a JSON list")
    return value


def from_chat(row: Row) -> dict[str, Any]:
    """Return the turns of a chat with its calls, and the functions that its system prompt names."""
    system = row.get("system")
    system = SPEAKER.sub("", system, count=1).strip() if isinstance(system, str) else ""
    turns: list[Turn] = [{"role": "system", "content": system}] if system else []
    parts = SPEAKER.split(row["chat"])[1:]
    for who, text in zip(parts[::2], parts[1::2], strict=True):
        said = text.replace(ENDS, "").strip()
        turns += _said(ROLES[who], said) if said else []
    tools = _functions(system)
    return {"messages": usable(calls.linked(turns)), **({"tools": tools} if tools else {})}


def _said(role: str, text: str) -> list[Turn]:
    """Return what one speaker said: a text, a call, or a call after a text."""
    before, *called = CALL.split(text) if role == "assistant" else (text,)
    turns = [{"role": role, "content": before}] if before.strip() else []
    return [*turns, *({"role": "function_call", "content": _call(one)} for one in called)]


def _call(text: str) -> Turn:
    """Return a call whose arguments are JSON, or JSON between single quotes."""
    found = NAMED.match(text.strip())
    if found is None:
        raise Refused("a call of a function is no JSON", 'write {"name": …, "arguments": {…}}')
    arguments = (found[2] or "{}").strip()
    if arguments[:1] == arguments[-1:] == "'":
        arguments = arguments[1:-1].replace("\\'", "'")
    try:
        return {"name": found[1], "arguments": msgspec.json.decode(arguments)}
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused("the arguments of a call are no JSON", 'write {"name": …, "arguments": {…}}') from error


def _functions(system: str) -> list[dict[str, Any]]:
    """Return the functions that stand in a text, one JSON object after the other."""
    found: list[dict[str, Any]] = []
    place = system.find("{")
    while place >= 0:
        try:
            value, end = json.JSONDecoder().raw_decode(system, place)
        except (ValueError, RecursionError):
            return found
        if isinstance(value, dict) and isinstance(value.get("name"), str):
            found.append(value)
        place = system.find("{", end)
    return found
