"""What a service answers, as JSON or as one of our errors: one sentence, with the service's own words."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import httpx

from aitelier_nb.errors import (
    AuthenticationError,
    ConnectionFailed,
    NotCallable,
    NotFound,
    PermissionRefused,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    ResponseError,
    ServiceFailed,
)
from aitelier_nb.providers.retries import SPENT, asked_to_wait
from aitelier_nb.providers.shapes import WORD
from aitelier_nb.redaction import quoted

__all__ = ["connection_error", "json_in", "json_of", "next_address", "response_error", "words_of"]


BY_STATUS: dict[int, tuple[type[ProviderError], str]] = {
    401: (AuthenticationError, "check the key: ait key {provider}"),
    402: (QuotaExceeded, "add credit to the account at {provider}"),
    403: (PermissionRefused, "ask the owner of the account for access"),
    404: (NotFound, "check the name; it may be of another account, or deleted"),
    410: (NotFound, "{provider} has closed this for good: look for a newer version of aitelier-nb"),
    413: (ProviderError, "send less at once"),
    429: (RateLimited, "wait a while, or lower concurrency="),
}
NOT_SERVED = re.compile(r"non-serverless|dedicated endpoint", re.IGNORECASE)


def json_of(response: httpx.Response, provider: str) -> Any:
    """Return the body as JSON.

    Raises
    ------
    ResponseError
        It is empty, cut off, a web page or no JSON.
    """
    return json_in(response.content, provider, response.status_code)


def json_in(body: bytes, provider: str, status: int = 200) -> Any:
    """Return what a body holds as JSON.

    Raises
    ------
    ResponseError
        It is empty, cut off, a web page or no JSON.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ResponseError(
            f"{provider} answered HTTP {status} with {_kind(body)} where JSON was expected",
            hint="check the base URL; if it is right, the service is in trouble: try again later",
        ) from error


def next_address(response: httpx.Response, provider: str) -> str:
    """Return where a redirect leads.

    Raises
    ------
    ResponseError
        Nowhere.
    """
    try:
        return str(response.url.join(response.headers["location"]))
    except (KeyError, httpx.InvalidURL) as error:
        raise ResponseError(f"{provider} redirects to no address", hint="try again later") from error


def response_error(response: httpx.Response, provider: str) -> ProviderError:
    """Return the error that a response of status 300 or above means."""
    status, body = response.status_code, _body(response)
    words = words_of(body)
    said = f"{provider} refused with HTTP {status}" + (
        f": {words}" if words else f" and {_kind(response.content)}"
    )
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ServiceFailed(said.replace("refused", "failed", 1), hint="try again later")
    if _codes(body) & SPENT:
        return QuotaExceeded(said, hint=f"add credit to the account at {provider}")
    if NOT_SERVED.search(words):
        hint = "ait deploy gives it an endpoint, ait export adapter FOLDER brings its weights home"
        return NotCallable(said, hint=hint)
    kind, hint = BY_STATUS.get(status, (ProviderError, "change the request as it says"))
    wish = asked_to_wait(response.headers, datetime.now(UTC)) if kind is RateLimited else None
    if wish is not None and wish >= 1:
        said += f" (it asks to wait {wish:.0f} s)"
    return kind(said, hint=hint.format(provider=provider))


def connection_error(error: httpx.RequestError, provider: str, url: httpx.URL) -> ConnectionFailed:
    """Return the error that a failed connection means; the address is named without its query."""
    place = quoted(f"{url.scheme}://{url.host}{f':{url.port}' if url.port else ''}", WORD)
    if isinstance(error, httpx.ReadTimeout):
        return ConnectionFailed(f"{provider} ({place}) gave no answer in time", hint="try again later")
    reason = quoted(error) or type(error).__name__
    return ConnectionFailed(
        f"the connection to {provider} ({place}) failed: {reason}", hint="check the network and the base URL"
    )


def _body(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def words_of(body: Any) -> str:
    """Return a service's own words: {"error": {"message"}}, {"error": text}, {"message"} or {"detail"}."""
    if not isinstance(body, dict):
        return ""
    said = body.get("error", body)
    if isinstance(said, dict):
        said = said.get("message", said.get("detail", ""))
    if isinstance(said, list):
        said = "; ".join(str(one.get("msg", one)) if isinstance(one, dict) else str(one) for one in said)
    return "" if said is None else quoted(said)


def _codes(body: Any) -> set[str]:
    error = body.get("error", body) if isinstance(body, dict) else None
    return {str(error.get(key)) for key in ("code", "type")} if isinstance(error, dict) else set()


def _kind(body: bytes) -> str:
    if not body.strip():
        return "an empty body"
    if body.lstrip()[:1] == b"<":
        return "a web page"
    return f"text that is no JSON ({len(body)} bytes)"
