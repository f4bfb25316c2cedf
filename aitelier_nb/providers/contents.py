"""Files on their way to a service: read in blocks, named by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from aitelier_nb.errors import UsageError

__all__ = ["blocks", "checked_size", "name_of", "sha256"]


def sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def name_of(path: Path, digest: str) -> str:
    """Return the name of a file at a service: its own, and the start of its content's hash."""
    return f"{path.stem}-{digest[:16]}{path.suffix}"


def checked_size(path: Path, largest: int) -> int:
    """Return a file's size in bytes.

    Raises
    ------
    UsageError
        The file is empty, or larger than the service takes.
    """
    size = path.stat().st_size
    if not 0 < size <= largest:
        raise UsageError(f"{path.name} has {size:,} bytes", hint=f"1 to {largest:,} bytes are taken")
    return size


def blocks(path: Path, size: int) -> Iterator[bytes]:
    """Yield a file's bytes, so many at a time."""
    with path.open("rb") as file:
        while block := file.read(size):
            yield block
