"""When a request is sent again, and how long to wait before: pure decisions, no clock and no socket."""

from __future__ import annotations

import email.utils
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx

__all__ = ["LONGEST_RESET", "Patience", "asked_to_wait", "seconds_of", "wait_before_retry"]

BUSY = frozenset({429})
BROKEN = frozenset({408, 500, 502, 503, 504, 520, 522, 524, 529})
SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "quota_exceeded"})
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LIMITS = {
    "x-ratelimit-reset-requests": "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-tokens": "x-ratelimit-remaining-tokens",
    "x-tokenlimit-reset": "x-tokenlimit-remaining",
    "x-ratelimit-reset": "x-ratelimit-remaining",
}
"""Headers that say when a limit opens again, each with the one that says what is left of it."""
LONGEST_RESET = 60.0  # seconds that a reset may make us wait; beyond it is no duration but a clock
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


def seconds_of(text: str) -> float | None:
    """Return a duration in seconds: "6m0s", "120ms", "1.5", or None when it is none of these."""
    text = text.strip()
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * UNITS[unit] for number, unit in parts)
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def asked_to_wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that a refusal asks for, or None.

    It says so by Retry-After in ms, in seconds or as a date, else by when a used-up limit opens again.
    """
    wish = seconds_of(headers.get("retry-after-ms", ""))
    if wish is not None:
        return wish / 1000
    wish = seconds_of(headers.get("retry-after", ""))
    if wish is not None:
        return wish
    date = _date(headers.get("retry-after", ""))
    return (date - now).total_seconds() if date is not None else _reset(headers)


def _date(text: str) -> datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else None


def _reset(headers: Mapping[str, str]) -> float | None:
    used_up = [
        seconds_of(headers[reset])
        for reset, left in LIMITS.items()
        if reset in headers and not seconds_of(headers.get(left, ""))
    ]
    return max((wait for wait in used_up if wait and 0 < wait <= LONGEST_RESET), default=None)


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
