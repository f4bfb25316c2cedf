"""When a request is sent again, and how long to wait before: pure decisions, no clock and no socket."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx

__all__ = ["Patience", "asked_to_wait", "wait_before_retry"]

BUSY = frozenset({429})
BROKEN = frozenset({408, 500, 502, 503, 504, 520, 522, 524, 529})
SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "quota_exceeded"})
UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Patience:
    """How long a fault is borne.

    Parameters
    ----------
    attempts
        How often a request is sent at most.
    first
        Seconds before the second attempt; doubled each time.
    longest
        Seconds that the doubling ends at.
    asked
        Seconds that a service may ask us to wait; a longer wish is an error at once.
    """

    attempts: int = 5
    first: float = 0.5
    longest: float = 8.0
    asked: float = 60.0


def asked_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that the service asks for (Retry-After in ms, in seconds or as a date), or None."""
    try:
        return float(headers["retry-after-ms"]) / 1000
    except (KeyError, ValueError):
        pass
    wish = headers.get("retry-after", "")
    try:
        return float(wish)
    except ValueError:
        pass
    try:
        date = email.utils.parsedate_to_datetime(wish)
    except ValueError:
        return None
    return (date - now).total_seconds() if date.tzinfo else None


def wait_before_retry(
    attempt: int,
    outcome: httpx.Response | httpx.RequestError,
    *,
    repeatable: bool,
    patience: Patience,
    now: datetime,
    jitter: float,
) -> float | None:
    """Return the seconds to wait before the request is sent again, or None when it must not be.

    Parameters
    ----------
    attempt
        How often it was sent already, from 1.
    outcome
        What came back.
    repeatable
        Whether doing it twice does no harm; the creation of a job is not.
    jitter
        A number from 0 to 1; shortens the wait by up to a quarter, so that callers spread out.
    """
    if attempt >= patience.attempts or not _may_repeat(attempt, outcome, repeatable=repeatable):
        return None
    backoff = min(patience.first * 2.0 ** (attempt - 1), patience.longest) * (1 - jitter / 4)
    wish = asked_to_wait(outcome.headers, now) if isinstance(outcome, httpx.Response) else None
    if wish is None or wish <= 0:
        return backoff
    return wish if wish <= patience.asked else None


def _may_repeat(attempt: int, outcome: httpx.Response | httpx.RequestError, *, repeatable: bool) -> bool:
    if isinstance(outcome, UNSENT):
        return True
    if isinstance(outcome, httpx.ReadTimeout):
        return repeatable and attempt == 1  # a service that hangs is not asked for long
    if isinstance(outcome, httpx.RequestError):
        return repeatable
    if outcome.headers.get("x-should-retry") == "false":
        return False
    if outcome.status_code in BUSY:
        return not _spent(outcome)
    wanted = outcome.headers.get("x-should-retry") == "true"
    return repeatable and (wanted or outcome.status_code in BROKEN)


def _spent(response: httpx.Response) -> bool:
    """Tell a used-up credit, which no waiting mends, from too many requests."""
    return any(f'"{word}"' in response.text for word in SPENT)
