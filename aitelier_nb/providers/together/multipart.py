"""A file of more than 5 GiB goes to Together in parts; a part that breaks is sent again, not the whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aitelier_nb.errors import ProviderError, ResponseError
from aitelier_nb.progress import Progress
from aitelier_nb.providers.http import Client
from aitelier_nb.providers.shapes import id_in, read_from

__all__ = ["upload"]

PART = 250_000_000  # bytes of a part that are aimed at
MOST = 250  # parts of a file
BLOCK = 1 << 20


def upload(client: Client, path: Path, fields: Mapping[str, str], part: int = PART) -> str:
    """Return the id of the uploaded file.

    Parameters
    ----------
    fields
        What the service is told about it: purpose, file_name, file_type, checksum.
    part
        Bytes of a part; more when the file would have more than 250.
    """
    size = path.stat().st_size
    length = max(part, -(-size // MOST))
    count = -(-size // length)
    asked = {**fields, "file_size": size, "num_parts": count}
    told = client.json("POST", "/files/multipart/initiate", repeatable=True, json=asked)
    place = {key: id_in(told.get(key), client.provider) for key in ("upload_id", "file_id")}
    try:
        with Progress("bytes", size) as progress:
            sent = [_send(client, path, one, length, progress) for one in _in_order(told, count)]
        done = client.json("POST", "/files/multipart/complete", repeatable=True, json=place | {"parts": sent})
    except (ProviderError, KeyboardInterrupt):
        client.send("POST", "/files/multipart/abort", repeatable=True, json=place)
        raise
    return id_in((done.get("file") or {}).get("id") or told["file_id"], client.provider)


@read_from("together")
def _in_order(told: Mapping[str, Any], count: int) -> list[Mapping[str, Any]]:
    parts = sorted(told.get("parts") or [], key=lambda one: int(one["PartNumber"]))
    if [int(one["PartNumber"]) for one in parts] != list(range(1, count + 1)):
        raise ResponseError(f"together gave places for {len(parts)} of {count} parts", hint="try again later")
    return parts


def _send(
    client: Client, path: Path, place: Mapping[str, Any], length: int, progress: Progress
) -> dict[str, Any]:
    """Put one part where the service says, without the key, and return its receipt."""
    number = int(place["PartNumber"])
    start = (number - 1) * length
    size = min(length, path.stat().st_size - start)
    headers = {**(place.get("Headers") or {}), "Content-Length": str(size)}
    answer = client.send(
        "PUT", str(place["URL"]), content=lambda: _stretch(path, start, size), headers=headers
    )
    progress.advance(size)
    return {"part_number": number, "etag": answer.headers.get("etag", "")}


def _stretch(path: Path, start: int, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while size > 0 and (block := file.read(min(BLOCK, size))):
            size -= len(block)
            yield block
