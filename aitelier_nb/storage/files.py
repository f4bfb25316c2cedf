"""Bytes on disk: appended and synced, or replaced whole; a refusal of the disk leaves the old file intact."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from aitelier_nb.errors import StorageError

__all__ = [
    "Opened",
    "Replacement",
    "Signature",
    "Source",
    "Span",
    "append",
    "copied",
    "extend",
    "read_at",
    "refusal",
    "refusals",
    "replace",
    "replacing",
    "signature",
    "sync_folder",
    "write_all",
]

BLOCK = 1 << 22
GATHERED = 1 << 20  # bytes that are written at once
SHORT = 1 << 14  # bytes of a stretch that is not worth a call of the system
APPENDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT

REMEDIES = {
    errno.ENOSPC: "free some space on this disk, then run it again",
    errno.EDQUOT: "free some of your quota, then run it again",
    errno.EFBIG: "raise the limit on file size (ulimit -f), then run it again",
    errno.EROFS: "copy the project to a disk that can be written",
    errno.EACCES: "give yourself the right to write there (chmod u+w), or copy the project",
    errno.EPERM: "give yourself the right to write there (chmod u+w), or copy the project",
}


Signature = tuple[int, ...]


def signature(stat: os.stat_result) -> Signature:
    """Return what changes when a file changes: inode, size and time in nanoseconds."""
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


class Source(Protocol):
    """What is read by offset as one file is."""

    def read(self, start: int, length: int) -> bytes:
        """Read a stretch; shorter only at the end."""


class Span(NamedTuple):
    """A stretch of an open file, `start` to `stop` in bytes, to be copied as it stands."""

    descriptor: int
    start: int
    stop: int


class Opened:
    """A file that is open, for reading if nothing else is said, as long as this object lives."""

    def __init__(self, path: Path, flags: int = os.O_RDONLY) -> None:
        self.descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)

    def signature(self) -> Signature:
        """Return what changes when the file changes."""
        return signature(os.fstat(self.descriptor))

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


@contextmanager
def refusals(path: Path, doing: str = "written") -> Iterator[None]:
    """Turn what the disk refuses inside the block into a StorageError with its remedy."""
    try:
        yield
    except OSError as error:
        raise refusal(path, error, doing) from error


def refusal(path: Path, error: OSError, doing: str = "written") -> StorageError:
    """Return what the disk refused, with its remedy."""
    reason = (os.strerror(error.errno) if error.errno else str(error)).lower()
    hint = REMEDIES.get(error.errno or 0, "check the disk and the folder, then run it again")
    return StorageError(f"{path} could not be {doing}: {reason}", hint=hint)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte; one call of the system for all that fits one."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])


def append(path: Path, data: bytes) -> os.stat_result:
    """Add bytes to the end of a file and sync it; on a refusal the file is cut back to what it was.

    The caller holds the lock, so that nobody else writes in between. Returns the file's state after it.
    """
    with refusals(path):
        file = Opened(path, APPENDING)
        before = file.signature()[1]
        after = extend(file, data, before)
        if not before:
            sync_folder(path.parent)
        return after


def extend(file: Opened, data: bytes, before: int) -> os.stat_result:
    """Add bytes to an open file of a known size, and sync it; on a refusal it is cut back to that."""
    descriptor = file.descriptor
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
        return os.fstat(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, before)
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, chunks: Iterable[bytes | Span]) -> os.stat_result:
    """Put the new content in place whole, or leave the file as it was; return the new file's state."""
    with replacing(path) as new:
        new.write(_gathered(chunks))
    return new.state


class Replacement:
    """A file's new content on its way; `state` is the new file's once it is in place."""

    state: os.stat_result

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, chunks: Iterable[bytes | Span]) -> None:
        """Add to the content."""
        for chunk in chunks:
            if isinstance(chunk, Span):
                copied(chunk, self._descriptor)
            else:
                write_all(self._descriptor, chunk)


@contextmanager
def replacing(path: Path) -> Iterator[Replacement]:
    """Put what the block writes in place at its end, whole; if the block fails the file stays as it was."""
    target = path.resolve()
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    with refusals(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _opened_new(new, target) as descriptor:
                made = Replacement(descriptor)
                yield made
                os.fsync(descriptor)
                made.state = os.fstat(descriptor)
            new.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                new.unlink()
            raise
        sync_folder(target.parent)


@contextmanager
def _opened_new(new: Path, like: Path) -> Iterator[int]:
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.fchmod(descriptor, like.stat().st_mode & 0o7777)
        yield descriptor
    finally:
        os.close(descriptor)


def _gathered(chunks: Iterable[bytes | Span]) -> Iterator[bytes | Span]:
    """Yield the same bytes in fewer pieces: small ones joined, short stretches read ahead together."""
    held: list[bytes] = []
    size, source, start, data = 0, -1, 0, b""
    for chunk in chunks:
        piece = chunk
        if isinstance(piece, Span) and piece.stop - piece.start < SHORT:
            if piece.descriptor != source or not start <= piece.start <= piece.stop <= start + len(data):
                source, start = piece.descriptor, piece.start
                data = read_at(source, start, GATHERED)
            piece = data[piece.start - start : piece.stop - start]
            if len(piece) != chunk.stop - chunk.start:  # type: ignore[union-attr]
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        if isinstance(piece, bytes) and len(piece) < GATHERED:
            held.append(piece)
            size += len(piece)
            if size < GATHERED:
                continue
            piece = b""
        if held:
            yield b"".join(held)
            held, size = [], 0
        if piece:
            yield piece
    if held:
        yield b"".join(held)


def copied(span: Span, target: int) -> None:
    """Copy a stretch of one open file to the end of another, inside the kernel where it can."""
    place = span.start
    while place < span.stop:
        try:
            count = os.copy_file_range(span.descriptor, target, span.stop - place, place)
        except (AttributeError, OSError) as error:
            if getattr(error, "errno", None) in REMEDIES and getattr(error, "errno", None) != errno.EPERM:
                raise
            count = 0
        if not count:
            block = os.pread(span.descriptor, min(BLOCK, span.stop - place), place)
            if not block:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            write_all(target, block)
            count = len(block)
        place += count


def read_at(descriptor: int | Source, start: int, length: int) -> bytes:
    """Read a stretch of an open file, or of what is read like one; shorter only where it ends."""
    if not isinstance(descriptor, int):
        return descriptor.read(start, length)
    parts = []
    while length > 0:
        block = os.pread(descriptor, length, start)
        if not block:
            break
        parts.append(block)
        start, length = start + len(block), length - len(block)
    return parts[0] if len(parts) == 1 else b"".join(parts)
