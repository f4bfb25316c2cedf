"""What a list at Fireworks holds, page after page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aitelier_nb.providers.http import Client
from aitelier_nb.providers.shapes import rows

__all__ = ["listed"]

PAGE = "200"


def listed(client: Client, root: str, collection: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of an account's collection."""
    page: dict[str, str] = {}
    while True:
        told = client.json("GET", f"{root}/{collection}", params={"pageSize": PAGE} | page)
        yield from rows(told, collection, client.provider)
        if not told.get("nextPageToken"):
            return
        page = {"pageToken": str(told["nextPageToken"])}
