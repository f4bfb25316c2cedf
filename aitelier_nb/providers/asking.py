"""Many requests at once, each answer handed on as it arrives, until done or interrupted.

The requests run on an event loop of a thread of their own, so this works in a script, in a
terminal and in a notebook whose own loop is busy.
"""

from __future__ import annotations

import queue
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc
import httpx
from anyio.from_thread import start_blocking_portal

from aitelier_nb.errors import (
    AitelierError,
    AuthenticationError,
    KeyMissing,
    ProviderError,
    QuotaExceeded,
    UsageError,
)
from aitelier_nb.interrupts import check
from aitelier_nb.providers import chat, faults
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.providers.http import Client
from aitelier_nb.providers.pacing import Pace
from aitelier_nb.providers.sse import EventReader
from aitelier_nb.schema import Answer

__all__ = ["CONCURRENCY", "Line", "answers", "ask_all", "streams"]

CONCURRENCY = 16
LOOK = 0.05  # seconds after which a wait is looked up from, where signals do not end it
TICK = 0.1  # seconds after which an event loop wakes, so that an interrupt is noticed
FOR_ALL = (UsageError, KeyMissing, AuthenticationError, QuotaExceeded)
"""Errors that every further request would meet: they end the whole, after what has arrived."""

Arrived = tuple[int, Any]
Give = Callable[[Arrived], None]


@dataclass(frozen=True)
class Line:
    """The way to one service: its client, its dialect, and how many requests may be under way.

    `asked_as` holds the models that are asked under another name, that of an endpoint.
    """

    client: Client
    dialect: chat.Dialect
    concurrency: int = CONCURRENCY
    asked_as: Mapping[str, str] = field(default_factory=dict)

    def body_of(self, request: ChatRequest) -> dict[str, Any]:
        """Return a request as it leaves."""
        body = chat.body_of(request, self.dialect)
        return body | {"model": self.asked_as.get(request.model, request.model)}


def answers(line: Line, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
    """Yield (place in requests, answer) as each arrives.

    An interrupt cancels what is under way within a moment; what had arrived is yielded first.

    Raises
    ------
    KeyMissing, AuthenticationError, QuotaExceeded
        No further request can succeed; what had arrived is yielded first.
    """
    yield from _through_portal(ask_all, line, requests)


def streams(line: Line, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, str | Answer]]:
    """Yield (place, piece of text) as pieces come, and (place, the whole answer) at each end."""
    yield from _through_portal(_stream_all, line, requests)


async def ask_all(line: Line, requests: Sequence[ChatRequest], give: Give) -> None:
    """Ask with so many at once and hand each answer on."""

    async def one(http: httpx.AsyncClient, pace: Pace, place: int) -> None:
        give((place, await _ask(line, http, requests[place], pace)))

    await _each(line, len(requests), one)


async def _stream_all(line: Line, requests: Sequence[ChatRequest], give: Give) -> None:
    async def one(http: httpx.AsyncClient, pace: Pace, place: int) -> None:
        give((place, await _stream(line, http, requests[place], pace, lambda piece: give((place, piece)))))

    await _each(line, len(requests), one)


async def _each(
    line: Line, count: int, one: Callable[[httpx.AsyncClient, Pace, int], Awaitable[None]]
) -> None:
    """Do `one` for each place, so many at a time; end at the first error that holds for all."""
    pace = Pace(line.concurrency)
    places = iter(range(count))
    ending: list[AitelierError] = []

    async def work(http: httpx.AsyncClient, group: anyio.abc.TaskGroup) -> None:
        for place in places:
            try:
                await one(http, pace, place)
            except FOR_ALL as error:
                ending.append(error)
                group.cancel_scope.cancel()
                return

    async def tick() -> None:
        while True:  # noqa: ASYNC110 - it waits for nothing; it only wakes the loop
            await anyio.sleep(TICK)

    async with line.client.asynchronous() as http, anyio.create_task_group() as ticking:
        ticking.start_soon(tick)
        async with anyio.create_task_group() as group:
            for _ in range(min(line.concurrency, count)):
                group.start_soon(work, http, group)
        ticking.cancel_scope.cancel()
    if ending:
        raise ending[0]


async def _ask(line: Line, http: httpx.AsyncClient, request: ChatRequest, pace: Pace) -> Answer:
    """Return one answer; a fault of this request alone is an answer with `error`."""
    body = line.body_of(request)
    try:
        async with pace.turn() as turn:
            response = await line.client.asend(
                http, line.dialect.path, body, seen=turn.learn, again=turn.again
            )
        return chat.answer_of(
            faults.json_of(response, line.client.provider), request.model, line.client.provider
        )
    except FOR_ALL:
        raise
    except ProviderError as error:
        return chat.failed(request.model, error)


async def _stream(
    line: Line, http: httpx.AsyncClient, request: ChatRequest, pace: Pace, give: Callable[[str], None]
) -> Answer:
    """Return one answer after handing on its pieces; one that breaks off keeps its text.

    A server that knows no streams answers with one JSON document, which is taken as it is.
    """
    body = line.body_of(request) | {"stream": True}
    if line.dialect.usage_in_streams:
        body["stream_options"] = {"include_usage": True}
    reader, growing = EventReader(), chat.StreamedAnswer(request.model, line.client.provider)
    document = bytearray()

    def take(events: list[str]) -> None:
        for event in events:
            piece = growing.take(event)
            if piece:
                give(piece)

    try:
        async with pace.turn() as turn:
            async for block in line.client.astream(
                http, line.dialect.path, body, seen=turn.learn, again=turn.again
            ):
                document += block if not growing.begun else b""
                take(reader.feed(block))
            take(reader.end())
        if not growing.begun:
            return chat.answer_of(
                faults.json_in(bytes(document), line.client.provider), request.model, line.client.provider
            )
    except FOR_ALL:
        raise
    except ProviderError as error:
        return chat.failed(request.model, error).model_copy(update={"text": "".join(growing.pieces)})
    return growing.answer()


def _through_portal(
    work: Callable[[Line, Sequence[ChatRequest], Give], Awaitable[None]],
    line: Line,
    requests: Sequence[ChatRequest],
) -> Iterator[Arrived]:
    """Run asynchronous work on a thread of its own and yield what it gives."""
    if not requests:
        return
    arrived: queue.SimpleQueue[Arrived | None] = queue.SimpleQueue()
    with start_blocking_portal() as portal:
        running = portal.start_task_soon(work, line, requests, arrived.put)
        running.add_done_callback(lambda _: arrived.put(None))
        try:
            yield from _until_done(arrived)
        except KeyboardInterrupt:
            running.cancel()
            yield from _until_done(arrived, heeding=False)
            raise
        except GeneratorExit:
            running.cancel()
            raise
        failure = running.exception()
    if failure is not None:
        raise failure


def _until_done(arrived: queue.SimpleQueue[Arrived | None], *, heeding: bool = True) -> Iterator[Arrived]:
    while True:
        try:
            one = arrived.get(timeout=LOOK)
        except queue.Empty:
            if heeding:
                check()
            continue
        if one is None:
            return
        yield one
