"""What one line of a training file must be: its kind, its columns, and the rules of that kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aitelier_nb.formats.conversations import kind_of
from aitelier_nb.formats.messages_rules import content_faults, conversation_faults, tools_faults
from aitelier_nb.formats.rulebook import Fault, Limits

__all__ = ["is_plain_chat", "kind_of_row", "row_faults"]

# The columns that make a kind, the most telling first.
KINDS = {
    "preference": ("input", "preferred_output", "non_preferred_output"),
    "chosen": ("chosen", "rejected"),
    "label": ("completion", "label"),
    "chat": ("messages",),
    "completion": ("prompt", "completion"),
    "text": ("text",),
}
KNOWN = {
    "together": ("preference", "chat", "completion", "text"),
    "openai": ("preference", "chat"),
    "fireworks": ("preference", "chat"),
    "trl": ("chosen", "label", "chat", "completion", "text"),
    "local": ("preference", "chosen", "chat"),
}
MORE = {
    "together": {"chat": {"tools"}},
    "openai": {"chat": {"tools", "parallel_tool_calls", "functions"}},
    "fireworks": {"chat": {"tools", "weight"}},
    "trl": {
        "chat": {"tools"},
        "chosen": {"prompt", "tools"},
        "label": {"prompt", "tools"},
        "completion": {"tools"},
    },
    "local": {"chat": {"tools"}, "chosen": {"prompt"}},
}
# What may stand before a turn of each role in a plain chat; None is the beginning.
BEFORE: dict[str, tuple[str | None, ...]] = {
    "system": (None,),
    "user": (None, "system", "assistant"),
    "assistant": ("user",),
}
SHAPES = {
    "together": "messages, prompt and completion, text, or input with both outputs",
    "openai": "messages, or input with preferred_output and non_preferred_output",
    "fireworks": "messages, or input with preferred_output and non_preferred_output",
    "trl": "messages, prompt with completion, or prompt with chosen and rejected",
    "local": "messages, or prompt with chosen and rejected",
}


def is_plain_chat(row: Mapping[str, Any]) -> bool:
    """Return whether a line is nothing but user and assistant turns of text: right for every provider."""
    messages = row.get("messages")
    if len(row) != 1 or type(messages) is not list:
        return False
    before: str | None = None
    try:
        for turn in messages:
            role, content = turn["role"], turn["content"]
            if before not in BEFORE[role] or len(turn) != 2 or type(content) is not str:  # noqa: PLR2004
                return False
            if not content or content.isspace():
                return False
            before = role
    except (KeyError, TypeError):
        return False
    return before == "assistant"


def kind_of_row(row: Mapping[str, Any], provider: str) -> str | None:
    """Return the kind of a line for a provider, or None when it has none."""
    for kind in KNOWN.get(provider, KNOWN["local"]):
        if all(name in row for name in KINDS[kind]):
            return kind
    return None


def row_faults(row: Mapping[str, Any], provider: str, limits: Limits) -> Iterator[Fault]:
    """Yield what is wrong with a line that is a JSON object."""
    kind = kind_of_row(row, provider)
    if kind is None:
        names = ", ".join(map(str, row)) or "nothing"
        shapes = SHAPES.get(provider, SHAPES["local"])
        yield Fault(
            "unknown_format", f"the line has {names:.120}, which is no training example", f"give {shapes}"
        )
        return
    allowed = {*KINDS[kind], *MORE.get(provider, MORE["local"]).get(kind, ())}
    extra = [name for name in row if name not in allowed]
    if extra:
        remedy = "leave it out; ait format writes files without it"
        yield Fault("extra_column", f"the line has the extra column {extra[0]!r:.40}", remedy)
    yield from FAULTS[kind](row, limits)


def _chat_faults(row: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    yield from conversation_faults(row["messages"], limits)
    yield from tools_faults(row)


def _text_faults(row: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    for name, role in (("text", "user"), ("prompt", "user"), ("completion", "assistant")):
        if name not in row:
            continue
        content = row[name]
        if limits.turned and isinstance(content, list) and _are_turns(content):
            yield from conversation_faults(content, limits, answered=False)
        elif isinstance(content, (str, list)) and content:
            yield from content_faults(name, content, role, limits)
        elif not isinstance(content, (str, list)):
            yield Fault("text_type", f"{name} is {kind_of(content)}, not text", "write it as text")


def _are_turns(content: list[Any]) -> bool:
    return bool(content) and all(isinstance(turn, dict) and "role" in turn for turn in content)


def _preference_faults(row: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    asked = row["input"]
    if not isinstance(asked, dict) or "messages" not in asked:
        yield Fault(
            "preference_input", "input is no object with messages", 'write {"input": {"messages": […]}}'
        )
        return
    yield from conversation_faults(asked["messages"], limits, answered=False)
    yield from tools_faults(asked)
    messages = asked["messages"]
    last = messages[-1] if isinstance(messages, list) and messages else None
    if isinstance(last, dict) and last.get("role") == "assistant":
        remedy = "end with a user turn: the answers are the two outputs"
        yield Fault("preference_ends_with_assistant", "the input ends with an assistant turn", remedy)
    for name in ("preferred_output", "non_preferred_output"):
        yield from _output_faults(name, row[name], limits)
    if row["preferred_output"] == row["non_preferred_output"]:
        yield Fault("preference_identical", "both outputs are the same", "leave the pair out")


def _output_faults(name: str, output: Any, limits: Limits) -> Iterator[Fault]:
    if not isinstance(output, list) or len(output) != 1 or not isinstance(output[0], dict):
        yield Fault(
            "preference_output", f"{name} is no list of exactly one message", "give the last answer only"
        )
        return
    answer = output[0]
    if answer.get("role") != "assistant":
        yield Fault("preference_output", f"{name} is no assistant message", 'give it "role": "assistant"')
    elif answer.get("content") is None and not answer.get("tool_calls"):
        yield Fault("preference_output", f"{name} has no content", "write its text")
    elif answer.get("content") is not None:
        yield from content_faults(name, answer["content"], "assistant", limits)


def _chosen_faults(row: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    for name in ("prompt", "chosen", "rejected"):
        content = row.get(name)
        if isinstance(content, list):
            for fault in conversation_faults(content, limits, answered=name != "prompt"):
                if fault.rule != "only_assistant" or "prompt" not in row:  # the user's turns stand there
                    yield fault
        elif name in row and not isinstance(content, str):
            yield Fault(
                "text_type", f"{name} is {kind_of(content)}, not text", "give a text or a list of turns"
            )
    if row["chosen"] == row["rejected"]:
        yield Fault("preference_identical", "chosen and rejected are the same", "leave the pair out")


def _label_faults(row: Mapping[str, Any], limits: Limits) -> Iterator[Fault]:
    yield from _text_faults(row, limits)
    if not isinstance(row["label"], bool):
        yield Fault(
            "label_type", f"label is {kind_of(row['label'])}, not true or false", "write true or false"
        )


FAULTS = {
    "chat": _chat_faults,
    "text": _text_faults,
    "completion": _text_faults,
    "preference": _preference_faults,
    "chosen": _chosen_faults,
    "label": _label_faults,
}
