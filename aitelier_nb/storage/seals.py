"""A derived file and, beside it, the hash of all its bytes: a flipped bit is noticed at memory speed."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import xxhash

__all__ = ["sealed", "stands"]

BLOCK = 1 << 20

_known: dict[Path, tuple[int, int, int]] = {}  # files that were written or read whole, as they were then


class _Hashed(io.RawIOBase):
    """A file to write to that keeps the hash of what passes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb")
        self.hash = xxhash.xxh3_128()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.hash.update(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def sealed(path: Path) -> Iterator[_Hashed]:
    """Open a new file to write; at the end of the block it is put in place whole, with its seal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    seal = new.with_suffix(".seal")
    try:
        with _Hashed(new) as sink:
            yield sink
        now = _state(new)
        seal.write_text(sink.hash.hexdigest())
        os.replace(new, path)  # noqa: PTH105 - derived, so it is not synced
        os.replace(seal, _seal(path))  # noqa: PTH105
        _known[path] = now
    except BaseException:
        for left in (new, seal):
            with contextlib.suppress(OSError):
                left.unlink()
        raise


def _state(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _seal(path: Path) -> Path:
    return path.with_suffix(".seal")


def stands(path: Path) -> bool:
    """Say whether a file is as it was written; it is read once, and again when it has changed."""
    try:
        now = _state(path)
        if _known.get(path) == now:
            return True
        found, block = xxhash.xxh3_128(), bytearray(BLOCK)
        with path.open("rb", buffering=0) as stream:
            while count := stream.readinto(block):
                found.update(memoryview(block)[:count])
        if found.hexdigest() != _seal(path).read_text():
            return False
    except (OSError, UnicodeDecodeError):
        return False
    _known[path] = now
    return True
