"""The weights of a tuned model, brought home: the adapter alone, or merged into its base."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import httpx

from aitelier_nb.errors import ConnectionFailed
from aitelier_nb.progress import Progress
from aitelier_nb.providers.http import Client
from aitelier_nb.storage import archives, files

__all__ = ["download", "fetch"]

BLOCK = 1 << 20


def download(
    client: Client,
    job_id: str,
    path: Path,
    kind: Literal["adapter", "merged"] = "adapter",
    step: int | None = None,
) -> Path:
    """Write the archive of a job's weights to a path and return it; an unfinished one never lies there.

    Parameters
    ----------
    kind
        "adapter" for the local runtime or any vLLM server, "merged" for the whole model.
    step
        A checkpoint's step; the last one when None.

    Raises
    ------
    ConnectionFailed
        The connection broke before the end; nothing was written.
    """
    query: dict[str, str | int] = {"ft_id": job_id, "checkpoint": kind}
    if step is not None:
        query |= {"checkpoint_step": step}
    files.replace(path, _blocks(client, query, path.name))
    return path


def fetch(
    client: Client, job_id: str, folder: Path, kind: Literal["adapter", "merged"], step: int | None = None
) -> Path:
    """Bring a job's weights into a folder, unpacked, and return it; an unfinished one never lies there."""
    with archives.unpacked_into(folder) as packed:
        download(client, job_id, packed, kind, step)
    return folder


def _blocks(client: Client, query: dict[str, str | int], name: str) -> Iterator[bytes]:
    with client.stream("GET", "/finetune/download", params=query) as response:
        size = int(response.headers.get("content-length") or 0)
        with Progress(f"bytes of {name}", size or None) as progress:
            try:
                for block in response.iter_bytes(BLOCK):
                    yield block
                    progress.advance(len(block))
            except httpx.RequestError as error:
                raise ConnectionFailed(f"the download of {name} broke off", hint="run it again") from error
