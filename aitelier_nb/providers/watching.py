"""Watching what takes hours: single looks may fail, and the watching goes on while faults do not last."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from aitelier_nb.errors import ConnectionFailed, RateLimited, ResponseError, ServiceFailed

__all__ = ["Watch"]

T = TypeVar("T")

PASSING = (ConnectionFailed, RateLimited, ResponseError, ServiceFailed)
"""Faults that say nothing of what is watched: it goes on at the service."""
BORNE = 1800.0  # seconds of faults without a good look between them


class Watch:
    """Looks again and again, and bears faults that pass.

    Parameters
    ----------
    borne
        Seconds that faults may last before one of them is raised.
    """

    def __init__(self, borne: float = BORNE) -> None:
        self._borne = borne
        self._since: float | None = None
        self.fault = ""

    def look(self, see: Callable[[], T]) -> T | None:
        """Return what is to be seen, or None when this look failed; `fault` says why.

        Raises
        ------
        ProviderError
            A fault that no waiting mends, or one that has lasted for too long.
        """
        try:
            seen = see()
        except PASSING as error:
            now = time.monotonic()
            self._since = now if self._since is None else self._since
            if now - self._since >= self._borne:
                raise
            self.fault = str(error)
            return None
        self._since, self.fault = None, ""
        return seen
