"""Several files read as one: where examples lie in shards, offsets go on from file to file."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import xxhash

from aitelier_nb.storage.files import Opened, Signature, read_at, signature

__all__ = ["Place", "Shard", "Stream", "joint", "opened", "seen"]

Place = Path | tuple[Path, ...]
"""One file, or several that are read one after the other."""


class Shard(NamedTuple):
    """One file of a stream, and where in the stream it begins and ends."""

    file: Opened
    path: Path
    start: int
    stop: int


class Stream:
    """Open files, one after the other; between two of them stands a line end that is in neither."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.shards: list[Shard] = []
        self._states = []
        place = 0
        for path in paths:
            file = Opened(path)
            stat = os.fstat(file.descriptor)
            self._states.append(stat)
            self.shards.append(Shard(file, path, place, place + stat.st_size))
            place += stat.st_size + 1
        self._starts = [shard.start for shard in self.shards]

    @property
    def descriptor(self) -> Stream:
        """What `files.read_at` reads from."""
        return self

    def signature(self) -> Signature:
        """Return what changes when one of the files changes."""
        return joint(self._states)

    def holder(self, offset: int) -> int:
        """Return which of the files holds an offset."""
        return max(bisect_right(self._starts, offset) - 1, 0)

    def read(self, start: int, length: int) -> bytes:
        """Read a stretch of the stream; shorter only where it ends."""
        found, stop = [], start + length
        for number in range(self.holder(start), len(self.shards)):
            shard = self.shards[number]
            if shard.start >= stop:
                break
            begin, end = max(start, shard.start), min(stop, shard.stop)
            if begin < end:
                found.append(read_at(shard.file.descriptor, begin - shard.start, end - begin))
            if start <= shard.stop < stop and number + 1 < len(self.shards):
                found.append(b"\n")
        return found[0] if len(found) == 1 else b"".join(found)


def opened(place: Place) -> Opened | Stream:
    """Open one file, or several as one stream."""
    return Opened(place) if isinstance(place, Path) else Stream(place)


def seen(place: Place) -> Signature:
    """Return the signature of what lies there now, without opening it."""
    return signature(place.stat()) if isinstance(place, Path) else joint([one.stat() for one in place])


def joint(states: Sequence[os.stat_result]) -> Signature:
    """Return the signature of one file's state, or of several."""
    return signature(states[0]) if len(states) == 1 else _signature(states)


def _signature(states: Sequence[os.stat_result]) -> Signature:
    """Return a signature of the shape that one file's has: an identity, a size, a time."""
    names = repr([state.st_ino for state in states]).encode()
    times = repr([(state.st_size, state.st_mtime_ns) for state in states]).encode()
    size = sum(state.st_size for state in states) + len(states) - 1
    return xxhash.xxh3_64_intdigest(names) >> 1, size, xxhash.xxh3_64_intdigest(times) >> 1
