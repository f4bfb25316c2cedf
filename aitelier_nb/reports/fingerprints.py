"""What every file was when the report was made: its SHA-256, and a short hash of each line and field.

The hash of a file says that something changed; the hashes of lines and fields say where.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["FIELD", "LINE", "field_hashes", "line_hash", "of_files", "sources"]

LINE, FIELD = 10, 4
"""Hexadecimal digits of a line's and of a field's hash."""

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


def sources(project: Path) -> list[Path]:
    """Return every file of a project that a report is made from, in order of path."""
    config = [path for name in (".aitelier.json", ".ftpipeline.json") if (path := project / name).is_file()]
    data = project / "data"
    found = [*data.glob("*.jsonl"), *data.glob("evals/*.json*"), *data.glob("recordings/*.jsonl")]
    frozen = [path for path in [project / "environment.json"] if path.is_file()]
    return [*config[:1], *frozen, *sorted(path for path in found if path.is_file())]


def of_files(project: Path) -> list[dict[str, Any]]:
    """Return path, bytes, SHA-256, and the hashes of lines and fields of every file."""
    return [of_file(path, path.relative_to(project).as_posix()) for path in sources(project)]


def of_file(path: Path, name: str) -> dict[str, Any]:
    """Return the fingerprint of one file.

    `rows` is one word a line: the line's hash, a colon, the place in `fields` of the line's
    keys, a colon, the hashes of their values. Lines that are no JSON object have the first alone.
    """
    whole, size = hashlib.sha256(), 0
    fields: dict[tuple[str, ...], int] = {}
    rows = []
    with path.open("rb") as stream:
        for line in stream:
            whole.update(line)
            size += len(line)
            rows.append(_row(line, fields))
    return {
        "path": name,
        "bytes": size,
        "lines": len(rows),
        "sha256": whole.hexdigest(),
        "fields": [list(names) for names in fields],
        "rows": " ".join(rows),
    }


def _row(line: bytes, fields: dict[tuple[str, ...], int]) -> str:
    hashes = field_hashes(line)
    if not hashes:
        return line_hash(line)
    place = fields.setdefault(tuple(hashes), len(fields))
    return f"{line_hash(line)}:{place}:{''.join(hashes.values())}"


def line_hash(line: bytes) -> str:
    """Return the short hash of a line as it stands, its end included."""
    return hashlib.sha256(line).hexdigest()[:LINE]


def field_hashes(line: bytes) -> dict[str, str]:
    """Return the short hash of each value of a line's object, sorted by key; none when it is no object."""
    if not line.startswith(b"{"):
        return {}
    try:
        values = _fields.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return {key: hashlib.sha256(values[key]).hexdigest()[:FIELD] for key in sorted(values)}


def read_rows(rows: str, fields: Sequence[Sequence[str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (line hash, field hashes) of each line, from what `of_file` wrote."""
    for word in rows.split():
        line, _, rest = word.partition(":")
        place, _, hashes = rest.partition(":")
        names = fields[int(place)] if place else ()
        yield line, {name: hashes[FIELD * n : FIELD * (n + 1)] for n, name in enumerate(names)}
