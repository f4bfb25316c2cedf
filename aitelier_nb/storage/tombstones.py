"""What stays of an entry that was forgotten: a hash, so that what sealed the entry still holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["canonical", "leaf", "standing", "tombstone"]


def canonical(value: Any) -> bytes:
    """Return a JSON value as bytes that are the same everywhere: sorted keys, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def leaf(entry: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of an entry; of one that was forgotten the one that it had."""
    return str(entry["forgotten"]) if "forgotten" in entry else hashlib.sha256(canonical(entry)).hexdigest()


def tombstone(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands in the place of a forgotten entry: its hash, of a sealed line its seal."""
    if "seal" in entry:
        return {"kind": "forgotten", "by": entry.get("by"), "seal": entry["seal"]}
    return {"forgotten": leaf(entry)}


def standing(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the entries that were not forgotten."""
    return [dict(entry) for entry in entries if "forgotten" not in entry]
