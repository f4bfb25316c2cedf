"""How far a rewrite is from its original: the edit distance of two texts."""

from __future__ import annotations

__all__ = ["change", "edits"]


def edits(before: str, after: str) -> int:
    """Return the Levenshtein distance: the fewest characters to insert, delete or replace.

    Bit-parallel, one step a character of `before` over all of `after` at once
    (Myers 1999, in the form of Hyyrö 2003).
    """
    if not after or not before:
        return len(before) + len(after)
    masks: dict[str, int] = {}
    for place, letter in enumerate(after):
        masks[letter] = masks.get(letter, 0) | 1 << place
    full, last = (1 << len(after)) - 1, 1 << (len(after) - 1)
    rises, falls, distance = full, 0, len(after)
    for letter in before:
        matches = masks.get(letter, 0)
        diagonal = (((matches & rises) + rises) ^ rises) | matches | falls
        up = falls | ~(diagonal | rises) & full
        down = rises & diagonal
        distance += bool(up & last) - bool(down & last)
        up = up << 1 | 1
        rises = (down << 1 | ~(diagonal | up)) & full
        falls = up & diagonal & full
    return distance


def change(before: str, after: str) -> float:
    """Return the edit distance as a share of the longer text: 0 is equal, 1 is all new."""
    return edits(before, after) / (max(len(before), len(after)) or 1)
