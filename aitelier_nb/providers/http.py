"""One HTTP client under every hosted provider: explicit timeouts, patience with faults, typed errors.

The key is set by an httpx auth object at the last moment, and only for the service's own address.
"""

from __future__ import annotations

import functools
import random
import ssl
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx

from aitelier_nb.errors import ResponseError
from aitelier_nb.providers import faults
from aitelier_nb.providers.addresses import checked_address, is_loopback
from aitelier_nb.providers.retries import Patience, wait_before_retry
from aitelier_nb.redaction import Secret

__all__ = ["Client", "KeyAuth"]

TIMEOUT = httpx.Timeout(60.0, connect=5.0, pool=None)
CONNECTIONS = httpx.Limits(max_connections=None, max_keepalive_connections=64)
HOPS = 20  # redirects that are followed
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})

Seen = Callable[[httpx.Response], None]
Again = Callable[[float], Awaitable[object]]


class KeyAuth(httpx.Auth):
    """Puts the key into the header of a request that is about to leave, if there is a key."""

    def __init__(
        self, key: Callable[[], Secret | None], header: str = "Authorization", word: str = "Bearer "
    ) -> None:
        self._key, self._header, self._word = key, header, word

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Set the header."""
        secret = self._key()
        if secret is not None:
            request.headers[self._header] = self._word + secret.reveal()
        yield request


class Client:
    """Sends requests to one service and turns what comes back into JSON or one of our errors.

    Parameters
    ----------
    provider
        The service's name, for messages.
    base_url
        Where its paths begin; https, or http on this machine.
    auth
        Sets the key; None sends none.
    patience
        How faults are borne.
    timeout
        Seconds without a byte after which a request is given up; None keeps 60 s.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        auth: httpx.Auth | None = None,
        *,
        patience: Patience | None = None,
        timeout: float | None = None,
    ) -> None:
        self.provider = provider
        self.base_url = checked_address(base_url)
        self.patience = patience or Patience()
        self._auth = auth
        self._timeout = httpx.Timeout(timeout, pool=None) if timeout else TIMEOUT
        self._http: httpx.Client | None = None

    def json(
        self, method: str, path: str, *, repeatable: bool | None = None, bare: bool = False, **content: Any
    ) -> Any:
        """Send a request and return the JSON object in its answer; one that was garbled is read once more.

        Parameters
        ----------
        bare
            Whether a list that stands alone is an answer too.
        """

        def read(again: bool | None) -> Any:
            told = faults.json_of(self.send(method, path, repeatable=again, **content), self.provider)
            if not isinstance(told, (dict, list) if bare else dict):
                raise ResponseError(f"{self.provider} answered without an object", hint="try again later")
            return told

        try:
            return read(repeatable)
        except ResponseError:
            if method != "GET":
                raise
            time.sleep(self.patience.first)
            return read(None)

    def send(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool | None = None,
        accept: frozenset[int] = frozenset(),
        **content: Any,
    ) -> httpx.Response:
        """Send a request, again where that mends a fault, and return a response of status 2xx.

        Parameters
        ----------
        path
            Below the base URL; a full address goes there without the key.
        repeatable
            Whether sending it twice does no harm; None decides by the method.
        accept
            Further statuses that are an answer and no error.
        **content
            What httpx takes: json, params, data, files, content, headers. `content` and `files` that
            can be read only once are given as a callable.

        Raises
        ------
        ProviderError
            The service refused, failed, could not be reached or answered what cannot be read.
        """
        attempt = 0
        while True:
            attempt += 1
            request, auth = self._request(self._open(), method, path, content)
            outcome: httpx.Response | httpx.RequestError
            try:
                outcome = self._open().send(request, auth=auth)
            except httpx.RequestError as error:
                outcome = error
            wait = self._wait(attempt, outcome, method, repeatable=repeatable, accept=accept)
            if wait is None:
                return self._result(outcome, request, accept)
            time.sleep(wait)

    @contextmanager
    def stream(self, method: str, path: str, **content: Any) -> Iterator[httpx.Response]:
        """Send a request and give its response while the body still comes; redirects lose the key.

        Raises
        ------
        ProviderError
            The service refused, or could not be reached.
        """
        for _ in range(HOPS):
            request, auth = self._request(self._open(), method, path, content)
            try:
                response = self._open().send(request, auth=auth, stream=True)
            except httpx.RequestError as error:
                raise faults.connection_error(error, self.provider, request.url) from error
            if not response.is_redirect:
                break
            response.close()
            path, content = faults.next_address(response, self.provider), {}
        try:
            if not response.is_success:
                response.read()
                raise faults.response_error(response, self.provider)
            yield response
        finally:
            response.close()

    async def asend(
        self,
        http: httpx.AsyncClient,
        path: str,
        body: Mapping[str, Any],
        *,
        seen: Seen = lambda _: None,
        again: Again = anyio.sleep,
    ) -> httpx.Response:
        """POST a body that may be sent twice and return a response of status 2xx.

        Parameters
        ----------
        http
            The client of the running event loop, from `asynchronous`.
        seen
            Told of every response, refused ones included: rate limits are learnt from it.
        again
            Waits so many seconds before the next attempt.
        """
        return await self._asend(http, path, body, seen, again, stream=False)

    async def astream(
        self,
        http: httpx.AsyncClient,
        path: str,
        body: Mapping[str, Any],
        *,
        seen: Seen = lambda _: None,
        again: Again = anyio.sleep,
    ) -> AsyncIterator[bytes]:
        """POST a body and yield the answer's bytes as they come; only its beginning is tried again."""
        response = await self._asend(http, path, body, seen, again, stream=True)
        try:
            async for block in response.aiter_bytes():
                yield block
        except httpx.RequestError as error:
            raise faults.connection_error(error, self.provider, response.request.url) from error
        finally:
            await response.aclose()

    async def _asend(
        self,
        http: httpx.AsyncClient,
        path: str,
        body: Mapping[str, Any],
        seen: Seen,
        again: Again,
        *,
        stream: bool,
    ) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            request, auth = self._request(http, "POST", path, {"json": body})
            outcome: httpx.Response | httpx.RequestError
            try:
                outcome = await http.send(request, auth=auth, stream=stream)
                if stream and not outcome.is_success:
                    await outcome.aread()
                seen(outcome)
            except httpx.RequestError as error:
                outcome = error
            wait = self._wait(attempt, outcome, "POST", repeatable=True, accept=frozenset())
            if wait is None:
                return self._result(outcome, request, frozenset())
            await again(wait)

    def asynchronous(self) -> httpx.AsyncClient:
        """Return a client for the running event loop; the caller closes it."""
        return httpx.AsyncClient(
            timeout=self._timeout, limits=CONNECTIONS, trust_env=not self._on_this_machine
        )

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        if self._http is not None:
            self._http.close()
            self._http = None

    @property
    def _on_this_machine(self) -> bool:
        return is_loopback(httpx.URL(self.base_url).host)

    def _open(self) -> httpx.Client:
        if self._http is None:
            trust = not self._on_this_machine
            self._http = httpx.Client(
                timeout=self._timeout, limits=CONNECTIONS, trust_env=trust, verify=_certificates()
            )
            weakref.finalize(self, self._http.close)  # for callers that forget to
        return self._http

    def _request(
        self, http: httpx.Client | httpx.AsyncClient, method: str, path: str, content: Mapping[str, Any]
    ) -> tuple[httpx.Request, httpx.Auth | None]:
        own = not path.startswith(("http://", "https://"))
        whole = f"{self.base_url}/{path.removeprefix('/')}" if own else path
        fresh = {name: value() if callable(value) else value for name, value in content.items()}
        request = http.build_request(method, checked_address(whole, keep=True), **fresh)
        return request, self._auth if own else None

    def _wait(
        self,
        attempt: int,
        outcome: httpx.Response | httpx.RequestError,
        method: str,
        *,
        repeatable: bool | None,
        accept: frozenset[int],
    ) -> float | None:
        if isinstance(outcome, httpx.Response) and (outcome.is_success or outcome.status_code in accept):
            return None
        return wait_before_retry(
            attempt,
            outcome,
            repeatable=method in REPEATABLE if repeatable is None else repeatable,
            patience=self.patience,
            now=datetime.now(UTC),
            jitter=random.random(),  # noqa: S311 - spreads callers, decides nothing
        )

    def _result(
        self, outcome: httpx.Response | httpx.RequestError, request: httpx.Request, accept: frozenset[int]
    ) -> httpx.Response:
        if isinstance(outcome, httpx.RequestError):
            raise faults.connection_error(outcome, self.provider, request.url) from outcome
        if not outcome.is_success and outcome.status_code not in accept:
            raise faults.response_error(outcome, self.provider)
        return outcome


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Return the certificates that are trusted, read once: reading them takes longer than a request."""
    return httpx.create_ssl_context()
