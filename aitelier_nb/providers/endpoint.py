"""A provider's models behind OpenAI's chat dialect, on this machine's loopback alone.

Any client of that dialect can ask them: the official package, our own `compatible` provider, an editor.
Each request needs the token, and a browser's page of another name is refused whatever it sends.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from typing import Any, Protocol
from urllib.parse import urlsplit

from aitelier_nb.errors import AitelierError, ModelMissing, NotCallable, NotFound, UsageError
from aitelier_nb.providers.addresses import is_loopback
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.providers.completions import Chunks, completion, request_of
from aitelier_nb.redaction import redact
from aitelier_nb.schema import Answer

__all__ = ["Endpoint"]

LOOPBACK = "127.0.0.1"
LARGEST = 8 << 20  # bytes of a request
ABSENT = (ModelMissing, NotCallable, NotFound)

Pieces = Generator[str, None, Answer]
"""An answer's text as it comes, and the whole answer as what the generator returns."""


class Streaming(Protocol):
    """A provider that gives answers in pieces."""

    def stream(self, request: ChatRequest) -> Pieces:
        """Yield pieces of text, and return the whole answer."""
        ...


class Endpoint:
    """A server in threads of this process; it answers from `start` until `stop`."""

    def __init__(
        self,
        provider: Streaming,
        models: Callable[[], Mapping[str, str]],
        *,
        port: int = 0,
        token: str | None = None,
    ) -> None:
        """Take the port; `models` gives the names that are offered, each with the provider's own name."""
        self.provider, self.models = provider, models
        self.token = token or secrets.token_urlsafe(24)
        self.born = int(time.time())
        try:
            self._server = _Server((LOOPBACK, port), _Handler)
        except OSError as error:
            raise UsageError(
                f"port {port} cannot be taken: {(error.strerror or str(error)).lower()}",
                hint="name another port (--port)",
            ) from error
        self._server.endpoint = self
        self._thread = threading.Thread(target=self._server.serve_forever, name="ait serve", daemon=True)

    @property
    def address(self) -> str:
        """The base URL that clients are given."""
        return f"http://{LOOPBACK}:{self._server.server_port}/v1"

    @property
    def runs(self) -> bool:
        """Whether requests are answered now."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more, and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    endpoint: Endpoint


class _Handler(BaseHTTPRequestHandler):
    """One request: is it allowed, what does it ask, and the answer whole or in pieces."""

    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """List the models."""
        if not self._is_allowed():
            return
        if urlsplit(self.path).path != "/v1/models":
            self._refuse(HTTPStatus.NOT_FOUND, "there is only /v1/models and /v1/chat/completions")
            return
        born = self.server.endpoint.born
        data = [
            {"id": name, "object": "model", "created": born, "owned_by": "aitelier"}
            for name in self.server.endpoint.models()
        ]
        self._send(HTTPStatus.OK, {"object": "list", "data": data})

    def do_POST(self) -> None:
        """Answer a conversation."""
        body = self._body()
        if body is None or not self._is_allowed():
            return
        if urlsplit(self.path).path != "/v1/chat/completions":
            self._refuse(HTTPStatus.NOT_FOUND, "there is only /v1/models and /v1/chat/completions")
            return
        try:
            asked = json.loads(body)
            request = request_of(asked, self.server.endpoint.models())
            self._answer(asked, self.server.endpoint.provider.stream(request))
        except (ValueError, UsageError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
        except AitelierError as error:
            status = HTTPStatus.NOT_FOUND if isinstance(error, ABSENT) else HTTPStatus.INTERNAL_SERVER_ERROR
            self._refuse(status, f"{error} ({error.hint})" if error.hint else str(error))

    def _answer(self, asked: Mapping[str, Any], pieces: Pieces) -> None:
        """Send an answer whole or in pieces; an error before its first piece is still an error."""
        events = _events(pieces)
        first = next(events)
        if not asked.get("stream"):
            whole = deque(chain([first], events), maxlen=1).pop()
            assert isinstance(whole, Answer)  # noqa: S101 - it comes last
            self._send(HTTPStatus.OK, completion(whole, asked["model"]))
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self._stream(asked, chain([first], events))

    def _stream(self, asked: Mapping[str, Any], events: Iterator[str | Answer]) -> None:
        """Send pieces as they come; where nobody reads any more the answer is finished unread.

        To break it off would end the model's process, and loading it again takes longer.
        """
        said = Chunks(asked)
        reads = self._write(said.opening())
        try:
            for event in events:
                reads = reads and self._write(*said.of(event))
        except AitelierError as error:
            reads = reads and self._write({"error": _error(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))})
        if reads:
            self._write("[DONE]")

    def _write(self, *events: Any) -> bool:
        """Send events, and say whether anybody reads them."""
        lines = [event if isinstance(event, str) else json.dumps(event) for event in events]
        try:
            self.wfile.write("".join(f"data: {line}\n\n" for line in lines).encode())
            self.wfile.flush()
        except OSError:
            return False
        return True

    def _is_allowed(self) -> bool:
        """Refuse whoever has no token, and pages that reach this port under another name."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname or ""
        if not is_loopback(host):
            self._refuse(HTTPStatus.FORBIDDEN, "this server answers under the name of this machine alone")
            return False
        given = self.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        if not secrets.compare_digest(given, self.server.endpoint.token.encode()):
            self._refuse(HTTPStatus.UNAUTHORIZED, "the token is missing or another one")
            return False
        return True

    def _body(self) -> bytes | None:
        """Return the request's body, or refuse one that is too large or of unknown length."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST:
            self.close_connection = True
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has up to {LARGEST} bytes")
            return None
        return self.rfile.read(int(length))

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._send(status, {"error": _error(status, message)})

    def _send(self, status: HTTPStatus, value: Mapping[str, Any]) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Log nothing: a conversation is nobody else's business."""


def _events(pieces: Pieces) -> Iterator[str | Answer]:
    """Yield the pieces of an answer, and the whole answer last."""
    whole = yield from pieces
    yield whole


def _error(status: HTTPStatus, message: str) -> dict[str, Any]:
    """Return an error as clients of the dialect read it."""
    kind = "server_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    return {
        "message": redact(message),
        "type": kind,
        "param": None,
        "code": status.phrase.lower().replace(" ", "_"),
    }
