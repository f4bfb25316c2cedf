"""Chat completions over one client: many at once, each answer handed on as it arrives.

The services share the shape of the request and of the answer; where they differ, a `Dialect` says so.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
from anyio.from_thread import start_blocking_portal

from aitelier_nb.errors import (
    AitelierError,
    AuthenticationError,
    KeyMissing,
    ProviderError,
    QuotaExceeded,
    ResponseError,
    UsageError,
)
from aitelier_nb.providers import faults
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.providers.http import Client
from aitelier_nb.providers.pacing import Pace
from aitelier_nb.redaction import redact
from aitelier_nb.schema import Answer

__all__ = ["CONCURRENCY", "Dialect", "answer_of", "answers", "body_of"]

CONCURRENCY = 16
LOOK = 0.25  # seconds after which a wait is looked up from, where signals do not end it
FOR_ALL = (UsageError, KeyMissing, AuthenticationError, QuotaExceeded)
"""Errors that every further request would meet: they end the whole, after what has arrived."""

TURN_KEYS = ("role", "content", "name", "tool_calls", "tool_call_id", "refusal", "function_call")


@dataclass(frozen=True)
class Dialect:
    """How one service spells a chat request.

    `limit_key` is the key of the longest answer's tokens; `accepts` names the parameters that it knows.
    """

    path: str = "/chat/completions"
    limit_key: str = "max_tokens"
    accepts: frozenset[str] = frozenset({"temperature", "max_tokens", "seed", "top_p", "stop"})


def body_of(request: ChatRequest, dialect: Dialect) -> dict[str, Any]:
    """Return a request as it goes over the wire.

    Only parameters that were set are sent. Keys of a turn that only training reads (`weight`) are
    left out. A repeated sample of a seeded request gets the seeds that follow.
    """
    turns = [
        {key: turn[key] for key in TURN_KEYS if key in turn and (turn[key] is not None or key == "content")}
        for turn in request.messages
    ]
    body: dict[str, Any] = {"model": request.model, "messages": turns}
    for key, value in request.parameters.model_dump(mode="json", exclude_none=True).items():
        if key in dialect.accepts:
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
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ResponseError(
            f"{provider} answered without a choice for {model}",
            hint="ask again; if it stays, tell the service",
        ) from error
    if isinstance(text, list):
        text = "".join(str(part.get("text", "")) for part in text if isinstance(part, dict))
    usage = data.get("usage") or {}
    extra = {"tool_calls": message["tool_calls"]} if message.get("tool_calls") else {}
    return Answer(
        model=model,
        text=str(refusal or text or ""),
        finish_reason="refusal" if refusal else _reason(choice.get("finish_reason"), extra),
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
        **extra,
    )


def answers(
    client: Client,
    requests: Sequence[ChatRequest],
    dialect: Dialect,
    concurrency: int = CONCURRENCY,
) -> Iterator[tuple[int, Answer]]:
    """Yield (place in requests, answer) as each arrives.

    An interrupt cancels what is under way within a moment; what had arrived is yielded first.

    Parameters
    ----------
    concurrency
        How many requests are under way at most; fewer when the service says so.

    Raises
    ------
    KeyMissing, AuthenticationError, QuotaExceeded
        No further request can succeed; what had arrived is yielded first.
    """
    if not requests:
        return
    arrived: queue.SimpleQueue[tuple[int, Answer] | None] = queue.SimpleQueue()
    with start_blocking_portal() as portal:
        work = portal.start_task_soon(_ask_all, client, requests, dialect, concurrency, arrived.put)
        work.add_done_callback(lambda _: arrived.put(None))
        try:
            yield from _until_done(arrived)
        except KeyboardInterrupt:
            work.cancel()
            yield from _until_done(arrived)
            raise
        except GeneratorExit:
            work.cancel()
            raise
        failure = work.exception()
    if failure is not None:
        raise failure


def _until_done(arrived: queue.SimpleQueue[tuple[int, Answer] | None]) -> Iterator[tuple[int, Answer]]:
    while True:
        try:
            one = arrived.get(timeout=LOOK)
        except queue.Empty:
            continue
        if one is None:
            return
        yield one


async def _ask_all(
    client: Client,
    requests: Sequence[ChatRequest],
    dialect: Dialect,
    concurrency: int,
    give: Callable[[tuple[int, Answer]], None],
) -> None:
    """Ask with so many at once, hand each answer on, and end at the first error that holds for all."""
    pace = Pace(concurrency)
    places = iter(range(len(requests)))
    fatal: list[AitelierError] = []

    async def work(http: httpx.AsyncClient, group: anyio.abc.TaskGroup) -> None:
        for place in places:
            try:
                give((place, await _ask(client, http, requests[place], dialect, pace)))
            except FOR_ALL as error:
                fatal.append(error)
                group.cancel_scope.cancel()
                return

    async with client.asynchronous() as http, anyio.create_task_group() as group:
        for _ in range(min(concurrency, len(requests))):
            group.start_soon(work, http, group)
    if fatal:
        raise fatal[0]


async def _ask(
    client: Client, http: httpx.AsyncClient, request: ChatRequest, dialect: Dialect, pace: Pace
) -> Answer:
    """Return one answer; a fault of this request alone is an answer with `error`."""
    try:
        async with pace.turn() as turn:
            response = await client.asend(http, dialect.path, body_of(request, dialect), seen=turn.learn)
        return answer_of(faults.json_of(response, client.provider), request.model, client.provider)
    except FOR_ALL:
        raise
    except ProviderError as error:
        return failed(request.model, error)


def failed(model: str, error: ProviderError) -> Answer:
    """Return the answer that stands for a failure, with its remedy."""
    words = f"{type(error).__name__}: {error}" + (f" ({error.hint})" if error.hint else "")
    return Answer(model=model, text="", finish_reason="error", error=redact(words))


def _reason(reason: Any, extra: Mapping[str, Any]) -> str:
    if extra or reason in ("tool_calls", "function_call"):
        return "tool_calls"
    if reason in ("length", "max_tokens"):
        return "length"
    if reason in ("content_filter", "safety"):
        return "content_filter"
    return "stop"
