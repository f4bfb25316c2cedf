"""The body of the mirror: the text of every line, in data/parquet/examples.body.parquet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain, islice
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
SCALARS = 40  # bytes of a line, in head and body
ENOUGH = 1 << 17  # bytes that tell how well a text can be pressed
LEAVES = (
    *("id", "hash", "messages.list.element.role", "messages.list.element.content"),
    *("input", "output", "odd", "rest"),
)

USER, ASSISTANT = ROLES.index("user"), ROLES.index("assistant")
LARGEST = np.iinfo(np.int32).max

_turns = msgspec.json.Decoder(list[PlainMessage])
ELSEWHERE = frozenset(
    ("id", "messages", "rating", "split", "createdAt", "version", "flagged", "group", "source")
)


@cache
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

    count, none = len(batch), pa.nulls(len(batch), pa.string())
    contents = _contents(batch)
    inputs, outputs = _asked_and_answered(batch)
    odd, rest = (none, none) if batch.plain else (pa.array(kept, pa.string()) for kept in _beside(batch))
    turns = [_roles().take(_array(batch.roles)), contents]
    messages = pa.StructArray.from_arrays(turns, fields=list(schema().field("messages").type.value_type))
    ends = pa.py_buffer(batch.offsets.astype(np.int32))
    columns = [
        _array(batch.ids),
        _array(batch.hashes),
        pa.Array.from_buffers(schema().field("messages").type, count, [None, ends], children=[messages]),
        contents.take(inputs),
        contents.take(outputs),
        odd,
        rest,
    ]
    return pa.Table.from_arrays(columns, schema=schema())


@cache
def _roles() -> pa.Array:
    import pyarrow as pa

    return pa.array(ROLES)


def _contents(batch: Batch) -> pa.Array:
    """Return the texts of all messages."""
    import pyarrow as pa

    letters, ends = batch.letters
    if len(letters) > LARGEST:  # too many for one array
        return pa.array(batch.texts, pa.string())
    places = np.zeros(len(ends) + 1, np.int32)
    places[1:] = ends
    return pa.Array.from_buffers(pa.string(), len(ends), [None, pa.py_buffer(places), pa.py_buffer(letters)])


def _array(values: npt.NDArray[Any]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values)


def _asked_and_answered(batch: Batch) -> tuple[pa.Array, pa.Array]:
    """Return at which message each line's last user turn before the answer stands, and the answer."""
    line_of = np.repeat(np.arange(len(batch)), batch.counts)
    answers, asked = np.full(len(batch), -1), np.full(len(batch), -1)
    places = np.flatnonzero(batch.roles == ASSISTANT)
    answers[line_of[places]] = places  # of several the last
    before = np.where(answers < 0, len(line_of), answers)[line_of]
    places = np.flatnonzero(batch.roles == USER)
    places = places[places < before[places]]
    asked[line_of[places]] = places
    return _places(asked), _places(answers)


def _places(found: Numbers) -> pa.Array:
    """Return where something stands, null where that is nowhere."""
    import pyarrow as pa

    missing = found < 0
    return pa.array(found, mask=missing) if missing.any() else pa.array(found)


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


def _codecs(sample: Batch) -> dict[str, str]:
    """Return how texts that stand in messages too are kept: as lightly as the mirror has room.

    With its head it is to be no larger than the JSONL.
    """
    import pyarrow as pa

    found, none = table(sample), pa.py_buffer(b"")
    texts = {"messages": pa.py_buffer(sample.letters[0])}
    texts |= {name: found[name].chunk(0).buffers()[2] or none for name in ("input", "output")}
    taken = {name: _pressed(text, "lz4_raw" if name in CODECS else "zstd") for name, text in texts.items()}
    room = sample.lengths.sum() - SCALARS * len(sample)
    for lighter in (("input", "output"), ("input",)):
        if sum((taken | {name: texts[name].size for name in lighter}).values()) <= room:
            return CODECS | dict.fromkeys(lighter, "NONE")
    return CODECS


def _pressed(text: pa.Buffer, codec: str) -> float:
    """Return about how many bytes of a text are left."""
    import pyarrow as pa

    some = text.slice(0, min(text.size, ENOUGH))
    return float(len(pa.compress(some, codec)) / max(some.size, 1) * text.size)


def written(path: Path, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Write the texts of lines that pass, a row group at a time; after the last one the file is there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    every = iter(batches)
    first = list(islice(every, 1))
    codecs = _codecs(first[0]) if first and len(first[0]) else CODECS
    options: dict[str, Any] = {
        "compression": {name: codecs.get(name, "ZSTD") for name in LEAVES},
        "compression_level": {name: 1 for name in LEAVES if name not in codecs},
        "use_dictionary": ["messages.list.element.role"],
        "write_page_checksum": True,
        "write_statistics": False,
    }
    with seals.sealed(path) as sink, pq.ParquetWriter(sink, schema(), **options) as writer:
        found: list[pa.Table] = []
        for batch in chain(first, every):
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
