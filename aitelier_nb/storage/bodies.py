"""The body of the mirror: the text of every line, in data/parquet/examples.body.parquet."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from aitelier_nb.storage.lines import Line, encode, fields, line_hash, parse
from aitelier_nb.storage.scanning import collector_paused, text_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TEXT", "read", "schema", "tables", "write"]

TEXT = ("id", "input", "output", "messages")
GROUP_ROWS = 1 << 14
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


class _Texts:
    """The texts of some lines, a list for each column."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.hashes: list[int] = []
        self.odd: list[bytes | None] = []
        self.rest: list[bytes | None] = []
        self.roles: list[str] = []
        self.contents: list[str] = []
        self.offsets = [0]
        self.inputs: list[int | None] = []
        self.outputs: list[int | None] = []

    def add(self, body: bytes) -> None:
        line, messages, rest = _read(body)
        first = len(self.roles)
        role_of = [turn.role for turn in line.messages]
        self.ids.append(line.id)
        self.hashes.append(line_hash(body))
        self.roles += role_of
        self.contents += [text_of(turn) for turn in line.messages]
        self.offsets.append(first + len(role_of))
        answer = _last(role_of, "assistant", len(role_of))
        asked = _last(role_of, "user", len(role_of) if answer is None else answer)
        self.outputs.append(None if answer is None else first + answer)
        self.inputs.append(None if asked is None else first + asked)
        self.odd.append(messages if _is_odd(messages) else None)
        self.rest.append(rest)

    def table(self) -> pa.Table:
        import pyarrow as pa

        shape = schema()
        roles = pa.array(self.roles, pa.string())
        contents = pa.array(self.contents, pa.string())
        turns = pa.StructArray.from_arrays([roles, contents], names=["role", "content"])
        columns = [
            pa.array(self.ids, pa.int64()),
            pa.array(self.hashes, pa.uint64()),
            pa.ListArray.from_arrays(pa.array(self.offsets, pa.int32()), turns),
            contents.take(pa.array(self.inputs, pa.int32())),
            contents.take(pa.array(self.outputs, pa.int32())),
            pa.array(self.odd, pa.string()),
            pa.array(self.rest, pa.string()),
        ]
        return pa.table(columns, schema=shape)


class _Usual(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A line with no key but those that have a column; it is read in half the time."""

    id: int
    messages: msgspec.Raw
    rating: int | None = None
    split: str | None = None
    created_at: str = ""
    version: int = 1
    flagged: bool | None = None
    group: str | int | None = None
    source: Any = None


class _PlainTurn(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    content: str


_usual = msgspec.json.Decoder(_Usual)
_plain = msgspec.json.Decoder(list[_PlainTurn])


def _read(body: bytes) -> tuple[Line, bytes, bytes | None]:
    """Return a line's fields, its messages as they stand, and as JSON the keys that have no column."""
    line = parse(body)
    try:
        return line, bytes(_usual.decode(body).messages), None
    except msgspec.ValidationError:
        raw = fields(body)
    rest = [encode(key) + b":" + value for key, value in raw.items() if key not in ELSEWHERE]
    return line, raw["messages"], b"{" + b",".join(rest) + b"}" if rest else None


def _last(roles: Sequence[str], role: str, before: int) -> int | None:
    for place in range(before - 1, -1, -1):
        if roles[place] == role:
            return place
    return None


def _is_odd(raw: bytes) -> bool:
    """Say whether messages hold more than a role and a text each."""
    try:
        _plain.decode(raw)
    except msgspec.ValidationError:
        return True
    return False


def tables(bodies: Iterable[bytes]) -> Iterator[pa.Table]:
    """Yield the texts of lines, a row group's worth at a time."""
    lines = iter(bodies)
    while batch := list(islice(lines, GROUP_ROWS)):
        texts = _Texts()
        with collector_paused():
            for body in batch:
                texts.add(body)
            yield texts.table()


def write(path: Path, bodies: Iterable[bytes]) -> None:
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
        with pq.ParquetWriter(new, schema(), **options) as writer:
            for table in tables(bodies):
                writer.write_table(table, row_group_size=GROUP_ROWS)
        os.replace(new, path)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def read(path: Path, names: Iterable[str]) -> pa.Table:
    """Return columns of the body."""
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=list(names), page_checksum_verification=True)
