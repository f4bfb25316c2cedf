"""From the text of a file to its rows: JSON lines, a JSON document, a table with a header, Parquet."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from aitelier_nb.errors import DataError
from aitelier_nb.formats import documents

__all__ = ["Row", "container_of", "is_turn", "line_rows", "row_of", "rows"]

DELIMITERS = ",\t;|"
SEPARATOR = re.compile("sep=(.)")
SAID = re.compile(rb"\S")
COLUMNS = frozenset(
    {
        *("input", "output", "prompt", "completion", "question", "answer", "query", "response", "messages"),
        *("instruction", "user", "assistant", "chosen", "rejected", "conversations", "reply"),
    }
)
ARROW = (b"ARROW1", b"\xff\xff\xff\xff")  # a file, and a stream as Hugging Face keeps its datasets
LONGEST_HEADER = 10_000  # characters
HALF = "half a character (a lone surrogate)"
LONGEST_CELL = 2**31 - 1  # characters; the csv module refuses more than 131,072 unless told


class Row(msgspec.Struct):
    """One row of a file: the line it begins on (1-based), its text, and its value or why there is none."""

    line: int
    raw: bytes
    value: Any = None
    fault: str = ""
    remedy: str = ""


def container_of(text: bytes, name: str) -> str:
    """Return "parquet", "arrow", "json", "jsonl", "csv" or "text", from the content, then from the name."""
    if text[:4] == b"PAR1":
        return "parquet"
    if text.startswith(ARROW):
        return "arrow"
    start = text.lstrip()[:1]
    if start in (b"[", b"{"):
        return "json" if _is_document(text) else "jsonl"
    plain_name = name.lower().removesuffix(".gz")
    header = text[: text.find(b"\n") + 1 or len(text)]
    unnamed = "." not in plain_name and any(sign in header for sign in DELIMITERS.encode())
    if unnamed or plain_name.endswith((".csv", ".tsv")) or _names_columns(header):
        return "csv"
    return "jsonl" if plain_name.endswith((".jsonl", ".ndjson", ".json")) else "text"


def _names_columns(header: bytes) -> bool:
    """Return whether the first line is the header of a table, whatever the file is called."""
    first = header[:LONGEST_HEADER].decode("utf-8", "replace")
    sign = max(DELIMITERS, key=first.count)
    cells = {cell.strip().strip('"').lower() for cell in first.split(sign)}
    return sign in first and (sign == "\t" or first.startswith("sep=") or bool(cells & COLUMNS))


def rows(text: bytes, name: str) -> Iterator[Row]:
    """Yield the rows of a file; a broken one comes with its fault, so that none gets lost.

    Raises
    ------
    DataError
        The whole is no training data: plain text, a damaged Parquet file, a table with a bad header.
    """
    container = container_of(text, name)
    if container in ("parquet", "arrow"):
        return _arrow_rows(text, name, container)
    if container == "json":
        return _document_rows(text)
    if container == "csv":
        return _table_rows(text.decode("utf-8", "replace"), name)
    if container == "text":
        raise DataError(
            f"{name}: is plain text, without turns to train on", hint="give JSONL, JSON, CSV or Parquet"
        )
    return line_rows(text, 1)


def _is_document(text: bytes) -> bool:
    """Return whether the text is JSON over several lines or an array, rather than one value a line."""
    start = len(text) - len(text.lstrip())
    end = text.find(b"\n", start)
    first = text[start:] if end < 0 else text[start:end]
    rest = end >= 0 and SAID.search(text, end) is not None
    if first[:1] == b"[" and not (_is_json(first) and rest):
        return True
    if _is_json(first):
        return not rest and _wraps_rows(first)
    return rest and first.rstrip()[-1:] in (b"{", b"[", b",")


def _wraps_rows(body: bytes) -> bool:
    value = msgspec.json.decode(body)
    return isinstance(value, dict) and documents.unwrapped(value) is not None


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def line_rows(text: bytes, first: int) -> Iterator[Row]:
    """Yield the lines of a text, whose first one has the number `first`; blank ones are passed over."""
    decode = msgspec.json.Decoder().decode
    for number, line in enumerate(text.split(b"\n"), first):
        try:
            yield Row(number, line, decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if line.strip():
                yield _broken(number, line, str(error))


def _broken(number: int, line: bytes, why: str) -> Row:
    """Return the row of a line that is no JSON, with the most helpful reason."""
    line = line.removeprefix(b"\xef\xbb\xbf")
    try:
        value = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        return Row(
            number, line, fault=f"byte {error.start + 1} is not UTF-8", remedy="save the file as UTF-8"
        )
    except json.JSONDecodeError as error:
        why = f"{error.msg} at column {error.colno}"
    except ValueError as error:
        return Row(number, line, fault=f"not JSON: {error}", remedy="write null, or leave the key out")
    except RecursionError as error:
        why = str(error)
    else:
        if not _is_whole(value):
            return Row(number, line, fault=HALF, remedy="write the character whole")
        return Row(number, line, value)
    return Row(number, line, fault=f"not JSON: {why}", remedy="write one JSON object on one line")


def _is_whole(value: Any) -> bool:
    """Return whether a value can be written as UTF-8: no half characters."""
    try:
        msgspec.json.encode(value)
    except (UnicodeEncodeError, TypeError, ValueError, RecursionError):
        return False
    return True


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _document_rows(text: bytes) -> Iterator[Row]:
    """Yield the elements of an array, the rows that an object holds, or objects that follow each other."""
    found = documents.pieces(text.decode("utf-8", "replace"))
    first = next(found, None)
    if first is None:
        return
    second = next(found, None)
    if second is None and not first.fault and text.lstrip()[:1] == b"{":
        yield from _unwrapped(_piece_row(first))
        return
    everything = map(_piece_row, (first, *((second,) if second else ()), *found))
    yield from _conversation(everything)


def _conversation(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows; an array of nothing but turns is one conversation, and so one row."""
    remaining = iter(rows)
    turns: list[Row] = []
    for row in remaining:
        turns.append(row)
        if row.fault or not is_turn(row.value):
            break
    else:
        values = [row.value for row in turns]
        raw = b"[" + b",".join(row.raw for row in turns) + b"]"
        yield Row(turns[0].line, raw, {"messages": values})
        return
    yield from turns
    yield from remaining


def is_turn(value: Any) -> bool:
    """Return whether a value is one turn of a conversation rather than a row."""
    return isinstance(value, dict) and ({"role", "content"} <= set(value) or {"from", "value"} <= set(value))


def _unwrapped(row: Row) -> Iterator[Row]:
    inside = documents.unwrapped(row.value) if isinstance(row.value, dict) else None
    if inside is None:
        yield row
    else:
        yield from (Row(number, b"", value) for number, value in enumerate(inside, 1))


def _piece_row(piece: documents.Piece) -> Row:
    raw = piece.text.encode("utf-8")
    if piece.fault:
        return Row(
            piece.line, raw, fault=f"not JSON: {piece.fault}", remedy="mend it there and import it again"
        )
    try:
        return Row(piece.line, _on_one_line(piece.text), msgspec.json.decode(raw))
    except (msgspec.DecodeError, RecursionError) as error:
        return _broken(piece.line, raw, str(error))


def _on_one_line(text: str) -> bytes:
    """Return a value's text on one line, so that a file of rejected rows is JSONL."""
    if "\n" not in text and "\r" not in text:
        return text.encode("utf-8")
    return msgspec.json.format(text.encode("utf-8"), indent=-1)


def _table_rows(text: str, name: str) -> Iterator[Row]:
    with _long_cells():
        yield from _cells(text, name)


@contextmanager
def _long_cells() -> Iterator[None]:
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _cells(text: str, name: str) -> Iterator[Row]:
    first, _, rest = text.partition("\n")
    named = SEPARATOR.fullmatch(first.rstrip("\r"))  # a line by which spreadsheets name the delimiter
    delimiter = named[1] if named else _delimiter(text, name)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    if named and rest:
        next(reader)
    header = [cell.strip() or f"column {place}" for place, cell in enumerate(next(reader), 1)]
    twice = next((cell for place, cell in enumerate(header) if cell in header[:place]), None)
    if twice is not None:
        raise DataError(f"{name}:1: two columns are named {twice!r}", hint="give each column its own name")
    line = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield _table_row(line, header, cells)
        line = reader.line_num + 1


def _table_row(line: int, header: list[str], cells: list[str]) -> Row:
    value = dict(zip(header, cells, strict=False))
    raw = msgspec.json.encode(value)
    if len(cells) == len(header):
        return Row(line, raw, value)
    extra = {f"cell {place}": cell for place, cell in enumerate(cells, 1) if place > len(header)}
    count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
    fault = f"{count}, but the header names {len(header)}"
    remedy = "put quotes around cells that hold a delimiter or a line break"
    return Row(line, msgspec.json.encode({**value, **extra}), fault=fault, remedy=remedy)


def _delimiter(text: str, name: str) -> str:
    header = text.partition("\n")[0]
    if "\t" in header and name.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    return max(DELIMITERS, key=header.count)


def _arrow_rows(content: bytes, name: str, container: str) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = pa.BufferReader(content)
    try:
        if container == "parquet":
            table = pq.read_table(source)
        elif content.startswith(ARROW[0]):
            table = pa.ipc.open_file(source).read_all()
        else:
            table = pa.ipc.open_stream(source).read_all()
        values = table.to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{name}: the {container.title()} file is damaged", hint="copy or download it again"
        ) from error
    for number, value in enumerate(values, 1):
        yield row_of(number, value)


def row_of(number: int, value: Any) -> Row:
    """Return the row of a Python object: a dict, a record of a frame, a row of an Arrow table."""
    found = _as_json(value)
    if _is_whole(found):
        return Row(number, b"", found)
    return Row(number, b"", found, HALF, "write the character whole")


def _as_json(value: Any) -> Any:
    """Return a value of a frame or an Arrow table as JSON would have it; what is missing is left out."""
    if isinstance(value, Mapping):
        return {str(name): _as_json(inner) for name, inner in value.items() if not _is_missing(inner)}
    if isinstance(value, (list, tuple)):
        return [None if _is_missing(inner) else _as_json(inner) for inner in value]
    if hasattr(value, "tolist"):  # numpy
        return _as_json(value.tolist())
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def _is_missing(value: Any) -> bool:
    """Return whether a cell is empty: None, NaN, or what pandas writes for them."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and math.isnan(value)
