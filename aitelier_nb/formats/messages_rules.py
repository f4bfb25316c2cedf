"""What a list of messages must be: turns, contents, parts, weights, calls of tools."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from aitelier_nb.formats.conversations import kind_of
from aitelier_nb.formats.rulebook import MOST_IMAGE_BYTES, MOST_IMAGES, Fault, Limits

__all__ = ["content_faults", "conversation_faults", "foreign_keys", "tools_faults"]

KEYS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {
        "role",
        "content",
        "name",
        "refusal",
        "audio",
        "tool_calls",
        "function_call",
        "weight",
    },
    "tool": {"role", "content", "tool_call_id", "name"},
    "function": {"role", "content", "name"},
}
MOST_FUNCTIONS = 128
FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
DATA_URL = re.compile(r"data:image/(jpeg|png|webp);base64,")
LINK = re.compile(r"https?://")
DATA_URL_HEAD = len("data:image/jpeg;base64,")


def conversation_faults(messages: Any, limits: Limits, *, answered: bool = True) -> Iterator[Fault]:
    """Yield what is wrong with a list of messages.

    Parameters
    ----------
    messages
        The value as it was read.
    limits
        What the provider counts.
    answered
        Whether an assistant turn is needed (not so in the input of a preference).
    """
    if not isinstance(messages, list):
        yield Fault(
            "messages_not_list", f"messages is {kind_of(messages)}, not a list", "give a list of turns"
        )
        return
    if not messages:
        yield Fault("messages_empty", "messages is empty", "give at least a user and an assistant turn")
        return
    for place, turn in enumerate(messages, 1):
        if isinstance(turn, dict):
            yield from _turn_faults(place, turn, limits)
        else:
            yield Fault(
                "message_not_object", f"message {place} is {kind_of(turn)}", "give it role and content"
            )
    turns = [turn for turn in messages if isinstance(turn, dict)]
    yield from _order_faults(turns, answered=answered)
    yield from _image_faults(turns)
    yield from _weight_faults(turns)
    yield from _call_faults(turns)


def foreign_keys(turn: Mapping[str, Any]) -> list[str]:
    """Return the keys of a turn of a known role that OpenAI does not take there."""
    return [name for name in turn if name not in KEYS.get(turn["role"], turn)]


def _turn_faults(place: int, turn: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    if "role" not in turn:
        yield Fault("role_missing", f"message {place} has no role", "give it system, user or assistant")
        return
    role = turn["role"]
    if not isinstance(role, str) or role not in limits.roles:
        allowed = ", ".join(sorted(limits.roles))
        yield Fault("role_unknown", f"message {place} has the role {role!r:.40}", f"use one of {allowed}")
        return
    unknown = [name for name in turn if name not in KEYS[role] and name != "weight"]
    if unknown:
        remedy = "take it out; what is private belongs to the example, not to a message"
        yield Fault("unknown_message_key", f"message {place} ({role}) has the key {unknown[0]!r:.40}", remedy)
    where = f"message {place} ({role})"
    if role == "assistant" and (turn.get("tool_calls") or _calls_function(turn, limits)):
        if not limits.tools:
            yield Fault(
                "tools_unsupported", f"{where} calls a tool", "train this example at a hosted provider"
            )
        if turn.get("content") in (None, ""):
            return
    elif "content" not in turn:
        rule = "assistant_says_nothing" if role == "assistant" and "tool_calls" in turn else "content_missing"
        yield Fault(rule, f"{where} has no content", "write its text")
        return
    if role == "assistant" and turn.get("content") is None and turn.get("refusal"):
        return
    yield from content_faults(where, turn.get("content"), role, limits)


def _calls_function(turn: Mapping[str, Any], limits: Limits) -> bool:
    """Return whether a turn has the older kind of call, where the provider knows it."""
    return bool(turn.get("function_call")) and ("function" in limits.roles or not limits.tools)


def content_faults(where: str, content: Any, role: str, limits: Limits) -> Iterator[Fault]:
    """Yield what is wrong with a text or a list of parts; `where` begins each message."""
    if isinstance(content, str):
        if not content and role != "tool":
            yield Fault("content_empty", f"{where} is empty", "write its text, or take the turn out")
        elif content and content.isspace():
            yield Fault(
                "content_blank", f"{where} is only white space", "write its text, or take the turn out"
            )
    elif content is None:
        yield Fault("content_null", f"{where} has null as content", "write its text")
    elif not isinstance(content, list):
        yield Fault("content_type", f"{where} has {kind_of(content)} as content", "write it as text")
    elif not content:
        yield Fault("content_no_parts", f"{where} has an empty list of parts", "write its text")
    else:
        for part in content:
            yield from _part_faults(where, part, role, limits)


def _part_faults(where: str, part: Any, role: str, limits: Limits) -> Iterator[Fault]:
    if not isinstance(part, dict):
        yield Fault(
            "part_not_object", f"{where} has {kind_of(part)} as a part", 'write {"type": "text", "text": …}'
        )
        return
    kind = part.get("type")
    if kind == "text":
        if not isinstance(part.get("text"), str):
            yield Fault("part_text", f"{where} has a text part without text", 'give it "text"')
    elif kind == "image_url" and limits.pictures:
        yield from _image_part_faults(where, part, role, limits)
    elif not (kind == "refusal" and role == "assistant" and limits.linked_images):
        shown = "no type" if kind is None else f"the type {kind!r:.40}"
        yield Fault("part_type", f"{where} has a part of {shown}", "use text, or image_url in a user turn")


def _image_part_faults(where: str, part: Mapping[str, Any], role: str, limits: Limits) -> Iterator[Fault]:
    if role != "user":
        yield Fault("image_role", f"{where} holds a picture", "only user turns may")
        return
    holder = part.get("image_url")
    url = holder.get("url") if isinstance(holder, dict) else None
    if not url or not isinstance(url, str):
        yield Fault("image_url", f"{where} has a picture without address", 'write {"image_url": {"url": …}}')
    elif not DATA_URL.match(url) and not (limits.linked_images and LINK.match(url)):
        yield Fault(
            "image_link",
            f"{where} has a picture at {url[:40]!r}",
            "give a JPEG, PNG or WEBP as base64 data URL",
        )
    elif len(url) > DATA_URL_HEAD + 4 * MOST_IMAGE_BYTES // 3:
        yield Fault("image_size", f"{where} has a picture of more than 10 MB", "make it smaller")


def _order_faults(turns: list[dict[str, Any]], *, answered: bool) -> Iterator[Fault]:
    """Yield what is wrong with the order of the roles."""
    roles = [turn.get("role") for turn in turns]
    spoken = [role for role in roles if role not in ("system", "developer")]
    for place, (before, role) in enumerate(pairwise(roles), 2):
        if role == before and role in ("system", "user", "assistant"):
            remedy = "join the two turns, or put the missing one between them"
            yield Fault("same_role_twice", f"message {place} is the second {role} turn in a row", remedy)
            break
    if any(role in ("system", "developer") for role in roles[1:]):
        yield Fault("system_not_first", "a system prompt stands behind the first message", "put it first")
    if not answered:
        return
    if "assistant" not in roles:
        yield Fault("no_assistant", "there is no assistant turn", "add the answer to learn")
    elif not any(role in ("user", "tool", "function") for role in spoken):
        yield Fault("only_assistant", "there are only assistant turns", "add what the user said")
    elif spoken[0] == "assistant":
        yield Fault(
            "starts_with_assistant", "the conversation starts with the assistant", "start with a user turn"
        )
    if "assistant" in roles and roles[-1] != "assistant":
        yield Fault(
            "ends_with_user",
            f"the last message is a {roles[-1]} turn, on which nothing is trained",
            "end with the answer",
        )


def _image_faults(turns: list[dict[str, Any]]) -> Iterator[Fault]:
    """Yield what is wrong with pictures and parts over the whole conversation."""
    contents = [turn["content"] for turn in turns if turn.get("content")]
    if not any(isinstance(content, list) for content in contents):
        return
    if not all(isinstance(content, list) for content in contents):
        yield Fault(
            "mixed_parts", "some contents are texts and some are parts", "write all as texts or all as parts"
        )
    pictures = [_pictures(turn) for turn in turns]
    if sum(pictures) > MOST_IMAGES:
        yield Fault("too_many_images", f"there are {sum(pictures)} pictures", f"keep {MOST_IMAGES} at most")
    if any(count and turn.get("weight") for count, turn in zip(pictures, turns, strict=True)):
        yield Fault("image_weight", "a message with a picture has weight 1", "take the weight out")


def _pictures(turn: Mapping[str, Any]) -> int:
    content = turn.get("content")
    parts = content if isinstance(content, list) else []
    return sum(isinstance(part, dict) and part.get("type") == "image_url" for part in parts)


def _weight_faults(turns: list[dict[str, Any]]) -> Iterator[Fault]:
    for place, turn in enumerate(turns, 1):
        if "weight" not in turn:
            continue
        weight, role = turn["weight"], turn.get("role")
        if not isinstance(weight, int):
            yield Fault(
                "weight_type", f"message {place} has the weight {weight!r:.20}", "give 0 or 1, without quotes"
            )
        elif isinstance(weight, bool):
            yield Fault(
                "weight_boolean", f"message {place} has the weight {str(weight).lower()}", "give 0 or 1"
            )
        elif weight not in (0, 1):
            yield Fault("weight_value", f"message {place} has the weight {weight}", "give 0 or 1")
        if role != "assistant":
            yield Fault(
                "weight_role", f"message {place} ({role!s:.20}) has a weight", "only assistant turns have one"
            )
    weights = [turn.get("weight", 1) for turn in turns if turn.get("role") == "assistant"]
    if weights and all(weight == 0 for weight in weights):
        yield Fault(
            "weights_all_zero", "all weights are 0, so nothing is learned", "give the last answer weight 1"
        )


def _call_faults(turns: list[dict[str, Any]]) -> Iterator[Fault]:
    """Yield what is wrong with calls of tools and their results."""
    called: set[str] = set()
    for place, turn in enumerate(turns, 1):
        where = f"message {place}"
        if turn.get("tool_calls") is not None:
            yield from _tool_calls_faults(where, turn["tool_calls"], called)
        if turn.get("role") != "tool":
            continue
        name = turn.get("tool_call_id")
        if not isinstance(name, str) or not name:
            yield Fault(
                "tool_call_id_missing", f"{where} (tool) has no tool_call_id", "give the id of its call"
            )
        elif name not in called:
            yield Fault(
                "tool_without_call",
                f"{where} answers {name!r:.40}, which nobody called",
                "put the call before it",
            )


def _tool_calls_faults(where: str, calls: Any, called: set[str]) -> Iterator[Fault]:
    if not isinstance(calls, list) or not calls:
        yield Fault(
            "tool_call_shape",
            f"{where} has tool_calls that are no list of calls",
            "give a list, or take it out",
        )
        return
    for call in calls:
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or call.get("type", "function") != "function":
            yield Fault(
                "tool_call_shape", f"{where} has a call without a function", "give id, type and function"
            )
            continue
        if isinstance(call.get("id"), str) and call["id"] and "type" in call:
            called.add(call["id"])
        else:
            yield Fault(
                "tool_call_shape", f"{where} has a call without id or type", "give id, type and function"
            )
        yield from _function_faults(where, function)
        yield from _argument_faults(where, function.get("arguments"))


def _function_faults(where: str, function: Mapping[str, Any]) -> Iterator[Fault]:
    name = function.get("name")
    if not isinstance(name, str) or not FUNCTION_NAME.fullmatch(name):
        yield Fault(
            "function_name",
            f"{where} names the function {name!r:.40}",
            "use letters, digits, _ and -, 64 at most",
        )


def _argument_faults(where: str, arguments: Any) -> Iterator[Fault]:
    if not isinstance(arguments, str):
        yield Fault(
            "tool_call_arguments",
            f"{where} has arguments that are {kind_of(arguments)}",
            "write them as JSON text",
        )
        return
    try:
        json.loads(arguments)
    except ValueError:
        yield Fault(
            "tool_call_arguments", f"{where} has arguments that are no JSON", "write them as JSON text"
        )


def tools_faults(line: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong with a line's tools, functions and parallel_tool_calls."""
    if "parallel_tool_calls" in line and not isinstance(line["parallel_tool_calls"], bool):
        yield Fault("parallel_tool_calls", "parallel_tool_calls is not true or false", "write true or false")
    for name, least in (("tools", 0), ("functions", 1)):
        tools = line.get(name)
        if name not in line:
            continue
        if not isinstance(tools, list) or len(tools) < least:
            yield Fault("tools_shape", f"{name} is no list of {name}", "give a list, or take it out")
            continue
        if name == "functions" and len(tools) > MOST_FUNCTIONS:
            found = f"functions holds {len(tools)} of them"
            yield Fault("tools_shape", found, f"give at most {MOST_FUNCTIONS}")
        for tool in tools:
            function = (
                tool if name == "functions" else tool.get("function") if isinstance(tool, dict) else None
            )
            if isinstance(function, dict):
                yield from _function_faults(name, function)
            else:
                yield Fault(
                    "tools_shape",
                    f"{name} holds something without a function",
                    'give {"type": "function", …}',
                )
