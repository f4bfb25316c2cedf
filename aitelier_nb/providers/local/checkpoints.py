"""Checkpoints that can be trusted: sealed with the digests of their files, read only when these hold."""

from __future__ import annotations

import json
from pathlib import Path

from aitelier_nb.providers.local.library import sha256

__all__ = ["newest", "seal"]

SEAL = "whole.json"


def seal(checkpoint: Path) -> None:
    """Note the digest of each file of a checkpoint that has just been written."""
    digests = {file.name: sha256(file) for file in sorted(checkpoint.iterdir()) if file.name != SEAL}
    (checkpoint / SEAL).write_text(json.dumps(digests), "utf-8")


def newest(folder: Path) -> tuple[Path | None, list[Path]]:
    """Return the newest checkpoint whose files are as they were written, and the newer ones that are not."""
    broken: list[Path] = []
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        if _is_whole(checkpoint):
            return checkpoint, broken
        broken.append(checkpoint)
    return None, broken


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _is_whole(checkpoint: Path) -> bool:
    try:
        digests = json.loads((checkpoint / SEAL).read_text("utf-8"))
        return all(sha256(checkpoint / name) == digest for name, digest in digests.items())
    except (OSError, ValueError):
        return False
