"""The files that providers and trainers take: one JSON object a line, UTF-8, with a line feed at its end.

A line holds only what the provider reads; ids, ratings and notes never leave the project.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from aitelier_nb.errors import DataError
from aitelier_nb.formats.messages_rules import foreign_keys
from aitelier_nb.formats.preferences import Pair
from aitelier_nb.schema import Example, Message

__all__ = ["chat", "encode", "kto", "preference"]


def chat(
    examples: Iterable[Example], provider: str, *, system: str | None = None, train_on: str = "all"
) -> Iterator[bytes]:
    """Yield one line of a chat file for each example, whole conversations in their order.

    Parameters
    ----------
    provider
        "together", "fireworks", "openai", "local" or "trl". TRL takes the arguments of tool calls as
        objects, the others as text; OpenAI refuses turns with keys that it does not know, so they go
        without them.
    system
        None keeps each example's own system prompt; "" takes it out; a text puts that one in its place.
    train_on
        "all" assistant turns (or as their weights say); "last" gives the earlier ones weight 0.
    """
    for example in examples:
        messages = [_turn(message) for message in example.messages]
        if system is not None:
            messages = _with_system(messages, system)
        if train_on == "last":
            messages = _last_weighted(messages)
        if provider == "openai":
            messages = [_without(turn, foreign_keys(turn)) for turn in messages]
        line: dict[str, Any] = {"messages": messages}
        extra = example.model_extra or {}
        if extra.get("tools"):
            line["tools"] = extra["tools"]
        if "parallel_tool_calls" in extra and provider == "openai":
            line["parallel_tool_calls"] = extra["parallel_tool_calls"]
        yield encode(_for_trl(line) if provider == "trl" else line)


def preference(pairs: Iterable[Pair], provider: str) -> Iterator[bytes]:
    """Yield one line for each pair: OpenAI's shape (Together and Fireworks share it), or TRL's."""
    for pair in pairs:
        if provider in ("trl", "local"):
            line: dict[str, Any] = {
                "prompt": list(pair.prompt),
                "chosen": [pair.preferred],
                "rejected": [pair.other],
            }
        else:
            line = {
                "input": {"messages": list(pair.prompt)},
                "preferred_output": [pair.preferred],
                "non_preferred_output": [pair.other],
            }
            if pair.tools and provider == "openai":
                line["input"]["tools"] = pair.tools
        yield encode(line)


def kto(examples: Iterable[Example], *, threshold: float) -> Iterator[bytes]:
    """Yield one line for each rated example: prompt, completion, and whether the rating is good enough.

    An example without a rating counts only when it came with a thumb. The shape is TRL's.

    Parameters
    ----------
    examples
        The candidates.
    threshold
        The lowest rating that is a thumb up (1-10).
    """
    for example in examples:
        label = _thumb(example, threshold)
        answer = next((turn for turn in reversed(example.messages) if turn.role == "assistant"), None)
        if label is None or answer is None:
            continue
        line = {
            "prompt": [_without_weight(turn) for turn in example.prompt],
            "completion": [_without_weight(answer)],
            "label": label,
        }
        yield encode(line)


def _thumb(example: Example, threshold: float) -> bool | None:
    if example.rating is not None:
        return example.rating >= threshold
    label = example.source.get("label") if isinstance(example.source, dict) else None
    return label if isinstance(label, bool) else None


def _without_weight(message: Message) -> dict[str, Any]:
    return {name: value for name, value in _turn(message).items() if name != "weight"}


def encode(line: dict[str, Any]) -> bytes:
    """Return a line as compact JSON; characters stay as they are.

    Raises
    ------
    DataError
        A text holds half a character (a lone surrogate), which no file can keep.
    """
    try:
        return msgspec.json.encode(line) + b"\n"
    except UnicodeEncodeError as error:
        raise DataError(
            "a text holds half a character (a lone surrogate)", hint="find and mend it with ait.examples()"
        ) from error


def _turn(message: Message) -> dict[str, Any]:
    """Return the message's keys that carry a value; content stays even when it is null beside tool calls."""
    turn = message.to_json()
    return {name: value for name, value in turn.items() if value is not None}


def _without(turn: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: value for name, value in turn.items() if name not in names} if names else turn


def _with_system(messages: list[dict[str, Any]], system: str) -> list[dict[str, Any]]:
    rest = [turn for turn in messages if turn["role"] not in ("system", "developer")]
    return [{"role": "system", "content": system}, *rest] if system else rest


def _last_weighted(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    last = max((place for place, turn in enumerate(messages) if turn["role"] == "assistant"), default=-1)
    return [
        {**turn, "weight": int(place == last)} if turn["role"] == "assistant" else turn
        for place, turn in enumerate(messages)
    ]


def _for_trl(line: dict[str, Any]) -> dict[str, Any]:
    """Return the line as TRL's templates take it: arguments as objects, tool messages by name."""
    names: dict[str, str] = {}
    messages = [_trl_turn(turn, names) for turn in line["messages"]]
    return {**line, "messages": messages}


def _trl_turn(turn: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    turn = {name: value for name, value in turn.items() if name != "weight"}
    if turn.get("tool_calls"):
        turn["tool_calls"] = [_trl_call(call, names) for call in turn["tool_calls"]]
    if turn["role"] == "tool" and turn.get("tool_call_id") in names:
        turn["name"] = names[turn.pop("tool_call_id")]
    return turn


def _trl_call(call: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    function = call.get("function", {})
    names[call.get("id", "")] = function.get("name", "")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except json.JSONDecodeError as error:
            raise DataError(
                f"the arguments of a call of {function.get('name')} are no JSON", hint="correct them"
            ) from error
    return {"type": "function", "function": {**function, "arguments": arguments}}
