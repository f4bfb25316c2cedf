"""What a study fixes before its first vote, in the form that is committed to: each pair by its hash.

A pair that had to be forgotten leaves its hash behind, so the rest of the study still proves what it did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aitelier_nb.evaluation.sides import commitment
from aitelier_nb.storage.tombstones import leaf

__all__ = ["BY_HASH", "PLAN", "committed", "plan"]

PLAN = (
    *("question", "mode", "n", "alpha", "ties", "repeats"),
    *("contestants", "parameters", "pairs", "identical", "leftOut"),
)
"""The keys of a study that are fixed before the first vote."""

BY_HASH = {"commits": "hashes"}
"""What a study says whose commitments cover the hashes of its pairs and sides, not these themselves."""

ENTRIES = ("pairs", "identical")


def _by_hash(content: Mapping[str, Any]) -> bool:
    return content.get("commits") == BY_HASH["commits"]


def plan(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan of a study as its commitments cover it."""
    found = {key: content[key] for key in PLAN}
    if _by_hash(content):
        found |= {key: [leaf(entry) for entry in found[key]] for key in ENTRIES}
    return found


def committed(content: Mapping[str, Any], salt: str, seed: str, sides: Sequence[Mapping[str, Any]]) -> str:
    """Return the commitment that a rater's salt, seed and sides make with the study's plan."""
    covered = [leaf(side) for side in sides] if _by_hash(content) else [dict(side) for side in sides]
    return commitment(salt, seed, covered, plan(content))
