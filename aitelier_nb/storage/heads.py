"""The head of the mirror: one row of scalars for each line, in data/parquet/examples.head.parquet."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from aitelier_nb.storage import arrays
from aitelier_nb.storage.scanning import Block, Columns, Fault

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = [
    "CODES",
    "FRAME",
    "SIDES",
    "Facts",
    "read_facts",
    "schema",
    "side_codes",
    "spelt",
    "table",
    "write",
    "write_parquet",
]

VERSION = 4
FRAME = ("id", "rating", "split", "created_at", "version", "n_turns", "n_chars", "flagged", "group", "source")
GROUP_ROWS = 1 << 18
TIMES = ("created_at", "created")
SIGNS = b"0000-00-00T00:00:00.000Z"
DELTAS = ("id", "created_at", "version", "start")
PLAIN = ("n_chars", "length", "asked", "hash", "content", "first", "n_turns")
RAW = ("asked", "hash", "content", "first")  # hashes do not compress


SIDES: tuple[Literal["train", "val"] | None, ...] = (None, "train", "val")
CODES = {side: code for code, side in enumerate(SIDES)}


def side_codes(column: pa.ChunkedArray) -> npt.NDArray[np.int8]:
    """Return a column of sides as places in SIDES."""
    found = [np.zeros(0, np.int8)]
    for chunk in column.chunks:
        codes = np.array([*map(CODES.__getitem__, chunk.dictionary.to_pylist()), 0], np.int8)
        found.append(codes[chunk.indices.fill_null(len(codes) - 1).to_numpy()])
    return np.concatenate(found)


def schema() -> pa.Schema:
    """Return the columns of the head.

    id int64; rating int8, null when not rated; split, null when in neither; created_at in UTC
    milliseconds, and created as the text that stands there where it is another spelling; version
    int32; n_turns and n_chars of the messages; flagged; group and source as text; has_split, whether
    the line has that key; asked, the tally of the user turns; start and length of the line in
    bytes; xxh3-64 of the line, of its messages, and of its messages with the first answer.
    """
    import pyarrow as pa

    kinds = {
        "id": pa.int64(),
        "rating": pa.int8(),
        "split": pa.dictionary(pa.int32(), pa.string()),
        "created_at": pa.timestamp("ms", "UTC"),
        "created": pa.string(),
        "version": pa.int32(),
        "n_turns": pa.int32(),
        "n_chars": pa.int32(),
        "flagged": pa.bool_(),
        "group": pa.string(),
        "source": pa.string(),
        "has_split": pa.bool_(),
        "asked": pa.uint64(),
        "start": pa.int64(),
        "length": pa.int32(),
        "hash": pa.uint64(),
        "content": pa.uint64(),
        "first": pa.uint64(),
    }
    return pa.schema(kinds)


def table(columns: Columns, names: Sequence[str] = ()) -> pa.Table:
    """Return scanned columns as Arrow, all or some."""
    import pyarrow as pa

    shape = schema()
    shape = pa.schema([shape.field(name) for name in names]) if names else shape
    found: dict[str, pa.Array] = {}
    texts: pa.StringArray | None = None
    for name, kind in zip(shape.names, shape.types, strict=True):
        if name in TIMES:
            if texts is None:
                texts = arrays.array(columns.listed("created_at"), pa.string())
                moments = times(texts)
            found[name] = moments if name == "created_at" else _other_spellings(texts, moments)
            continue
        values: Any = columns.column(name)
        if name == "split":
            codes = np.array(list(map(CODES.__getitem__, values)), np.int32)
            sides = arrays.array(list(SIDES[1:]), kind.value_type)
            found[name] = pa.DictionaryArray.from_arrays(arrays.over_nothing(codes - 1, codes > 0), sides)
        elif name == "rating":
            ratings = np.array([value or 0 for value in values], np.int8)
            found[name] = arrays.over_nothing(ratings, ratings > 0)
        else:
            found[name] = arrays.array(values, kind)
    return pa.table(found, schema=shape)


def times(texts: pa.StringArray) -> pa.Array:
    """Return ISO 8601 texts as UTC times; null where a text is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(texts, pa.timestamp("ms", "UTC"))
    except pa.ArrowInvalid:
        looks = pc.match_substring_regex(texts, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$")
    try:
        return pc.cast(pc.if_else(looks, texts, None), pa.timestamp("ms", "UTC"))
    except pa.ArrowInvalid:  # the 31st of February
        return pa.nulls(len(texts), pa.timestamp("ms", "UTC"))


def _other_spellings(texts: pa.StringArray, moments: pa.Array) -> pa.Array:
    """Return texts of times, null for those that `spelt` gives back."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not moments.null_count and _have_signs(texts):
        return pa.nulls(len(texts), pa.string())
    same = pc.fill_null(pc.equal(texts, spelt(moments)), arrays.scalar(value=False, kind=pa.bool_()))
    return pc.if_else(same, arrays.scalar(None, pa.string()), texts)


def _have_signs(texts: pa.StringArray) -> bool:
    """Say whether the signs of a time stand in all texts where `spelt` puts them."""
    _, ends, letters = texts.buffers()
    if not len(texts) or (np.diff(np.frombuffer(ends, np.int32)) != len(SIGNS)).any():
        return False
    found = np.frombuffer(letters, np.uint8).reshape(len(texts), len(SIGNS))
    signs = np.frombuffer(SIGNS, np.uint8)
    return all((found[:, place] == signs[place]).all() for place in np.flatnonzero(signs != ord("0")))


def spelt(moments: pa.Array) -> pa.Array:
    """Return UTC times as the `ait` tool writes them: ISO 8601, milliseconds, "Z"."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.cast(pc.cast(moments, pa.timestamp("ms")), pa.string())
    end, nothing = arrays.array(["Z", ""], pa.string())
    return pc.binary_join_element_wise(pc.binary_replace_slice(texts, 10, 11, "T"), end, nothing)


class Facts:
    """What the head says of the file that it was made from: its signature, blocks and bad lines."""

    def __init__(
        self, signature: Sequence[int], blocks: Sequence[Block], faults: Sequence[Fault], lines: int
    ) -> None:
        self.signature = tuple(signature)
        self.blocks, self.faults, self.lines = list(blocks), list(faults), lines

    def to_metadata(self) -> dict[str, str]:
        """Return the facts as they are kept beside the columns."""
        places = np.array([block[:3] for block in self.blocks], np.int64)
        hashes = np.array([block.hash for block in self.blocks], np.uint64)
        facts = {
            "version": VERSION,
            "signature": self.signature,
            "lines": self.lines,
            "faults": self.faults,
            "places": base64.b64encode(places.tobytes()).decode(),
            "hashes": base64.b64encode(hashes.tobytes()).decode(),
        }
        return {"aitelier": json.dumps(facts)}


def read_facts(file: pq.ParquetFile) -> Facts | None:
    """Return what a head says of its file; None when it is not one of this version."""
    try:
        facts = json.loads((file.schema_arrow.metadata or {})[b"aitelier"])
        if facts["version"] != VERSION:
            return None
        places = np.frombuffer(base64.b64decode(facts["places"]), np.int64).reshape(-1, 3).T.tolist()
        hashes = np.frombuffer(base64.b64decode(facts["hashes"]), np.uint64).tolist()
        blocks = [Block(*values) for values in zip(*places, hashes, strict=True)]
        faults = [Fault(*fault) for fault in facts["faults"]]
        return Facts(facts["signature"], blocks, faults, facts["lines"])
    except (KeyError, TypeError, ValueError):
        return None


def write(path: Path, content: pa.Table, facts: Facts) -> None:
    """Write the head; derived, so it is put in place whole but not synced."""
    options: dict[str, Any] = {
        "compression": {name: "NONE" if name in RAW else "ZSTD" for name in content.column_names},
        "use_dictionary": ["rating", "split", "group", "source"],
        "column_encoding": {
            **dict.fromkeys(DELTAS, "DELTA_BINARY_PACKED"),
            **dict.fromkeys(PLAIN, "PLAIN"),
        },
        "row_group_size": GROUP_ROWS,
        "write_statistics": False,
    }
    write_parquet(path, content.replace_schema_metadata(facts.to_metadata()), options)


def write_parquet(path: Path, content: pa.Table, options: dict[str, Any]) -> None:
    """Write a table beside its place and move it there; a half-written one is never seen."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        pq.write_table(content, new, write_page_checksum=True, **options)
        os.replace(new, path)  # noqa: PTH105 - the same call as in files
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
