"""Files of weights that a service signs an address each for, brought into a folder whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from aitelier_nb.errors import ConnectionFailed, NotCallable, StorageError
from aitelier_nb.progress import Progress
from aitelier_nb.providers.http import Client
from aitelier_nb.providers.shapes import WORD
from aitelier_nb.redaction import quoted
from aitelier_nb.storage import files

__all__ = ["blocks", "fetch"]

BLOCK = 1 << 20


def fetch(client: Client, addresses: Mapping[str, str], folder: Path) -> Path:
    """Download each file to its name in the folder and return the folder; the key goes to none of them.

    Raises
    ------
    NotCallable
        There is no file.
    StorageError
        The folder holds something, or a name leads out of it.
    ConnectionFailed
        A connection broke before the end; nothing was written.
    """
    if not addresses:
        raise NotCallable(f"{client.provider} gives no files of this model", hint="run it again later")
    if folder.exists() and any(folder.iterdir()):
        raise StorageError(f"{folder} is not empty", hint="name a new folder")
    work = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(work, ignore_errors=True)
    try:
        for name, address in addresses.items():
            place = work / name
            if not place.resolve().is_relative_to(work.resolve()):
                raise StorageError(f"{quoted(name, WORD)!r} leads out of the folder", hint="tell the service")
            place.parent.mkdir(parents=True, exist_ok=True)
            files.replace(place, blocks(client, address, name))
        shutil.rmtree(folder, ignore_errors=True)
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def blocks(
    client: Client, address: str, name: str, params: Mapping[str, str | int] | None = None
) -> Iterator[bytes]:
    """Yield what lies at an address, a block of at most a megabyte at a time, under a progress bar.

    Parameters
    ----------
    client
        The service's client.
    address
        A path of the service, or a whole signed address.
    name
        What the bar and an error call it.
    params
        The query.

    Raises
    ------
    ConnectionFailed
        The connection broke before the end.
    """
    shown = quoted(name, WORD)
    with (
        client.stream("GET", address, params=params) as response,
        Progress(f"bytes of {shown}", lasting=False) as progress,
    ):
        progress.total = int(response.headers.get("content-length") or 0) or None
        try:
            for block in response.iter_bytes(BLOCK):
                yield block
                progress.advance(len(block))
        except httpx.RequestError as error:
            raise ConnectionFailed(
                f"the download of {quoted(name, WORD)} broke off", hint="run it again"
            ) from error
