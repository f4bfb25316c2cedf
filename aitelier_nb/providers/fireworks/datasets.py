"""Datasets at Fireworks: one per content, named by its hash."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aitelier_nb.errors import CheckFailed, NotFound, ResponseError, UsageError
from aitelier_nb.interrupts import pause
from aitelier_nb.providers.contents import blocks, sha256
from aitelier_nb.providers.http import Client
from aitelier_nb.providers.shapes import read_from
from aitelier_nb.redaction import quoted

__all__ = ["name_of", "upload"]

IN_ONE = 150_000_000  # bytes that one request takes
BLOCK = 1 << 20
MOST_EXAMPLES = 3_000_000
CONFLICT = frozenset({409})


def name_of(path: Path) -> str:
    """Return the id of a file's dataset: the start of its content's hash, behind its own name."""
    stem = "".join(letter if letter.isalnum() else "-" for letter in path.stem.lower())
    return f"{stem}-{sha256(path)[:16]}"


def upload(client: Client, root: str, path: Path, every: float, timeout: float = 1800.0) -> str:
    """Return the id of a dataset with this content, when the service has taken it in.

    Parameters
    ----------
    root
        The account's path, as in "/accounts/acme".
    every
        Seconds between two looks at a dataset that is being taken in.
    timeout
        Seconds after which the service counts as stuck.

    Raises
    ------
    CheckFailed
        The service refuses the content.
    """
    dataset = name_of(path)
    place = f"{root}/datasets/{dataset}"
    if not _is_ready(client, place):
        examples = _count(path)
        if not 0 < examples <= MOST_EXAMPLES:
            raise UsageError(
                f"{path.name} has {examples:,} examples", hint=f"3 to {MOST_EXAMPLES:,} are taken"
            )
        body = {"datasetId": dataset, "dataset": {"userUploaded": {}, "exampleCount": str(examples)}}
        client.send("POST", f"{root}/datasets", repeatable=True, accept=CONFLICT, json=body)
        _send(client, place, path)
        _wait(client, place, path, every, timeout)
    return dataset


def _is_ready(client: Client, place: str) -> bool:
    try:
        return bool(client.json("GET", place).get("state") == "READY")
    except NotFound:
        return False


def _send(client: Client, place: str, path: Path) -> None:
    """Send the bytes: in one request, or to an address that the service signs, without the key."""
    size = path.stat().st_size
    if size < IN_ONE:
        with path.open("rb") as file:

            def parts() -> dict[str, Any]:
                file.seek(0)
                return {"file": (path.name, file, "application/jsonl")}

            client.send("POST", f"{place}:upload", repeatable=True, files=parts)
        return
    asked = {"filenameToSize": {path.name: str(size)}}
    told = client.json("POST", f"{place}:getUploadEndpoint", repeatable=True, json=asked)
    headers = {
        "Content-Length": str(size),
        "Content-Type": "application/octet-stream",
        "x-goog-content-length-range": f"{size},{size}",
    }
    address = _address(told, path.name)
    client.send("PUT", address, content=lambda: blocks(path, BLOCK), headers=headers)
    client.send("POST", f"{place}:validateUpload", repeatable=True, json={})


@read_from("fireworks")
def _address(told: Mapping[str, Any], name: str) -> str:
    return str(told["filenameToSignedUrls"][name])


def _wait(client: Client, place: str, path: Path, every: float, timeout: float) -> None:
    until = time.monotonic() + timeout
    while True:
        told = client.json("GET", place)
        status = told["status"] if isinstance(told.get("status"), dict) else {}
        if told.get("state") == "READY":
            return
        if status.get("code") not in (None, "", "OK"):
            raise CheckFailed(
                f"fireworks refuses {path.name}: {quoted(status.get('message'))}", hint="mend the file"
            )
        if time.monotonic() > until:
            raise ResponseError(
                f"fireworks has not taken in {path.name} in {timeout:g} s", hint="try again later"
            )
        pause(every)


def _count(path: Path) -> int:
    return sum(block.count(b"\n") for block in blocks(path, BLOCK))
