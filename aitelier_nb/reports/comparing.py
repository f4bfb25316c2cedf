"""Where a file differs from what it was: the first line, the field, the example it belongs to."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aitelier_nb.reports.fingerprints import field_hashes, of_file, read_rows
from aitelier_nb.views import counted

__all__ = ["Difference", "first_line", "of_input", "of_values"]

GROWING = re.compile(r"data/(history\.jsonl|recordings/.+|evals/.+\.votes\.jsonl)")
"""Files that only grow: what was added after the report is told, and changes no number by itself."""

KEY = re.compile(rb'"([^"\\]+)"\s*:')
IDENTITY = re.compile(rb'"(?:id|exampleId)"\s*:\s*(\d+)')


@dataclass(frozen=True)
class Difference:
    """One place that is not as it was: file, line (from 1), example, field, and a sentence."""

    file: str
    told: str
    line: int | None = None
    id: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        example = f", example {self.id}" if self.id is not None else ""
        return f"{where}{example}{f', {self.field}' if self.field else ''}: {self.told}"

    def to_json(self) -> dict[str, Any]:
        """Return file, line, id, field and the sentence."""
        return {"file": self.file, "line": self.line, "id": self.id, "field": self.field, "told": self.told}


def of_input(before: Mapping[str, Any], path: Path) -> tuple[Difference | None, str | None]:
    """Compare a file with what a report says of it.

    Returns
    -------
    tuple
        The first difference or None, and a note about lines that were only added or None.
    """
    name = str(before["path"])
    if not path.is_file():
        return Difference(name, "the file is gone"), None
    now = of_file(path, name)
    if now["sha256"] == before.get("sha256") or now["rows"] == before.get("rows"):
        return None, None  # as it was; when only one of them agrees, the report itself was edited
    old = list(read_rows(before["rows"], before["fields"]))
    new = list(read_rows(now["rows"], now["fields"]))
    place = next((n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0][0] != pair[1][0]), None)
    lines = path.read_bytes().split(b"\n")
    if place is None and len(new) > len(old):
        added = lines[len(old) : len(new)]
        if GROWING.fullmatch(name) and all(map(field_hashes, added)):
            return None, f"{name}: {_lines(len(added))} added after the report"
        return _at(name, lines, len(old), None, f"{_lines(len(added))} added"), None
    if place is None:
        missing = counted(len(old) - len(new), "line")
        return Difference(name, f"{missing} missing at the end", line=len(new) + 1), None
    fields = _changed(old[place][1], new[place][1])
    return _at(name, lines, place, fields, _count(len(new) - len(old))), None


def _lines(n: int) -> str:
    return f"{counted(n, 'line')} {'was' if n == 1 else 'were'}"


def _count(more: int) -> str:
    if more:
        words = f"{counted(abs(more), 'line')} {'more' if more > 0 else 'fewer'}"
        return f"this line is not as it was, and the file has {words}"
    return "this line is not as it was"


def _changed(before: Mapping[str, str], after: Mapping[str, str]) -> str | None:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return ", ".join(names) or None


def _at(name: str, lines: Sequence[bytes], place: int, fields: str | None, told: str) -> Difference:
    line = lines[place] if place < len(lines) else b""
    if fields is None and not line.startswith(b"{") and (key := KEY.search(line)):
        fields = key[1].decode("utf-8", "replace")
    return Difference(name, told, line=place + 1, id=_example(lines, place), field=fields)


def _example(lines: Sequence[bytes], place: int) -> int | None:
    """Return the example that a line belongs to: its own id, in a pretty file that of the object it is in."""
    if place >= len(lines):
        return None
    if (own := IDENTITY.search(lines[place])) is not None:
        return int(own[1])
    if lines[place].startswith(b"{"):
        return None
    for line in reversed(lines[:place]):
        if (found := IDENTITY.search(line)) is not None:
            return int(found[1])
    return None


def of_values(before: Any, after: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    """Return (path, before, after) of every value that differs between two JSON values."""
    if isinstance(before, dict) and isinstance(after, dict):
        names = [*before, *(name for name in after if name not in before)]
        return [
            found
            for name in names
            for found in of_values(before.get(name), after.get(name), f"{path}.{name}" if path else name)
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [found for n, (old, new) in pairs for found in of_values(old, new, f"{path}[{n}]")]
    return [] if type(before) is type(after) and before == after else [(path, before, after)]


def first_line(before: bytes, after: bytes) -> int:
    """Return the number (from 1) of the first line that differs."""
    pairs = enumerate(zip(before.split(b"\n"), after.split(b"\n"), strict=False), 1)
    return next(
        (n for n, (old, new) in pairs if old != new), min(before.count(b"\n"), after.count(b"\n")) + 1
    )


def shown(value: Any) -> str:
    """Return a value as JSON, cut to what fits a line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004
