"""What a conversation must be to learn from it, whatever file it came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["ROLES", "NotTraining", "Refused", "fault", "kind_of", "messages_of", "plain", "role_of", "usable"]

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
ALIASES = {
    "human": "user",
    "prompter": "user",
    "customer": "user",
    "question": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "assistant_response": "assistant",
    "tool_response": "tool",
    "observation": "tool",
    "function_response": "tool",
    "ipython": "tool",
    "system_prompt": "system",
    "function-response": "tool",
    "tool-response": "tool",
    "function_result": "tool",
}
BLOCKS = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking"})  # of Claude's files

SPEAKERS = ("role", "from", "speaker", "author", "sender")
TEXTS = ("content", "value", "text", "message", "utterance", "parts")
OPTIONAL: dict[str, tuple[type[Any], str]] = {
    "name": (str, "text"),
    "tool_call_id": (str, "text"),
    "weight": (int, "0 or 1"),
    "tool_calls": (list, "a list of calls"),
}


class Refused(Exception):
    """A row that cannot be an example: reason and remedy. It never leaves this package."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


class NotTraining(Refused):
    """A row of a file that is no training data at all, such as a request for embeddings."""


def usable(messages: Any) -> list[dict[str, Any]]:
    """Return the messages as they are, or refuse them with reason and remedy."""
    wrong = fault(messages)
    if wrong is not None:
        raise Refused(*wrong)
    turns: list[dict[str, Any]] = messages
    return turns


def role_of(name: object) -> str:
    """Return our word for a role in any dialect; an unknown one as it is.

    Raises
    ------
    Refused
        It is no text at all.
    """
    if not isinstance(name, str):
        raise Refused(f"a role is {kind_of(name)}, not text", "use system, user, assistant or tool")
    plain = name.strip().lower()
    return ALIASES.get(plain, plain)


def messages_of(turns: object, role: str) -> list[dict[str, Any]]:
    """Return a list of turns in any dialect as role and content; `role` is for turns that have none.

    A turn is {"role", "content"}, {"from", "value"} or a bare text. A turn that is in our shape
    already stays the same object.
    """
    if not isinstance(turns, list):
        raise Refused(f"the turns are {kind_of(turns)}, not a list", "give a list of turns")
    return [_turn(turn, role) for turn in turns]


def _turn(turn: object, role: str) -> dict[str, Any]:
    if isinstance(turn, str):
        return {"role": role, "content": turn}
    if not isinstance(turn, dict):
        raise Refused(f"a turn is {kind_of(turn)}, not an object", "give each turn role and content")
    if isinstance(turn.get("role"), str) and turn["role"] in ROLES and "content" in turn:
        return _weighed(turn)
    speaker = next((name for name in SPEAKERS if name in turn), None)
    text = next((name for name in TEXTS if name in turn), None)
    if text is None and "tool_calls" not in turn:
        raise Refused("a turn has no text", "give each turn role and content")
    rest = {name: value for name, value in turn.items() if name not in (speaker, text)}
    said = {} if text is None else {"content": _joined(turn[text]) if text == "parts" else turn[text]}
    return _weighed({"role": role if speaker is None else role_of(turn[speaker]), **said, **rest})


def _weighed(turn: dict[str, Any]) -> dict[str, Any]:
    """Return a turn with the weight that we know: a table makes 0.0 of 0, and nobody learns a question."""
    if "weight" not in turn:
        return turn
    weight = turn["weight"]
    if weight is None or (weight == 0 and turn["role"] != "assistant"):
        return {name: value for name, value in turn.items() if name != "weight"}
    return {**turn, "weight": int(weight)} if isinstance(weight, float) and weight in (0.0, 1.0) else turn


def _joined(parts: Any) -> Any:
    """Return parts of nothing but text ({"text": …}, as Gemini writes them) as one text."""
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        return parts
    if any(set(part) != {"text"} or not isinstance(part["text"], str) for part in parts):
        raise Refused("a part is something else than text", 'write parts as {"text": …}')
    return "".join(part["text"] for part in parts)


def plain(messages: Any) -> bool:
    """Return whether all turns are known roles with text, an answer among them: the common case, fast."""
    answered = False
    try:
        for turn in messages:
            content = turn["content"]
            role = turn["role"]
            if role not in ROLES or type(content) is not str or not content or content.isspace():
                return False
            if len(turn) != 2:  # noqa: PLR2004 - role and content
                return False
            if role == "assistant":
                answered = True
    except (KeyError, TypeError):
        return False
    return answered and type(messages) is list


def fault(messages: Any) -> tuple[str, str] | None:
    """Return what is wrong with a list of messages and the remedy, or None."""
    if type(messages) is not list or not messages:
        what = "empty" if messages == [] else f"no list but {kind_of(messages)}"
        return f"messages is {what}", "give a list of turns with role and content"
    answered = False
    for place, turn in enumerate(messages, 1):
        if type(turn) is not dict:
            return f"message {place} is no object but {kind_of(turn)}", "give role and content"
        role, content = turn.get("role"), turn.get("content")
        if type(role) is not str or role not in ROLES:
            return _role_fault(place, turn)
        said = type(content) is str and content and not content.isspace()
        wrong = None if said else _content_fault(place, turn)
        if wrong is None and len(turn) > 1 + ("content" in turn):
            wrong = _key_fault(place, turn)
        if wrong is not None:
            return wrong
        answered = answered or role == "assistant"
    if not answered:
        return "there is no assistant turn, so nothing to learn", "add the answer as an assistant turn"
    return None


def _role_fault(place: int, turn: Mapping[str, Any]) -> tuple[str, str]:
    if "role" not in turn:
        return f"message {place} has no role", "give system, user or assistant"
    return f"message {place} has the unknown role {turn['role']!r:.40}", "use system, user, assistant or tool"


def _key_fault(place: int, turn: Mapping[str, Any]) -> tuple[str, str] | None:
    """Judge what may stand beside role and content."""
    for name, (kind, wanted) in OPTIONAL.items():
        value = turn.get(name)
        if value is None:
            continue
        if not isinstance(value, kind) or (kind is list and not all(type(call) is dict for call in value)):
            return f"message {place} has a {name} that is {kind_of(value)}", f"give {wanted}, or take it out"
        if isinstance(value, bool):
            return f"message {place} has the {name} {str(value).lower()}", f"give {wanted}, or take it out"
    return None


def _content_fault(place: int, turn: Mapping[str, Any]) -> tuple[str, str] | None:
    """Judge a content that is no plain text: parts, or nothing beside a call of a tool."""
    content, role = turn.get("content"), turn["role"]
    if not content or (isinstance(content, str) and content.isspace()):
        if role == "assistant" and (_calls(turn) or turn.get("refusal")) and content in (None, "", []):
            return None
        if role in ("tool", "function") and content == "":
            return None  # a tool may have nothing to say
        return f"message {place} ({role}) is empty", "write its text, or take the message out"
    if type(content) is not list:
        return f"message {place} has content that is {kind_of(content)}, not text", "write it as text"
    if all(_is_part(part) for part in content):
        return None
    return f"message {place} has a part without a type or text", 'write parts as {"type": "text", "text": …}'


def _is_part(part: object) -> bool:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        return False
    if part["type"] in BLOCKS:
        return False  # they are made into turns and calls before
    return part["type"] != "text" or isinstance(part.get("text"), str)


def _calls(turn: Mapping[str, Any]) -> bool:
    return bool(turn.get("tool_calls") or turn.get("function_call"))


def kind_of(value: object) -> str:
    """Name the JSON type of a value, for a sentence."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else type(value).__name__)
