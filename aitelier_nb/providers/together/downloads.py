"""The weights of a tuned model, brought home: the adapter alone, or merged into its base."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from aitelier_nb.providers import weights
from aitelier_nb.providers.http import Client
from aitelier_nb.storage import archives, files

__all__ = ["download", "fetch"]


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
    files.replace(path, weights.blocks(client, "/finetune/download", path.name, query))
    return path


def fetch(
    client: Client, job_id: str, folder: Path, kind: Literal["adapter", "merged"], step: int | None = None
) -> Path:
    """Bring a job's weights into a folder, unpacked, and return it; an unfinished one never lies there."""
    with archives.unpacked_into(folder) as packed:
        download(client, job_id, packed, kind, step)
    return folder
