"""The hash of messages: equal for equal roles and contents, however they are spelt in JSON.

That of plain messages is the hash of their texts, one after the other, plus a number for where each
ends and whose it is; it can be taken of many examples at once. That of others is the hash of their JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import msgspec
import numpy as np
import xxhash

from aitelier_nb.schema import PlainMessage
from aitelier_nb.storage.growing import Marks, Numbers
from aitelier_nb.storage.lines import ROLES, Turn

__all__ = ["content_key", "is_plain", "of_plain", "places"]

LARGEST = 2**64 - 1
ODD = 0x9E3779B97F4A7C15

_json = msgspec.json.Encoder()
_places = {role: place for place, role in enumerate(ROLES)}
_role, _beside = attrgetter("role"), attrgetter("name", "tool_calls", "tool_call_id", "weight")


def content_key(turns: Sequence[Turn | PlainMessage]) -> int:
    """Return the hash of one example's messages."""
    if not all(map(is_plain, turns)):
        return xxhash.xxh3_64_intdigest(_json.encode(turns))
    texts = [str(turn.content) for turn in turns]
    shape, power = 0, 1
    for turn, text in zip(turns, texts, strict=True):
        power = power * ODD & LARGEST
        shape += (len(text) << 3 | _places[turn.role]) * power
    return xxhash.xxh3_64_intdigest("".join(texts).encode()) + shape & LARGEST


def is_plain(turn: Turn | PlainMessage) -> bool:
    """Say whether a turn is a role and a text, and nothing else."""
    return type(turn) is PlainMessage or (
        isinstance(turn.content, str) and _beside(turn) == (None, None, None, None)
    )


def places(turns: Sequence[Turn | PlainMessage]) -> Numbers:
    """Return the place of each turn's role among ROLES."""
    return np.array(list(map(_places.__getitem__, map(_role, turns))), np.int64)


def of_plain(letters: bytes, ends: Numbers, widths: Numbers, roles: Numbers, offsets: Numbers) -> Marks:
    """Return the hash of the messages of many examples, all of them plain.

    Parameters
    ----------
    letters, ends
        The UTF-8 of all texts, and where that of each ends.
    widths, roles
        How many characters each text has, and its role.
    offsets
        At which text each example begins, and where the last one ends.
    """
    if len(offsets) == 1:
        return np.array([], np.uint64)
    counts = np.diff(offsets)
    powers = np.full(counts.max(), ODD, np.uint64).cumprod()
    numbers = (widths << 3 | roles).astype(np.uint64)
    numbers *= powers[np.arange(len(roles)) - np.repeat(offsets[:-1], counts)]
    shapes = np.add.reduceat(numbers, offsets[:-1])
    stops = ends[offsets[1:] - 1].tolist()
    view, digest = memoryview(letters), xxhash.xxh3_64_intdigest
    found = [digest(view[start:stop]) for start, stop in zip([0, *stops], stops, strict=False)]
    return np.array(found, np.uint64) + shapes
