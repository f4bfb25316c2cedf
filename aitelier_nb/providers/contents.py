"""Files on their way to a service: read in blocks, named by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

__all__ = ["blocks", "name_of", "sha256"]


def sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def name_of(path: Path, digest: str) -> str:
    """Return the name of a file at a service: its own, and the start of its content's hash."""
    return f"{path.stem}-{digest[:16]}{path.suffix}"


def blocks(path: Path, size: int) -> Iterator[bytes]:
    """Yield a file's bytes, so many at a time."""
    with path.open("rb") as file:
        while block := file.read(size):
            yield block
