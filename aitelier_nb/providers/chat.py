"""Chat completions on the wire: the body of a request, the answer in a response or in a stream.

The services share these shapes; where they differ, a `Dialect` says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aitelier_nb.errors import ProviderError, ResponseError, ServiceFailed, UsageError
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.redaction import quoted, redact
from aitelier_nb.schema import Answer

__all__ = ["Dialect", "StreamedAnswer", "answer_of", "body_of", "failed"]

TURN_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id", "refusal", "function_call")


@dataclass(frozen=True)
class Dialect:
    """How one service spells a chat request.

    `limit_key` is the key of the longest answer's tokens; `accepts` names the parameters that it
    knows; `usage_in_streams` says whether a stream has to be asked for its token counts.
    """

    path: str = "/chat/completions"
    limit_key: str = "max_tokens"
    accepts: frozenset[str] = frozenset({"temperature", "max_tokens", "seed", "top_p", "stop"})
    usage_in_streams: bool = True


def body_of(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """Return a request as it goes over the wire.

    Only parameters that were set are sent. Keys of a turn that only training reads (`weight`) are
    left out. A repeated sample of a seeded request gets the seeds that follow.

    Raises
    ------
    UsageError
        A parameter that the service does not take.
    """
    turns = [
        {key: turn[key] for key in TURN_KEYS if key in turn and (turn[key] is not None or key == "content")}
        for turn in request.messages
    ]
    body: dict[str, Any] = {"model": request.model, "messages": turns}
    for key, value in request.parameters.model_dump(mode="json", exclude_none=True).items():
        if key not in dialect.accepts:
            raise UsageError(f"this service takes no {key}", hint=f"leave {key} out")
        body[dialect.limit_key if key == "max_tokens" else key] = value
    if "seed" in body:
        body["seed"] += request.sample
    return body


def answer_of(data: Any, model: str, provider: str) -> Answer:
    """Return the answer in a chat completion.

    A refusal is an answer too: its words are the text, and `finish_reason` says "refusal".

    Raises
    ------
    ResponseError
        It holds no choice, or a choice without a message.
    """
    try:
        choice = data["choices"][0]
        message = choice["message"]
        refusal, text = message.get("refusal"), message.get("content")
        extra = {"tool_calls": message["tool_calls"]} if message.get("tool_calls") else {}
        reason = "refusal" if refusal else _reason(choice.get("finish_reason"), extra)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ResponseError(
            f"{provider} answered without a choice for {model}",
            hint="ask again; if it stays, tell the service",
        ) from error
    if isinstance(text, list):
        text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
    counts = _counts(data.get("usage"))
    return Answer(model=model, text=str(refusal or text or ""), finish_reason=reason, **counts, **extra)


@dataclass
class StreamedAnswer:
    """An answer that comes in pieces."""

    model: str
    provider: str
    pieces: list[str] = field(default_factory=list)
    reason: Any = None
    refused: bool = False
    begun: bool = False
    done: bool = False
    usage: Any = None

    def take(self, data: str) -> str:
        """Take in one event and return the text that it adds.

        Raises
        ------
        ServiceFailed
            The event is an error.
        ResponseError
            The event cannot be read.
        """
        self.begun = True
        if data == "[DONE]":
            self.done = True
            return ""
        try:
            chunk = json.loads(data)
            if chunk.get("error"):
                said = chunk["error"]
                words = said.get("message", said) if isinstance(said, dict) else said
                raise ServiceFailed(f"{self.provider} broke off: {quoted(words)}", hint="ask again")
            self.usage = chunk.get("usage") or self.usage
            choice = (chunk.get("choices") or [{}])[0]
            delta = choice.get("delta") or {}
            self.reason = choice.get("finish_reason") or self.reason
            self.refused = self.refused or bool(delta.get("refusal"))
            piece = str(delta.get("content") or delta.get("refusal") or "")
        except (ValueError, AttributeError, IndexError, KeyError, RecursionError, TypeError) as error:
            raise ResponseError(
                f"{self.provider} sent a piece that cannot be read", hint="ask again"
            ) from error
        if piece:
            self.pieces.append(piece)
        return piece

    def answer(self) -> Answer:
        """Return the whole answer; one that broke off says so and keeps its text."""
        ended = self.done or self.reason is not None
        return Answer(
            model=self.model,
            text="".join(self.pieces),
            finish_reason=("refusal" if self.refused else _reason(self.reason, {})) if ended else "error",
            **_counts(self.usage),
            error=None if ended else f"{self.provider} broke off in the middle of the answer",
        )


def failed(model: str, error: ProviderError) -> Answer:
    """Return the answer that stands for a failure, with its remedy."""
    words = f"{type(error).__name__}: {error}" + (f" ({error.hint})" if error.hint else "")
    return Answer(model=model, text="", finish_reason="error", error=redact(words))


def _counts(usage: Any) -> dict[str, Any]:
    """Return the token counts that a service tells, where they are counts."""
    told = usage if isinstance(usage, dict) else {}
    counts = {name: told.get(name) for name in ("prompt_tokens", "completion_tokens")}
    return {name: count for name, count in counts.items() if isinstance(count, int)}


def _reason(reason: Any, extra: Mapping[str, Any]) -> str:
    if extra or reason in ("tool_calls", "function_call"):
        return "tool_calls"
    if reason in ("length", "max_tokens"):
        return "length"
    if reason in ("content_filter", "safety"):
        return "content_filter"
    return "stop"
