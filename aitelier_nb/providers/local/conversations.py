"""Conversations as token ids through a model's own chat template, with a mark on what is learnt.

Learnt are the assistant's turns, each with its end token, by position and never by token id: the pad
token of many models is also their end token, and a model that never sees an end never stops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aitelier_nb.errors import DataError, ProviderError

__all__ = ["IGNORED", "Encoded", "ask", "encode", "render"]

IGNORED = -100  # the label that torch's cross entropy leaves out

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Encoded:
    """One conversation: token ids, and per token its label (the id itself, or IGNORED)."""

    ids: list[int]
    labels: list[int]

    @property
    def learnt(self) -> int:
        """How many tokens are learnt."""
        return sum(label != IGNORED for label in self.labels)


def render(tokenizer: Any, messages: Messages, *, ask_next: bool, tools: Sequence[Any] | None = None) -> str:
    """Return the text of a conversation in the model's template; with `ask_next` an answer is due.

    Raises
    ------
    ProviderError
        The model has no chat template, or its template refuses these messages.
    """
    from jinja2.exceptions import TemplateError

    if not tokenizer.chat_template:
        raise ProviderError(
            "the model has no chat template, so it cannot hold a conversation",
            hint="use an instruct or chat model",
        )
    plain = [_plain(message) for message in messages]
    try:
        text: str = tokenizer.apply_chat_template(
            plain, tools=tools, tokenize=False, add_generation_prompt=ask_next
        )
    except TemplateError as error:
        raise ProviderError(
            f"the model's chat template refuses these messages: {error}",
            hint="some models take no system prompt, or ask for turns that alternate",
        ) from error
    return text


def ask(tokenizer: Any, messages: Messages, tools: Sequence[Any] | None = None) -> list[int]:
    """Return the token ids of a conversation whose next turn is the assistant's."""
    return _ids(tokenizer, render(tokenizer, messages, ask_next=True, tools=tools))


def encode(
    tokenizer: Any, messages: Messages, *, longest: int, tools: Sequence[Any] | None = None
) -> Encoded:
    """Return a conversation as ids and labels; what lies beyond `longest` tokens is cut off.

    An assistant turn with `"weight": 0` is read but not learnt.
    """
    full = render(tokenizer, messages, ask_next=False, tools=tools)
    ids: list[int] = []
    labels: list[int] = []
    done = 0
    for start, end in _answers(tokenizer, messages, full, tools):
        before, answer = _ids(tokenizer, full[done:start]), _ids(tokenizer, full[start:end])
        ids += before + answer
        labels += [IGNORED] * len(before) + answer
        done = end
    return Encoded(ids[:longest], labels[:longest])


def _answers(
    tokenizer: Any, messages: Messages, full: str, tools: Sequence[Any] | None
) -> list[tuple[int, int]]:
    """Return where the learnt answers stand in the full text: after the prompt, up to the end token."""
    spans = []
    for place, message in enumerate(messages):
        if message["role"] != "assistant" or message.get("weight") == 0:
            continue
        prompt = render(tokenizer, messages[:place], ask_next=True, tools=tools)
        through = render(tokenizer, messages[: place + 1], ask_next=False, tools=tools)
        if full.startswith(prompt) and full.startswith(through):
            spans.append((len(prompt), _end(tokenizer, through, len(prompt))))
    if not spans and any(m["role"] == "assistant" and m.get("weight") != 0 for m in messages):
        raise DataError(
            "the model's chat template rewrites earlier turns, so answers cannot be told from prompts",
            hint="train another model, or use a template that only appends",
        )
    return spans


def _end(tokenizer: Any, text: str, start: int) -> int:
    """Return where an answer ends: with the end token if the template writes one, else with the text."""
    marks = [
        text.rfind(mark, start) + len(mark) for mark in _end_marks(tokenizer) if text.rfind(mark, start) >= 0
    ]
    return max(marks, default=len(text))


def _end_marks(tokenizer: Any) -> list[str]:
    """Return the tokens that may close a turn: the model's end token and its other special ones."""
    return [tokenizer.eos_token] if tokenizer.eos_token else []


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _plain(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with its content as text and without the keys that are ours."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content)
    role = "system" if message["role"] == "developer" else message["role"]
    rest = {key: value for key, value in message.items() if key not in ("role", "content", "weight")}
    return {"role": role, "content": content or "", **rest}
