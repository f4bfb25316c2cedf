"""The body of the mirror: the text of every line, in data/parquet/examples.body.parquet."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from aitelier_nb.storage.batches import Batch
from aitelier_nb.storage.growing import Numbers
from aitelier_nb.storage.lines import PlainTurn, encode, fields, line_hash
from aitelier_nb.storage.scanning import collector_paused

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TEXT", "groups", "read", "schema", "table", "write"]

TEXT = ("id", "input", "output", "messages")
GROUP_ROWS = 1 << 14

_turns = msgspec.json.Decoder(list[PlainTurn])
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


ROLES = {"assistant": 1, "user": 2}


def table(batch: Batch) -> pa.Table:
    """Return the texts of some lines."""
    import pyarrow as pa

    turns, offsets = batch.turns, batch.offsets
    contents = pa.array(batch.texts, pa.string())
    roles = [turn.role for turn in turns]
    inputs, outputs = _asked_and_answered(roles, offsets)
    odd, rest = (None, None) if batch.plain else _beside(batch)
    empty = pa.nulls(len(batch), pa.string())
    messages = pa.StructArray.from_arrays([pa.array(roles, pa.string()), contents], names=["role", "content"])
    columns = [
        pa.array([line.id for line in batch.lines], pa.int64()),
        pa.array(list(map(line_hash, batch.bodies)), pa.uint64()),
        pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), messages),
        contents.take(inputs),
        contents.take(outputs),
        empty if odd is None else pa.array(odd, pa.string()),
        empty if rest is None else pa.array(rest, pa.string()),
    ]
    return pa.table(columns, schema=schema())


def _asked_and_answered(roles: Sequence[str], offsets: Numbers) -> tuple[pa.Array, pa.Array]:
    """Return at which message each line's last user turn before the answer stands, and the answer."""
    import pyarrow as pa

    first, last = offsets[:-1], offsets[1:]
    if not len(first):
        return pa.array([], pa.int32()), pa.array([], pa.int32())
    kinds = np.fromiter((ROLES.get(role, 0) for role in roles), np.int8, len(roles))
    places = np.arange(len(roles))
    answers = np.maximum.reduceat(np.where(kinds == ROLES["assistant"], places, -1), first)
    before = np.repeat(np.where(answers < 0, last, answers), np.diff(offsets))
    asked = np.maximum.reduceat(np.where((kinds == ROLES["user"]) & (places < before), places, -1), first)
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


def groups(batches: Iterable[Batch]) -> Iterator[pa.Table]:
    """Yield the texts of lines, a row group's worth at a time."""
    import pyarrow as pa

    found, rows = [schema().empty_table()], 0
    for batch in batches:
        found.append(table(batch))
        rows += len(batch)
        if rows >= GROUP_ROWS:
            yield pa.concat_tables(found)
            found, rows = [], 0
    if found:
        yield pa.concat_tables(found)


def write(path: Path, batches: Iterable[Batch]) -> None:
    """Write the body whole, a row group at a time; derived, so it is not synced."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    options: dict[str, Any] = {
        "compression": "ZSTD",
        "compression_level": 1,
        "use_dictionary": ["messages.list.element.role"],
        "write_page_checksum": True,
        "write_statistics": False,
    }
    try:
        with collector_paused(), pq.ParquetWriter(new, schema(), **options) as writer:
            for group in groups(batches):
                writer.write_table(group, row_group_size=2 * GROUP_ROWS)
        os.replace(new, path)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def read(path: Path, names: Iterable[str]) -> pa.Table:
    """Return columns of the body."""
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=list(names), page_checksum_verification=True)
