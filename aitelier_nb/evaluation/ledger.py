"""Votes and scores, one line each, appended and synced: what was given survives a kill, and counts once."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aitelier_nb.storage.files import append
from aitelier_nb.storage.locks import lock
from aitelier_nb.storage.tombstones import canonical

__all__ = ["Ledger", "seal"]


def seal(key: bytes, before: str, row: Mapping[str, Any]) -> str:
    """Return the HMAC-SHA256 (hex) of a row and of the seal before it."""
    bare = {name: value for name, value in row.items() if name != "seal"}
    return hmac.new(key, before.encode("ascii") + canonical(bare), hashlib.sha256).hexdigest()


class Ledger:
    """An append-only file of JSON lines that several people and processes write.

    A line that a crash has cut counts as absent. A row with a (by, session, seq) that is there already is
    not written again, so that what is sent twice counts once.
    """

    def __init__(self, path: Path, lock_path: Path) -> None:
        self.path = path
        self._lock_path = lock_path
        self._rows: list[dict[str, Any]] = []
        self._sent: set[tuple[Any, Any, Any]] = set()
        self._read = 0
        self.unreadable = 0

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows, oldest first; what others appended since the last call included."""
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < self._read:
            self._rows, self._sent, self._read, self.unreadable = [], set(), 0, 0
        if size > self._read:
            with self.path.open("rb") as file:
                file.seek(self._read)
                self._take(file.read())
        return self._rows

    def append(self, row: Mapping[str, Any], key: bytes | None = None) -> bool:
        """Write one row and sync it; return whether it was new.

        With a key the row is sealed: its seal also covers the seal of the same person's row before it.
        """
        with lock(self._lock_path):
            rows = self.rows()
            if row.get("seq") is not None and _sender(row) in self._sent:
                return False
            line = dict(row)
            if key is not None:
                before = next(
                    (r["seal"] for r in reversed(rows) if r.get("by") == row.get("by") and "seal" in r), ""
                )
                line["seal"] = seal(key, before, line)
            torn = self.path.exists() and self.path.stat().st_size > self._read
            append(self.path, (b"\n" if torn else b"") + json.dumps(line).encode("ascii") + b"\n")
            self.rows()
        return True

    def seals(self, by: str) -> list[str]:
        """Return the seals of one person's rows, oldest first."""
        return [str(row["seal"]) for row in self.rows() if row.get("by") == by and "seal" in row]

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the file as it stands."""
        return hashlib.sha256(self.path.read_bytes() if self.path.exists() else b"").hexdigest()

    def _take(self, block: bytes) -> None:
        end = block.rfind(b"\n") + 1
        for line in block[:end].split(b"\n"):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if isinstance(row, dict):
                self._rows.append(row)
                self._sent.add(_sender(row))
            else:
                self.unreadable += 1
        self._read += end


def _sender(row: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return row.get("by"), row.get("session"), row.get("seq")
