"""What a job folder holds, and how its files are written: whole or appended, never half.

The training process writes here and nowhere else.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aitelier_nb.errors import DataError

__all__ = ["Journal", "now", "rank", "read_examples", "read_json", "write", "writes"]


class Journal:
    """The event file of a run: one JSON line each, written when the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, kind: str, **fields: Any) -> None:
        """Append one event; only the first process of a machine writes."""
        if not writes():
            return
        line = json.dumps({"at": now(), "kind": kind, **fields}, ensure_ascii=False) + "\n"
        with self._path.open("ab") as stream:
            stream.write(line.encode())


def write(path: Path, value: dict[str, Any]) -> None:
    """Put a JSON file in place in one step."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump(value, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return a JSON file's object, or None when there is none to read."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def read_examples(path: Path, *, preference: bool = False) -> list[dict[str, Any]]:
    """Return the lines of a training file; of a preference file each as prompt, chosen and rejected.

    Raises
    ------
    DataError
        A line that is not JSON or lacks what it must hold; it is named by file and number.
    """
    rows = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            rows.append(_pair(row) if preference else {**row, "messages": list(row["messages"])})
        except (ValueError, KeyError, TypeError) as error:
            wanted = "pair of answers" if preference else "conversation"
            raise DataError(
                f"{path.name}:{number}: no {wanted}: {error!r}", hint="write the file again with `ait format`"
            ) from error
    return rows


def _pair(row: dict[str, Any]) -> dict[str, Any]:
    """Return a preference line as prompt, chosen and rejected, whether OpenAI's or TRL's shape it has."""
    if "input" in row:
        asked = row["input"]
        return {
            "prompt": list(asked["messages"]),
            "chosen": list(row["preferred_output"]),
            "rejected": list(row["non_preferred_output"]),
            "tools": asked.get("tools"),
        }
    return {**row, **{side: list(row[side]) for side in ("prompt", "chosen", "rejected")}}


def now() -> str:
    """Return the time in UTC, ISO 8601 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rank() -> int:
    """Return this process's number among those that train together, from 0."""
    return int(os.environ.get("RANK", "0"))


def writes() -> bool:
    """Say whether this process writes the job folder: the first one of each machine does."""
    return os.environ.get("LOCAL_RANK", "0") == "0"
