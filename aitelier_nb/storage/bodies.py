"""The body of the mirror: the text of every line, in data/parquet/examples.body.parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from aitelier_nb.schema import PlainMessage
from aitelier_nb.storage import seals
from aitelier_nb.storage.batches import Batch
from aitelier_nb.storage.growing import Numbers
from aitelier_nb.storage.lines import ROLES, encode, fields
from aitelier_nb.storage.scanning import collector_paused

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TEXT", "read", "schema", "table", "write", "written"]

TEXT = ("id", "input", "output", "messages")
GROUP_ROWS = 1 << 14
CODECS = {
    "hash": "NONE",
    "input": "LZ4",
    "output": "LZ4",
}  # these texts stand in messages too, pressed harder
LEAVES = (
    *("id", "hash", "messages.list.element.role", "messages.list.element.content"),
    *("input", "output", "odd", "rest"),
)

_places = {role: place for place, role in enumerate(ROLES)}
_role = attrgetter("role")
_turns = msgspec.json.Decoder(list[PlainMessage])
ELSEWHERE = frozenset(
    ("id", "messages", "rating", "split", "createdAt", "version", "flagged", "group", "source")
)


def schema() -> pa.Schema:
    """Return the columns of the body.

    id; hash, the xxh3-64 of the line; messages as roles and texts; input, the last user turn before
    the answer; output, the last assistant turn; odd, the messages as JSON where they hold more
    than roles and texts; rest, all keys of the line that are in no other column, as JSON.
    """
    import pyarrow as pa

    turn = pa.struct({"role": pa.string(), "content": pa.string()})
    return pa.schema(
        {
            "id": pa.int64(),
            "hash": pa.uint64(),
            "messages": pa.list_(turn),
            "input": pa.string(),
            "output": pa.string(),
            "odd": pa.string(),
            "rest": pa.string(),
        }
    )


def table(batch: Batch) -> pa.Table:
    """Return the texts of some lines."""
    import pyarrow as pa

    turns, offsets = batch.turns, batch.offsets
    contents = pa.array(batch.texts, pa.string())
    roles = np.fromiter(map(_places.__getitem__, map(_role, turns)), np.int8, len(turns))
    inputs, outputs = _asked_and_answered(roles, offsets)
    odd, rest = (None, None) if batch.plain else _beside(batch)
    empty = pa.nulls(len(batch), pa.string())
    messages = pa.StructArray.from_arrays([pa.array(ROLES).take(roles), contents], names=["role", "content"])
    columns = [
        pa.array([line.id for line in batch.lines], pa.int64()),
        pa.array(batch.hashes, pa.uint64()),
        pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), messages),
        contents.take(inputs),
        contents.take(outputs),
        empty if odd is None else pa.array(odd, pa.string()),
        empty if rest is None else pa.array(rest, pa.string()),
    ]
    return pa.table(columns, schema=schema())


def _asked_and_answered(roles: npt.NDArray[np.int8], offsets: Numbers) -> tuple[pa.Array, pa.Array]:
    """Return at which message each line's last user turn before the answer stands, and the answer."""
    import pyarrow as pa

    first, last = offsets[:-1], offsets[1:]
    if not len(first):
        return pa.array([], pa.int32()), pa.array([], pa.int32())
    places = np.arange(len(roles))
    answers = np.maximum.reduceat(np.where(roles == _places["assistant"], places, -1), first)
    before = np.repeat(np.where(answers < 0, last, answers), np.diff(offsets))
    asked = np.maximum.reduceat(np.where((roles == _places["user"]) & (places < before), places, -1), first)
    return tuple(pa.array(np.maximum(found, 0), pa.int32(), mask=found < 0) for found in (asked, answers))


def _beside(batch: Batch) -> tuple[list[bytes | None], list[bytes | None]]:
    """Return for each line its messages as they stand where they are odd, and its keys without a column."""
    odd: list[bytes | None] = []
    rest: list[bytes | None] = []
    for body in batch.bodies:
        raw = fields(body)
        more = [encode(key) + b":" + value for key, value in raw.items() if key not in ELSEWHERE]
        odd.append(raw["messages"] if _is_odd(raw["messages"]) else None)
        rest.append(b"{" + b",".join(more) + b"}" if more else None)
    return odd, rest


def _is_odd(raw: bytes) -> bool:
    """Say whether messages hold more than a role and a text each."""
    try:
        _turns.decode(raw)
    except msgspec.ValidationError:
        return True
    return False


def written(path: Path, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Write the texts of lines that pass, a row group at a time; after the last one the file is there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    options: dict[str, Any] = {
        "compression": {name: CODECS.get(name, "ZSTD") for name in LEAVES},
        "compression_level": {name: 1 for name in LEAVES if name not in CODECS},
        "use_dictionary": ["messages.list.element.role"],
        "write_page_checksum": True,
        "write_statistics": False,
    }
    with seals.sealed(path) as sink, pq.ParquetWriter(sink, schema(), **options) as writer:
        found: list[pa.Table] = []
        for batch in batches:
            found.append(table(batch))
            if sum(map(len, found)) >= GROUP_ROWS:
                writer.write_table(pa.concat_tables(found), row_group_size=2 * GROUP_ROWS)
                found = []
            yield batch
        if found:
            writer.write_table(pa.concat_tables(found), row_group_size=2 * GROUP_ROWS)


def write(path: Path, batches: Iterable[Batch]) -> None:
    """Write the body whole."""
    with collector_paused():
        for _ in written(path, batches):
            pass


def read(path: Path, names: Iterable[str]) -> pa.Table | None:
    """Return columns of the body; None when it is not as it was written."""
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=list(names)) if seals.stands(path) else None
