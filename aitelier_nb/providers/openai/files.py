"""Files at OpenAI: uploaded once per content, in one request or in parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aitelier_nb.errors import ProviderError
from aitelier_nb.progress import Progress
from aitelier_nb.providers.contents import blocks, checked_size, name_of, sha256
from aitelier_nb.providers.http import Client
from aitelier_nb.providers.shapes import id_in, rows

__all__ = ["find", "listed", "upload"]

IN_ONE = 512_000_000  # bytes that one request takes
PART = 64_000_000
LARGEST = 8_000_000_000
PAGE = 10_000


def upload(
    client: Client, path: Path, purpose: str = "fine-tune", in_one: int = IN_ONE, part: int = PART
) -> str:
    """Return the id of a file with this content: the one that is there, or a new one.

    The name at the service carries the content's hash, so that it is found again.

    Raises
    ------
    UsageError
        The file is empty or too large.
    """
    size = checked_size(path, LARGEST)
    name = name_of(path, sha256(path))
    known = find(client, name, size, purpose)
    if known is not None:
        return known
    if size > in_one:
        return _in_parts(client, path, name, purpose, part)
    with path.open("rb") as file:

        def parts() -> dict[str, Any]:
            file.seek(0)
            return {"file": (name, file, "application/jsonl")}

        # a second copy of the same content costs nothing, so a broken upload is sent again
        told = client.json("POST", "/files", repeatable=True, data={"purpose": purpose}, files=parts)
    return _id_of(told)


def find(client: Client, name: str, size: int, purpose: str = "fine-tune") -> str | None:
    """Return the id of a usable file of that name and size, or None."""
    for file in listed(client, "/files", purpose=purpose, limit=PAGE):
        same = file.get("filename") == name and file.get("bytes") in (size, None)
        if same and file.get("status") != "error":
            return id_in(file.get("id"), client.provider)
    return None


def listed(client: Client, path: str, **query: Any) -> Iterator[dict[str, Any]]:
    """Yield what a list at the service holds, page after page."""
    after: dict[str, str] = {}
    while True:
        page = client.json("GET", path, params=query | after)
        found = rows(page, "data", client.provider)
        yield from found
        if not page.get("has_more") or not found:
            return
        after = {"after": id_in(found[-1].get("id"), client.provider)}


def _in_parts(client: Client, path: Path, name: str, purpose: str, part: int) -> str:
    size = path.stat().st_size
    body = {"filename": name, "purpose": purpose, "bytes": size, "mime_type": "application/jsonl"}
    upload_id = _id_of(client.json("POST", "/uploads", repeatable=True, json=body))
    try:
        part_ids, checksum = [], hashlib.md5(usedforsecurity=False)
        with Progress("bytes", size, lasting=False) as progress:
            for block in blocks(path, part):
                checksum.update(block)
                # a part that was sent twice is named once in the end
                sent = client.json(
                    "POST", f"/uploads/{upload_id}/parts", repeatable=True, files={"data": (name, block)}
                )
                part_ids.append(_id_of(sent))
                progress.advance(len(block))
        done = {"part_ids": part_ids, "md5": checksum.hexdigest()}
        told = client.json("POST", f"/uploads/{upload_id}/complete", repeatable=True, json=done)
    except (ProviderError, KeyboardInterrupt):
        client.send("POST", f"/uploads/{upload_id}/cancel", repeatable=True)
        raise
    return _id_of(told.get("file"))


def _id_of(data: Any) -> str:
    return id_in(data.get("id") if isinstance(data, dict) else None, "openai")
