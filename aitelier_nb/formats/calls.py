"""Calls of tools as ShareGPT dialects write them: a turn of its own, with the call as JSON text."""

from __future__ import annotations

from typing import Any

import msgspec

from aitelier_nb.formats.conversations import Refused, kind_of

__all__ = ["described", "identified", "is_call", "linked"]

TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "tuple": "array",
    "set": "array",
    "dict": "object",
}  # of Python, in the words of JSON
CALLERS = frozenset({"function_call", "tool_call", "tool_calls", "function-call", "tool-call"})


def is_call(role: object) -> bool:
    """Return whether a speaker's name says that the turn calls tools."""
    return isinstance(role, str) and role.strip().lower() in CALLERS


def linked(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the turns with calls as `tool_calls` of an assistant, each answered by its id."""
    if not any(is_call(turn.get("role")) for turn in messages):
        return messages
    found: list[dict[str, Any]] = []
    waiting: list[str] = []
    given = 0
    for turn in messages:
        if is_call(turn.get("role")):
            calls = [
                _call(call, f"call_{given + n}") for n, call in enumerate(_calls(turn.get("content")), 1)
            ]
            given += len(calls)
            waiting += [call["id"] for call in calls]
            if found and found[-1].get("role") == "assistant":  # all of the same answer
                found[-1] = {**found[-1], "tool_calls": [*found[-1].get("tool_calls", ()), *calls]}
            else:
                found.append({"role": "assistant", "content": None, "tool_calls": calls})
        elif turn.get("role") == "tool" and "tool_call_id" not in turn and waiting:
            found.append({**turn, "tool_call_id": waiting.pop(0)})
        else:
            found.append(turn)
    return found


def _calls(content: object) -> list[Any]:
    if isinstance(content, str):
        try:
            content = msgspec.json.decode(content)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Refused("a call of a tool is no JSON", 'write {"name": …, "arguments": {…}}') from error
    return content if isinstance(content, list) else [content]


def _call(call: object, name: str) -> dict[str, Any]:
    if not isinstance(call, dict) or not isinstance(call.get("name"), str):
        raise Refused(
            f"a call of a tool is {kind_of(call)} without a name", 'write {"name": …, "arguments": {…}}'
        )
    arguments = call.get("arguments", call.get("parameters", {}))
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    return {"id": name, "type": "function", "function": {"name": call["name"], "arguments": text}}


def identified(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return turns whose calls have ids and arguments as text, as OpenAI has them and TRL has not."""
    if not any(_is_bare(turn) for turn in messages):
        return messages
    found: list[dict[str, Any]] = []
    waiting: list[str] = []
    given = 0
    for turn in messages:
        if isinstance(turn.get("tool_calls"), list):
            made = [_identified(call, f"call_{given + n}") for n, call in enumerate(turn["tool_calls"], 1)]
            given += len(made)
            waiting = [
                call["id"] for call in made if isinstance(call, dict) and isinstance(call.get("id"), str)
            ]
            found.append({**turn, "tool_calls": made})
        elif turn.get("role") == "tool" and "tool_call_id" not in turn and waiting:
            found.append({**turn, "tool_call_id": waiting.pop(0)})
        else:
            found.append(turn)
    return found


def _is_bare(turn: dict[str, Any]) -> bool:
    calls = turn.get("tool_calls")
    return isinstance(calls, list) and any(
        isinstance(call, dict) and isinstance(call.get("function"), dict) and _identified(call, "") != call
        for call in calls
    )


def _identified(call: Any, name: str) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        return call
    if isinstance(function.get("arguments"), dict):
        function = {**function, "arguments": msgspec.json.encode(function["arguments"]).decode()}
    return {"id": name, "type": "function", **call, "function": function}


def described(tools: list[Any]) -> list[Any]:
    """Return descriptions of tools as OpenAI has them; those that are, or are none, as they are."""
    return [_described(tool) for tool in tools]


def _described(tool: Any) -> Any:
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str) or "function" in tool:
        return tool
    schema = tool.get("input_schema", tool.get("parameters"))
    inside = {"name": tool["name"]}
    if isinstance(tool.get("description"), str):
        inside["description"] = tool["description"]
    if isinstance(schema, dict):
        inside["parameters"] = _schema(schema)
    return {"type": "function", "function": inside}


def _schema(given: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON schema; a table of arguments with the types of Python becomes one."""
    flat = given and "properties" not in given and all(_is_argument(one) for one in given.values())
    if not flat:
        return given
    properties = {name: {**one, "type": _type(one["type"])} for name, one in given.items()}
    required = [
        name for name, one in given.items() if "default" not in one and "optional" not in one["type"].lower()
    ]
    return {"type": "object", "properties": properties, "required": required}


def _is_argument(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)


def _type(name: str) -> str:
    first = name.lower().split(",")[0].split("[")[0].strip()
    return TYPES.get(first, first)
