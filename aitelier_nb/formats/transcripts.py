"""A conversation as people type or paste it: "User: ..." and "Assistant: ..." lines, or JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from aitelier_nb.errors import DataError

__all__ = ["parse"]

SPEAKER = re.compile(
    r"^(?P<who>system|developer|user|human|customer|you|assistant|ai|bot|agent|gpt|model)\s*:[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "customer": "user",
    "you": "user",
}
RULE = re.compile(r"^\s*-{3,}\s*$", re.MULTILINE)
HINT = 'start each turn with "User:" or "Assistant:", or put a line --- between input and output'


def parse(text: str) -> list[dict[str, Any]]:
    """Return the messages of one conversation.

    Three ways to write it: turns that begin with "User:", "Assistant:" or "System:"; an input and
    an output with a line of dashes between them; JSON (a list of messages, or {"messages": [...]}).

    Raises
    ------
    DataError
        It is none of these.
    """
    stripped = text.strip()
    if stripped.startswith(("[", "{")):
        return _from_json(stripped)
    marks = list(SPEAKER.finditer(stripped))
    if marks and marks[0].start() == 0:
        ends = [mark.start() for mark in marks[1:]] + [len(stripped)]
        return [
            {
                "role": ROLES.get(mark["who"].lower(), "assistant"),
                "content": stripped[mark.end() : end].strip(),
            }
            for mark, end in zip(marks, ends, strict=True)
        ]
    halves = RULE.split(stripped)
    if len(halves) == 2 and all(half.strip() for half in halves):  # noqa: PLR2004 - input and output
        question, answer = (half.strip() for half in halves)
        return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    raise DataError("this is no conversation", hint=HINT)


def _from_json(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"line {error.lineno}: {error.msg}", hint="mend the JSON, or " + HINT) from error
    turns = found.get("messages") if isinstance(found, dict) else found
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise DataError(
            "the JSON holds no list of messages", hint='[{"role": "user", "content": "..."}, ...]'
        )
    return turns
