"""From the text of a file to its rows: JSON lines, a JSON document, or a table with a header."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from aitelier_nb.errors import DataError

__all__ = ["Row", "container_of", "rows"]

WRAPPERS = ("data", "examples", "rows", "train", "items", "conversations")
DELIMITERS = ",\t;|"


@dataclass(slots=True)
class Row:
    """One row of a file: the line it begins on (1-based), its text, and its value or why there is none."""

    line: int
    raw: bytes
    value: Any = None
    fault: str = ""
    remedy: str = ""


def container_of(text: bytes, name: str) -> str:
    """Return "parquet", "json", "jsonl", "csv" or "text", from the content first and the name second."""
    if text[:4] == b"PAR1":
        return "parquet"
    start = text.lstrip()[:1]
    if start in (b"[", b"{"):
        return "json" if _is_one_document(text) else "jsonl"
    if name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson", ".json")):
        return "jsonl"
    header = text.lstrip().partition(b"\n")[0]
    named = name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))
    return "csv" if named or any(delimiter in header for delimiter in DELIMITERS.encode()) else "text"


def rows(text: bytes, name: str) -> Iterator[Row]:
    """Yield the rows of a file; a broken one comes with its fault, so that none gets lost.

    Raises
    ------
    DataError
        The whole is no training data: plain text, or a table without a header.
    """
    container = container_of(text, name)
    if container == "parquet":
        return _parquet_rows(text, name)
    if container == "json":
        return _document_rows(text)
    if container == "csv":
        return _table_rows(text.decode("utf-8", "replace"), name)
    if container == "text":
        raise DataError(
            f"{name}: is plain text, without turns to train on", hint="give JSONL, JSON, CSV or Parquet"
        )
    return _line_rows(text)


def _is_one_document(text: bytes) -> bool:
    """Return whether the text is one JSON value that is no single line of JSONL."""
    body = text.strip()
    if body[:1] == b"{" and b"\n" not in body:
        return False
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return body[:1] == b"[" or b"\n" in body


def _line_rows(text: bytes) -> Iterator[Row]:
    decode = msgspec.json.Decoder().decode
    for number, line in enumerate(text.split(b"\n"), 1):
        try:
            yield Row(number, line, decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if line.strip():
                yield _broken(number, line, str(error))


def _broken(number: int, line: bytes, why: str) -> Row:
    """Return the row of a line that is no JSON, with the most helpful reason."""
    if not _is_utf8(line):
        return Row(number, line, fault="not UTF-8", remedy="save the file as UTF-8")
    try:
        json.loads(line, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        why = f"{error.msg} at column {error.colno}"
    except (ValueError, RecursionError) as error:
        why = str(error)
    else:
        return Row(
            number, line, fault="a character is cut in half (a lone surrogate)", remedy="write it whole"
        )
    return Row(number, line, fault=f"not JSON: {why}", remedy="write one JSON object on one line")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _document_rows(text: bytes) -> Iterator[Row]:
    """Yield the elements of a JSON array, or of the array that an object wraps; else the object."""
    document = msgspec.json.decode(text)
    if isinstance(document, dict):
        lists = [value for name, value in document.items() if name in WRAPPERS and _holds_objects(value)]
        document = lists[0] if len(lists) == 1 and len(document) <= 3 else [document]  # noqa: PLR2004
    for number, value in enumerate(document, 1):
        yield Row(number, b"", value)


def _holds_objects(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, dict) and not _is_turn(row) for row in value)
    )


def _is_turn(row: dict[str, Any]) -> bool:
    return "from" in row or "role" in row


def _table_rows(text: str, name: str) -> Iterator[Row]:
    delimiter = _delimiter(text, name)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header = [cell.strip() for cell in next(reader)]
    if len(set(header)) < len(header):
        raise DataError(f"{name}:1: two columns have the same name", hint="give each column its own name")
    line = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield _table_row(line, header, cells)
        line = reader.line_num + 1


def _table_row(line: int, header: list[str], cells: list[str]) -> Row:
    value = dict(zip(header, cells, strict=False))
    raw = msgspec.json.encode(value)
    if len(cells) != len(header):
        fault = f"{len(cells)} cells, but the header names {len(header)}"
        return Row(line, raw, fault=fault, remedy="put quotes around cells that hold a comma or a line break")
    return Row(line, raw, value)


def _delimiter(text: str, name: str) -> str:
    header = text.partition("\n")[0]
    best = max(DELIMITERS, key=header.count)
    return "\t" if name.lower().endswith(".tsv") and "\t" in header else best if best in header else ","


def _parquet_rows(content: bytes, name: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{name}: the Parquet file is damaged", hint="copy or download it again") from error
    for number, value in enumerate(table.to_pylist(), 1):
        yield Row(number, b"", value)
