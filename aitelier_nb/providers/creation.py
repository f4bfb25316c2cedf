"""A job, or a batch, is created once, although no service takes an idempotency key.

A request whose fate is unclear (the connection broke, the service failed, the answer was garbled)
is never sent again before the service's own list says that nothing came of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import httpx

from aitelier_nb.errors import ConnectionFailed, ProviderError, ResponseError, ServiceFailed
from aitelier_nb.providers.retries import Patience

__all__ = ["create_once"]

T = TypeVar("T")

UNCLEAR = (ConnectionFailed, ServiceFailed, ResponseError)
LOOKS = 3  # a list may lag behind: it is read so often before a job counts as not there
TRIES = 3


def create_once(create: Callable[[], T], find: Callable[[], T | None], patience: Patience) -> T:
    """Return the job or batch that `create` starts, or the one it had started before its answer was lost.

    Parameters
    ----------
    create
        Sends the request, once.
    find
        Looks in the service's list for a job that the request started.

    Raises
    ------
    ProviderError
        Refused, or its fate stays unclear: then the next call looks again before it creates.
    """
    for attempt in range(1, TRIES + 1):
        try:
            return create()
        except UNCLEAR as error:
            found = _look(find, error, patience)
            if found is not None:
                return found
            if attempt == TRIES or isinstance(error.__cause__, httpx.ReadTimeout):
                raise _unclear(error) from error
    raise AssertionError("the loop ends by return or raise")


def _look(find: Callable[[], T | None], reason: ProviderError, patience: Patience) -> T | None:
    for look in range(LOOKS):
        time.sleep(min(patience.first * 2**look, patience.longest))
        try:
            found = find()
        except ProviderError as error:
            raise _unclear(reason) from error
        if found is not None:
            return found
    return None


def _unclear(reason: ProviderError) -> ProviderError:
    return type(reason)(
        f"it is not clear whether the job was started: {reason}",
        hint="run this again later: it first looks for the job, so there will not be two",
    )
