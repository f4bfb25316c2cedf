"""The lines of a batch: requests on their way out, answers and errors on their way back."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

import httpx

from aitelier_nb.errors import ConnectionFailed, ProviderError
from aitelier_nb.providers import chat, faults
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.providers.http import Client
from aitelier_nb.providers.shapes import WORD, name_in
from aitelier_nb.redaction import quoted
from aitelier_nb.schema import Answer

__all__ = ["answers_in", "faults_of", "parted"]

URL = "/v1/chat/completions"
TRIES = 4


class Limits(Protocol):
    """What a service takes in one file."""

    @property
    def addressed(self) -> bool:
        """Whether a line names method and address."""
        ...

    @property
    def most(self) -> int:
        """Requests of a file."""
        ...

    @property
    def largest(self) -> int:
        """Bytes of a file."""
        ...


def parted(
    requests: Mapping[str, ChatRequest], dialect: chat.Dialect, limits: Limits
) -> Iterator[tuple[list[str], list[bytes]]]:
    """Yield (ids, lines) of files that a service takes: one model each, within its limits."""
    by_model: dict[str, list[tuple[str, bytes]]] = {}
    for name, request in requests.items():
        line = _line(name, request, dialect, addressed=limits.addressed)
        by_model.setdefault(request.model, []).append((name, line))
    for lines in by_model.values():
        part: list[tuple[str, bytes]] = []
        size = 0
        for name, line in lines:
            if part and (len(part) == limits.most or size + len(line) > limits.largest):
                yield [one for one, _ in part], [one for _, one in part]
                part, size = [], 0
            part.append((name, line))
            size += len(line)
        yield [one for one, _ in part], [one for _, one in part]


def _line(name: str, request: ChatRequest, dialect: chat.Dialect, *, addressed: bool) -> bytes:
    where = {"method": "POST", "url": URL} if addressed else {}
    return json.dumps({"custom_id": name, **where, "body": chat.body_of(request, dialect)}).encode() + b"\n"


def answers_in(
    client: Client, batch: Mapping[str, Any], ids: Collection[str], provider: str
) -> Iterator[tuple[str, Answer]]:
    """Yield (id, answer) for every request of a batch that has ended; one without a line says so."""
    missing = dict.fromkeys(ids)
    for key in ("output_file_id", "error_file_id"):
        for line in _lines(client, name_in(batch.get(key), provider)):
            name = str(line.get("custom_id"))
            if name in missing:
                del missing[name]
                yield name, _answer(line, provider)
    word = quoted(batch.get("status", ""), WORD).lower()
    for name in missing:
        reason = f"{provider}'s batch ended ({word}) without an answer to this; run again to ask for it"
        yield name, Answer(model="", text="", finish_reason="error", error=reason)


def faults_of(batch: Mapping[str, Any]) -> str:
    """Return what a service says is wrong with a batch as a whole."""
    found = batch.get("errors") or {}
    listed = found.get("data") if isinstance(found, dict) else found
    said = [
        (f"line {one['line']}: " if one.get("line") else "") + str(one.get("message") or one.get("code"))
        for one in (listed if isinstance(listed, list) else [])[:3]
        if isinstance(one, dict)
    ]
    return quoted("; ".join(said) or batch.get("error") or "it gives no reason")


def _lines(client: Client, file_id: str | None) -> Iterator[dict[str, Any]]:
    if not file_id:
        return
    for raw in _content(client, f"/files/{file_id}/content").split(b"\n"):
        if raw.strip():
            try:
                line = json.loads(raw)
            except (ValueError, RecursionError):
                continue  # its request counts as one without a line
            if isinstance(line, dict):
                yield line


def _content(client: Client, path: str) -> bytes:
    """Return a file at the service whole; one that broke off is read again."""
    for attempt in range(1, TRIES + 1):
        try:
            with client.stream("GET", path) as response:
                return response.read()
        except (httpx.RequestError, ConnectionFailed) as error:
            if attempt == TRIES:
                raise ConnectionFailed(
                    f"the answers of the batch cannot be read: {quoted(error)}",
                    hint="run it again",
                ) from error
            time.sleep(client.patience.first * 2**attempt)
    raise AssertionError("the loop ends by return or raise")


def _answer(line: Mapping[str, Any], provider: str) -> Answer:
    response = line.get("response")
    body = response.get("body") if isinstance(response, dict) else None
    if isinstance(body, dict) and body.get("choices"):
        try:
            return chat.answer_of(body, str(body.get("model", "")), provider)
        except ProviderError as error:
            return chat.failed("", error)
    told: Any = next((part for part in (line.get("error"), body, response) if part), {})
    words = faults.words_of(told if isinstance(told, dict) else {"message": told})
    status = response.get("status_code") if isinstance(response, dict) else None
    said = f"{provider} refused " + (f"with HTTP {status}" if type(status) is int else "this request")
    return Answer(model="", text="", finish_reason="error", error=f"{said}: {words}" if words else said)
