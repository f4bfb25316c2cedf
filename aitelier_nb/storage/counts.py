"""Token counts: found when they are asked for, and kept by what the messages are."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aitelier_nb.storage import heads
from aitelier_nb.storage.growing import Marks

__all__ = ["filled"]

Counts = npt.NDArray[np.int32]


def filled(path: Path, name: str, contents: Marks, count: Callable[[list[int]], Sequence[int]]) -> list[int]:
    """Return a number for each content; those that the file lacks are counted, and kept there.

    Parameters
    ----------
    path
        The file; derived, so one that cannot be read or written costs only the counting.
    name
        What counts; numbers of another one are not used.
    contents
        The hashes of the messages.
    count
        Counts those at some places.
    """
    known, numbers = _read(path, name)
    places = np.minimum(np.searchsorted(known, contents), max(len(known) - 1, 0))
    there = known[places] == contents if len(known) else np.zeros(len(contents), bool)
    found = np.zeros(len(contents), np.int32)
    found[there] = numbers[places[there]]
    missing = np.flatnonzero(~there)
    if len(missing):
        found[missing] = count(missing.tolist())
        _write(path, name, contents, found)
    told: list[int] = found.tolist()
    return told


def _read(path: Path, name: str) -> tuple[Marks, Counts]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, page_checksum_verification=True)
        if (table.schema.metadata or {}).get(b"aitelier") == name.encode():
            return table["content"].to_numpy(), table["n_tokens"].to_numpy()
    except (OSError, KeyError, pa.ArrowException):
        pass
    return np.array([], np.uint64), np.array([], np.int32)


def _write(path: Path, name: str, contents: Marks, numbers: Counts) -> None:
    import pyarrow as pa

    kept, first = np.unique(contents, return_index=True)
    table = pa.table({"content": kept, "n_tokens": numbers[first]}).replace_schema_metadata(
        {"aitelier": name}
    )
    with contextlib.suppress(OSError):
        heads.write_parquet(path, table, {"compression": "ZSTD"})
