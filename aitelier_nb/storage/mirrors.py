"""The Parquet mirror in data/parquet: made when it is asked for, thrown away when it is wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aitelier_nb.storage import batches, bodies, following, heads, overlay
from aitelier_nb.storage.index import Index
from aitelier_nb.storage.pending import Pending

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FRAME", "frame", "refresh"]

FRAME = (*heads.FRAME, "hash")
PATCHED = 10  # a body is written anew when more than one row in so many differs
SMALL = 1 << 14  # rows that are written anew in no time


def refresh(index: Index, head: Path, body: Path) -> None:
    """Write what of the mirror is not there or differs from the file."""
    if not index.saved or not head.exists():
        following.save(index, head)
    if _stale(index, _stored(body, ["hash"])) is not None:
        bodies.write(body, index.batches())


def frame(index: Index, pending: Pending, body: Path, *, text: bool) -> pa.Table:
    """Return all examples with their edits as one table: scalars, and the texts when asked for."""
    table = overlay.overlaid(index, pending, FRAME)
    if not text:
        return table
    texts = _texts(index, body)
    pieces: dict[int, pa.Table | None] = dict.fromkeys([*index.places.doubles, *pending.gone])
    lines = {example: line for example in pending if (line := _retold(pending, example)) is not None}
    if lines:
        fresh = bodies.table(batches.of_lines(list(lines.values()))).select(bodies.TEXT[1:])
        rows = [pending.row(example) for example in lines]
        pieces |= {row: fresh.slice(place, 1) for place, row in enumerate(rows) if row is not None}
        new = [fresh.slice(place, 1) for place, row in enumerate(rows) if row is None]
        texts = overlay.spliced(texts, pieces, new)
    elif pieces:
        texts = overlay.spliced(texts, pieces)
    for name in bodies.TEXT[1:]:
        table = table.append_column(name, texts[name])
    return table


def _retold(pending: Pending, example: int) -> bytes | None:
    """Return a line whose texts may be others than those that the file holds."""
    return None if pending.cells(example) is not None else pending[example]


def _texts(index: Index, path: Path) -> pa.Table:
    """Return the text columns of all rows of an index; what the mirror lacks is read from the lines."""
    import pyarrow as pa

    names = bodies.TEXT[1:]
    stored = _stored(path, [*names, "hash"])
    stale = _stale(index, stored)
    if stale is not None and (len(index) <= SMALL or len(stale) * PATCHED > len(index)):
        with contextlib.suppress(OSError):
            bodies.write(path, index.batches())
            stored = _stored(path, [*names, "hash"])
            stale = _stale(index, stored)
    if stored is not None and stale is None:
        return stored.select(names)
    if stored is None:
        tables = [bodies.table(batch) for batch in index.batches()]
        return pa.concat_tables([bodies.schema().empty_table(), *tables]).select(names)
    rows = bodies.table(batches.of_lines([index.body(row) for row in stale or ()])).select(names)
    within = [(place, row) for place, row in enumerate(stale or ()) if row < stored.num_rows]
    pieces = {row: rows.slice(place, 1) for place, row in within}
    return overlay.spliced(stored.select(names).slice(0, len(index)), pieces, [rows.slice(len(within))])


def _stored(path: Path, names: Sequence[str]) -> pa.Table | None:
    """Return columns of the body, None where there is none that can be read."""
    import pyarrow as pa

    try:
        return bodies.read(path, names)
    except (OSError, pa.ArrowException):
        return None


def _stale(index: Index, stored: pa.Table | None) -> Sequence[int] | None:
    """Return the rows that a body does not hold as they are; None when it holds all, and no more."""
    wanted = index.hashes.values
    if stored is None:
        return range(len(wanted))
    held = stored["hash"].to_numpy()
    both = min(len(held), len(wanted))
    differs = np.flatnonzero(held[:both] != wanted[:both])
    if len(held) == len(wanted) and not len(differs):
        return None
    return [*differs.tolist(), *range(both, len(wanted))]
