"""Chat completions as a server speaks them: the request in a body, the answer whole and in pieces.

`chat` is the other side of the same wire.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from aitelier_nb.errors import UsageError
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.schema import Answer, Parameters

__all__ = ["Chunks", "completion", "request_of"]

ASKED = ("temperature", "max_tokens", "seed", "top_p", "stop")
SILENT = (
    "model",
    "messages",
    "stream",
    "stream_options",
    "user",
    "metadata",
    "store",
    "max_completion_tokens",
)
HARMLESS: dict[str, Any] = {"n": 1, "response_format": {"type": "text"}, "tool_choice": "none"}
"""Keys that are taken with this value alone."""

ROLES = ("system", "developer", "user", "assistant", "tool")


def request_of(asked: Any, models: Mapping[str, str]) -> ChatRequest:
    """Return the request in a body.

    Parameters
    ----------
    asked
        The body as JSON.
    models
        The names that may be asked for, each with the provider's own name.

    Raises
    ------
    UsageError
        It asks for a model that is not here, for something that is not done here, or for nothing.
    """
    if not isinstance(asked, dict) or not isinstance(asked.get("messages"), list) or not asked["messages"]:
        raise UsageError("the request holds no messages")
    for place, message in enumerate(asked["messages"]):
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise UsageError(f"messages[{place}] has no role that is known: {', '.join(ROLES)}")
    name = str(asked.get("model"))
    if name not in models:
        raise UsageError(f"there is no model {name!r} here: {', '.join(models)}")
    for key, value in asked.items():
        if value and key not in (*ASKED, *SILENT) and HARMLESS.get(key) != value:
            raise UsageError(f"this server does not do {key}")
    return ChatRequest(models[name], asked["messages"], _parameters(asked))


def _parameters(asked: Mapping[str, Any]) -> Parameters:
    values = {key: asked[key] for key in ASKED if asked.get(key) is not None}
    if asked.get("max_completion_tokens") is not None:
        values["max_tokens"] = asked["max_completion_tokens"]
    if isinstance(values.get("stop"), str):
        values["stop"] = (values["stop"],)
    try:
        return Parameters.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{first['loc'][0]} will not do: {first['msg'].lower()}") from error


def completion(answer: Answer, model: str) -> dict[str, Any]:
    """Return a whole answer."""
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish_reason}
    return {**_head("chat.completion", model), "choices": [choice], "usage": _usage(answer)}


class Chunks:
    """One answer's pieces: each chunk carries the same id."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self._head = _head("chat.completion.chunk", str(asked["model"]))
        self._usage = bool((asked.get("stream_options") or {}).get("include_usage"))

    def opening(self) -> dict[str, Any]:
        """Return the chunk that says who speaks."""
        return self._chunk({"role": "assistant", "content": ""})

    def of(self, event: str | Answer) -> list[dict[str, Any]]:
        """Return the chunks of a piece of text, or of the answer's end."""
        if isinstance(event, str):
            return [self._chunk({"content": event})]
        end = [self._chunk({}, event.finish_reason)]
        return [*end, {**self._head, "choices": [], "usage": _usage(event)}] if self._usage else end

    def _chunk(self, delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": dict(delta), "logprobs": None, "finish_reason": reason}
        return {**self._head, "choices": [choice]}


def _head(kind: str, model: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
    }


def _usage(answer: Answer) -> dict[str, int]:
    prompt, said = answer.prompt_tokens or 0, answer.completion_tokens or 0
    return {"prompt_tokens": prompt, "completion_tokens": said, "total_tokens": prompt + said}
