"""How fast a service lets itself be asked: learnt from its headers and its refusals.

Requests start as long as the service said that there is room; a refusal halves how many are under
way, and each answer lets them grow again.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime

import anyio
import httpx

from aitelier_nb.providers.retries import LONGEST_RESET, asked_to_wait, seconds_of

__all__ = ["Pace", "Turn"]

ROOM = ("x-ratelimit-remaining-requests", "x-ratelimit-remaining")
RESET = ("x-ratelimit-reset-requests", "x-ratelimit-reset")
TOKENS = ("x-ratelimit-remaining-tokens", "x-tokenlimit-remaining")
TOKENS_RESET = ("x-ratelimit-reset-tokens", "x-tokenlimit-reset", *RESET)


class Turn:
    """One request under way: what its responses say goes to the pace.

    Attributes
    ----------
    number
        Which one it is, counted by when they started.
    """

    def __init__(self, pace: Pace, number: int) -> None:
        self._pace, self.number = pace, number
        self._refused = False

    def learn(self, response: httpx.Response) -> None:
        """Take in a response, whatever its status."""
        self._refused = response.status_code == httpx.codes.TOO_MANY_REQUESTS
        self._pace.learn(response, self.number)

    async def again(self, seconds: float) -> None:
        """Wait, then for a turn: those that were refused together must not come back together."""
        self._pace.leave(self.number)
        with self._pace.expecting(self._refused):
            await anyio.sleep(seconds)
            self.number = await self._pace.enter(returning=True)


class Pace:
    """Lets requests start one after the other, as fast as the service takes them.

    Parameters
    ----------
    limit
        How many may be under way at once, at most.
    """

    def __init__(self, limit: int) -> None:
        self._most = limit
        self._limit = float(limit)
        self._under_way: set[int] = set()
        self._started = 0
        self._expected = 0
        self._room: int | None = None
        self._resume = 0.0
        self._changed = anyio.Event()

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        return max(1, int(self._limit))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """Wait until a request may start, and count it as under way inside the block."""
        turn = Turn(self, await self.enter())
        try:
            yield turn
        finally:
            self.leave(turn.number)

    async def enter(self, *, returning: bool = False) -> int:
        """Wait until a request may start, count it as under way and return its number."""
        await self._wait(returning)
        self._started += 1
        self._under_way.add(self._started)
        if self._room is not None:
            self._room -= 1
        return self._started

    @contextmanager
    def expecting(self, refused: bool) -> Iterator[None]:
        """Let no other request begin before one that was refused comes back: it would take its place."""
        self._expected += refused
        try:
            yield
        finally:
            self._expected -= refused
            self._notify()

    def leave(self, number: int) -> None:
        """Count a request as under way no more."""
        self._under_way.discard(number)
        self._notify()

    def learn(self, response: httpx.Response, number: int) -> None:
        """Take in what a response to the request of that number says about limits."""
        now = time.monotonic()
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._limit = max(1.0, min(self._limit, len(self._under_way)) / 2)
            wish = asked_to_wait(response.headers, datetime.now(UTC))
            self._pause(now, wish if wish is not None else 0.0)
        elif response.is_success:
            self._limit = min(float(self._most), self._limit + 1 / self._limit)
        self._read(response.headers, number, now)
        self._notify()

    def _read(self, headers: Mapping[str, str], number: int, now: float) -> None:
        left = _first(headers, ROOM)
        reset = _first(headers, RESET)
        if left is not None and left >= 0 and reset is not None:
            uncounted = sum(other > number for other in self._under_way)
            self._room = max(0, int(left) - uncounted)
            if self._room == 0:
                self._pause(now, reset)
        tokens, refill = _first(headers, TOKENS), _first(headers, TOKENS_RESET)
        if tokens == 0 and refill is not None:
            self._pause(now, refill)

    def _pause(self, now: float, seconds: float) -> None:
        if 0 < seconds <= LONGEST_RESET:
            self._resume = max(self._resume, now + seconds)

    async def _wait(self, returning: bool) -> None:
        while True:
            pause = self._resume - time.monotonic()
            if pause > 0:
                await anyio.sleep(pause)
                self._room = None
            elif len(self._under_way) >= self.limit or self._room == 0 or (self._expected and not returning):
                await self._next_change()
            else:
                return

    async def _next_change(self) -> None:
        if self._room == 0 and not self._under_way:  # nobody is left to tell of new room
            self._room = None
            return
        await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _first(headers: Mapping[str, str], names: tuple[str, ...]) -> float | None:
    return next((seconds_of(headers[name]) for name in names if name in headers), None)
