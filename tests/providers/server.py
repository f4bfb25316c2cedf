"""A real HTTP server on loopback that fails on purpose; services are plain functions of a request.

with Server(TogetherService()) as server:
    server.fail("POST /fine-tunes", reset_after_commit)
    ...
    assert server.count("POST /fine-tunes") == 1
"""

from __future__ import annotations

import email.utils
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Request:
    """What a client sent."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, bytes]:
        """Return the parts of a multipart body; `NAME.filename` holds a part's file name."""
        kind = self.headers.get("content-type", "")
        boundary = b"--" + kind.split("boundary=")[1].encode()
        parts: dict[str, bytes] = {}
        for piece in self.body.split(boundary)[1:-1]:
            head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            names = dict(re.findall(rb'(\w+)="([^"]*)"', head))
            name = names[b"name"].decode()
            parts[name] = content.removesuffix(b"\r\n")
            if b"filename" in names:
                parts[f"{name}.filename"] = names[b"filename"]
        return parts


@dataclass
class Response:
    """What the server answers; `chunks` are sent one by one with a pause between."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] | None = None
    pause: float = 0.0


class Service(Protocol):
    def __call__(self, request: Request) -> Response: ...


Fault = Callable[["Handler", Request, Service], None]


def status(code: int, body: Any = None, **headers: str) -> Fault:
    """Answer with a status; header names are written with underscores."""

    def act(handler: Handler, request: Request, service: Service) -> None:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.reply(
            Response(
                code, {"error": {"message": f"made to fail with {code}"}} if body is None else body, sent
            )
        )

    return act


def until_a_date(handler: Handler, request: Request, service: Service) -> None:
    """Refuse until the next second, given as an HTTP date."""
    date = email.utils.formatdate(time.time() + 1, usegmt=True)
    status(429, retry_after=date)(handler, request, service)


BUSY: dict[str, Fault] = {
    "429": status(429),
    "429 seconds": status(429, retry_after="0.02"),
    "429 date": until_a_date,
    "429 date in the past": status(429, retry_after="Wed, 21 Oct 2015 07:28:00 GMT"),
    "429 ms": status(429, retry_after_ms="5", retry_after="600"),
    "429 reset": status(429, x_ratelimit_reset="0.02", x_ratelimit_remaining="0"),
    "429 reset of requests": status(429, x_ratelimit_reset_requests="12ms"),
    "429 reset of tokens": status(429, x_tokenlimit_reset="0.02", x_tokenlimit_remaining="0"),
    "429 reset on a clock": status(429, x_ratelimit_reset="1795348800"),
    "429 nonsense": status(429, retry_after="soon", retry_after_ms="nan", x_ratelimit_remaining="inf"),
}
"""Refusals that pass, with every kind of header that says when."""

TOO_BUSY: dict[str, Fault] = {
    "seconds": status(429, retry_after="600"),
    "date": status(429, retry_after="Wed, 21 Oct 2099 07:28:00 GMT"),
    "ms": status(429, retry_after_ms="600000"),
    "reset": status(429, x_ratelimit_reset_requests="50s", x_ratelimit_remaining_requests="0"),
}
"""Refusals that ask for a longer wait than anybody bears."""


def reset(handler: Handler, request: Request, service: Service) -> None:
    """Break the connection before anything was done."""
    handler.break_off()


def reset_after_commit(handler: Handler, request: Request, service: Service) -> None:
    """Do what was asked and break the connection before the answer."""
    service(request)
    handler.break_off()


def slow(seconds: float) -> Fault:
    """Do what was asked and answer late."""

    def act(handler: Handler, request: Request, service: Service) -> None:
        answer = service(request)
        handler.server.stopping.wait(seconds)
        handler.reply(answer)

    return act


def raw(body: bytes, code: int = 200, kind: str = "application/json", *, commit: bool = False) -> Fault:
    """Answer with bytes as they are: malformed, empty, a web page."""

    def act(handler: Handler, request: Request, service: Service) -> None:
        if commit:
            service(request)
        handler.reply(Response(code, body, {"content-type": kind}))

    return act


def cut(handler: Handler, request: Request, service: Service) -> None:
    """Do what was asked and break off in the middle of the answer."""
    answer = json.dumps(service(request).body).encode()
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(answer)))
    handler.end_headers()
    handler.wfile.write(answer[: len(answer) // 2])
    handler.wfile.flush()
    handler.break_off()


class Handler(BaseHTTPRequestHandler):
    """Reads a request, logs it, applies the next fault or asks the service."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def serve(self) -> None:
        with self.server.at_work():
            self._serve()

    def _serve(self) -> None:
        if self.server.faults_before_reading(f"{self.command} {urlsplit(self.path).path}"):
            self.rfile.read(100)
            self.break_off()
            return
        parts = urlsplit(self.path)
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else self._chunked()
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
        fault = self.server.arrived(request)
        if fault is not None:
            fault(self, request, self.server.service)
        else:
            self.reply(self.server.service(request))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = serve  # noqa: N815 - the names that http.server calls

    def reply(self, response: Response) -> None:
        body = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
        headers = {"content-type": "application/json"} | response.headers
        try:
            self.send_response(response.status)
            for name, value in headers.items():
                self.send_header(name, value)
            if response.chunks is None:
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            else:
                self.send_header("connection", "close")
                self.end_headers()
                for chunk in response.chunks:
                    self.wfile.write(chunk)
                    self.wfile.flush()
                    time.sleep(response.pause)
                self.close_connection = True
        except OSError:
            self.server.disconnects += 1
            self.close_connection = True

    def break_off(self) -> None:
        """Close the connection with a reset instead of an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.wfile = _Nowhere()  # type: ignore[assignment]
        self.rfile.close()
        self.connection.close()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _chunked(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return b""
        body = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


class _Nowhere:
    closed = False

    def write(self, data: bytes) -> int:
        return len(data)

    def flush(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        self.closed = True


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, service: Service) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.service = service
        self.log: list[Request] = []
        self.faults: dict[str, list[Fault]] = {}
        self.unread: dict[str, int] = {}
        self.disconnects = 0
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._working = 0
        self._rest = threading.Condition(self._lock)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count a request that is being answered."""
        with self._lock:
            self._working += 1
        try:
            yield
        finally:
            with self._rest:
                self._working -= 1
                self._rest.notify_all()

    def rest(self) -> None:
        """Wait until every request is answered, or its reader known to be gone."""
        with self._rest:
            self._rest.wait_for(lambda: not self._working, timeout=20)

    def arrived(self, request: Request) -> Fault | None:
        with self._lock:
            self.log.append(request)
            name = f"{request.method} {request.path}"
            for pattern, waiting in self.faults.items():
                if waiting and re.fullmatch(pattern, name):
                    return waiting.pop(0)
        return None

    def faults_before_reading(self, name: str) -> bool:
        with self._lock:
            for pattern, left in self.unread.items():
                if left and re.fullmatch(pattern, name):
                    self.unread[pattern] -= 1
                    return True
        return False

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news."""
        self.disconnects += 1


class Server:
    """The server for the time of a block, under `url`."""

    def __init__(self, service: Service, prefix: str = "") -> None:
        self._listener = _Listener(service)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,), daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.server_port}{prefix}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stopping.set()
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()
        self._listener.rest()

    def fail(self, what: str, *faults: Fault) -> None:
        """Meet the next requests of that method and path (a regular expression) with these faults."""
        self._listener.faults.setdefault(what, []).extend(faults)

    def break_uploads(self, what: str, times: int = 1) -> None:
        """Break the connection in the middle of the next request bodies."""
        self._listener.unread[what] = times

    @property
    def log(self) -> list[Request]:
        return self._listener.log

    @property
    def disconnects(self) -> int:
        return self._listener.disconnects

    def count(self, what: str) -> int:
        return sum(1 for _ in self.requests(what))

    def requests(self, what: str) -> Iterator[Request]:
        yield from (r for r in list(self.log) if re.fullmatch(what, f"{r.method} {r.path}"))
