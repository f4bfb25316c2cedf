"""Examples as a table: CSV for spreadsheets, Parquet for everything else.

Both carry the whole conversation in the column `messages`, so that an import of the file gives the
same examples back; the other columns are for reading.
"""

from __future__ import annotations

import csv as csv_module
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from aitelier_nb.schema import Example

__all__ = ["COLUMNS", "csv", "parquet", "row_of"]

COLUMNS = (
    "id", "rating", "split", "system", "input", "output", "originalOutput", "group", "tags", "note",
    "flagged", "source", "tools", "createdAt", "version", "messages",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run instead of show


def csv(examples: Iterable[Example]) -> Iterator[bytes]:
    """Yield the lines of a CSV file: RFC 4180, UTF-8, one example a row, lists and objects as JSON.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it; the column
    `messages` has the texts as they are.
    """
    yield _line(COLUMNS)
    for example in examples:
        row = row_of(example)
        yield _line([_cell(name, row.get(name)) for name in COLUMNS])


def parquet(examples: Iterable[Example]) -> bytes:
    """Return a Parquet file; `messages` is a list of role and content, or JSON where turns hold more.

    Parts, calls of tools and weights have no one column type, so a set of examples with any of them
    has all its messages as JSON texts. Tools, tags and sources are JSON texts too.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row_of(example) for example in examples]
    simple = all(_is_simple(turn) for row in rows for turn in row["messages"])
    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    types = {name: pa.string() for name in COLUMNS} | {
        "id": pa.int64(),
        "rating": pa.int8(),
        "version": pa.int32(),
        "flagged": pa.bool_(),
        "messages": pa.list_(turn) if simple else pa.string(),
    }
    columns = {
        name: pa.array([_value(row.get(name), kind) for row in rows], kind) for name, kind in types.items()
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())


def row_of(example: Example) -> dict[str, Any]:
    """Return an example as one flat row; keys without a value are left out."""
    line = example.to_json()
    row = {
        **{name: line.get(name) for name in COLUMNS},
        "system": example.system,
        "input": example.input,
        "output": example.output,
        "tools": (example.model_extra or {}).get("tools"),
    }
    return {name: value for name, value in row.items() if value is not None}


def _line(cells: Sequence[Any]) -> bytes:
    buffer = io.StringIO(newline="")
    csv_module.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().encode("utf-8")


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in ("messages", "source", "tools", "tags") or isinstance(value, bool):
        return msgspec.json.encode(value).decode()
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _is_simple(turn: dict[str, Any]) -> bool:
    return set(turn) == {"role", "content"} and isinstance(turn["content"], str)


def _value(value: Any, kind: Any) -> Any:
    if value is None or str(kind) != "string" or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()
