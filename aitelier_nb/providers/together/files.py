"""Files on Together: uploaded once per content, and validated by the service before anything is spent."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from aitelier_nb.errors import CheckFailed, ResponseError
from aitelier_nb.interrupts import pause
from aitelier_nb.progress import Progress
from aitelier_nb.providers.contents import blocks, checked_size, name_of, sha256
from aitelier_nb.providers.faults import json_of, next_address
from aitelier_nb.providers.http import Client
from aitelier_nb.providers.shapes import WORD, id_in, rows
from aitelier_nb.providers.together import multipart
from aitelier_nb.redaction import quoted

__all__ = ["find", "upload", "wait_until_validated"]

LARGEST = 50_100_000_000  # bytes of a file, the service's own client's limit
BLOCK = 1 << 20
IN_ONE = 5 << 30  # bytes above which a file goes in parts
SHOWN_FROM = 8 << 20  # a smaller file is away before a bar could be read
MOVED = frozenset({301, 302, 303, 307, 308})
HOPS = 20
UNUSABLE = ("FAILED", "INVALID_FORMAT")
PENDING = ("PENDING", "QUEUED", "RUNNING")
NO_REDIRECT_WAY = frozenset({404, 405, 501})


def upload(client: Client, path: Path, purpose: str = "fine-tune", in_one: int = IN_ONE) -> str:
    """Return the id of a file with this content: the one that is there, or a new one.

    The name at the service carries the content's hash, so that it is found again. The bytes go
    to the address that the service gives, without the key; a service without that way takes
    them directly.

    Raises
    ------
    UsageError
        The file is empty or too large.
    """
    size = checked_size(path, LARGEST)
    digest = sha256(path)
    known = find(client, name_of(path, digest), size, purpose)
    if known is not None:
        return known
    fields = {
        "purpose": purpose,
        "file_name": name_of(path, digest),
        "file_type": "jsonl",
        "checksum": digest,
    }
    if size > in_one:
        return multipart.upload(client, path, fields)
    ways = frozenset({*MOVED, 409}) | NO_REDIRECT_WAY
    asked = client.send(
        "POST",
        "/files",
        repeatable=True,
        accept=ways,
        files={key: (None, value) for key, value in fields.items()},
    )
    if asked.status_code in NO_REDIRECT_WAY:
        return _directly(client, path, fields)
    if asked.status_code in MOVED:
        return _by_redirect(client, path, asked)
    return _id_in(json_of(asked, client.provider))  # there already, or stored at once


def find(client: Client, name: str, size: int, purpose: str = "fine-tune") -> str | None:
    """Return the id of a usable file of that name and size, or None."""
    for file in reversed(rows(client.json("GET", "/files"), "data", client.provider)):
        same = file.get("filename") == name and file.get("bytes") in (size, None)
        same = same and file.get("purpose") in (purpose, None)
        if same and file.get("processing_status") not in UNUSABLE:
            return id_in(file.get("id"), client.provider)
    return None


def wait_until_validated(
    client: Client, file_id: str, name: str, every: float, timeout: float = 1800.0
) -> None:
    """Return when the service has validated a file, or does not validate it.

    Parameters
    ----------
    every
        Seconds between two looks.
    timeout
        Seconds after which the service counts as stuck.

    Raises
    ------
    CheckFailed
        The service found a fault; the message quotes its report.
    """
    until = time.monotonic() + timeout
    with contextlib.ExitStack() as shown:
        progress: Progress | None = None
        while True:
            file = client.json("GET", f"/files/{file_id}")
            status = str(file["processing_status"]) if file.get("processing_status") else None
            if status in UNUSABLE or _report(file).get("valid") is False:
                raise _invalid(client, name, file)
            if status not in PENDING:
                return
            if time.monotonic() > until:
                raise ResponseError(
                    f"{client.provider} has not validated {name} in {timeout:g} s", hint="try again later"
                )
            progress = progress or shown.enter_context(
                Progress(f"looks at {name} by {client.provider}", lasting=False)
            )
            progress.advance(note=quoted(status, WORD).lower())
            pause(every)


def _by_redirect(client: Client, path: Path, asked: httpx.Response) -> str:
    """Put the bytes where the service says, then tell it that they are there."""
    file_id, address = asked.headers.get("x-together-file-id"), asked.headers.get("location")
    if not file_id or not address:
        raise ResponseError(f"{client.provider} gave no place for {path.name}", hint="try again later")
    headers = {"Content-Length": str(path.stat().st_size)}
    for _ in range(HOPS):
        put = client.send("PUT", address, accept=MOVED, content=lambda: _sent(path), headers=headers)
        if put.status_code not in MOVED:
            client.send("POST", f"/files/{id_in(file_id, client.provider)}/preprocess", repeatable=True)
            return str(file_id)
        address = next_address(put, client.provider)
    raise ResponseError(f"{client.provider} moves {path.name} from place to place", hint="try again later")


def _directly(client: Client, path: Path, fields: dict[str, str]) -> str:
    form = {key: fields[key] for key in ("purpose", "file_name", "file_type")}
    with path.open("rb") as file:

        def parts() -> dict[str, Any]:
            file.seek(0)
            return {"file": (fields["file_name"], file, "application/jsonl")}

        # a second copy of the same content costs nothing, so a broken upload is sent again
        return _id_in(client.json("POST", "/files/upload", repeatable=True, data=form, files=parts))


def _id_in(data: Any) -> str:
    found = data.get("file_id") or data.get("id") if isinstance(data, dict) else None
    return id_in(found, "together")


def _sent(path: Path) -> Iterator[bytes]:
    size = path.stat().st_size
    if size <= SHOWN_FROM:
        yield from blocks(path, BLOCK)
        return
    with Progress("bytes", size, lasting=False) as progress:
        for block in blocks(path, BLOCK):
            yield block
            progress.advance(len(block))


def _invalid(client: Client, name: str, file: dict[str, Any]) -> CheckFailed:
    report = _report(file)
    reason = quoted(report.get("error") or report.get("error_type") or file.get("processing_status"))
    return CheckFailed(f"{client.provider} refuses {name}: {reason}", hint="mend the file, then train again")


def _report(file: dict[str, Any]) -> dict[str, Any]:
    report = file.get("validation_report")
    return report if isinstance(report, dict) else {}
