"""What a split needs to know of each example, read from the lines as they stand.

Only scalars and user turns are looked at, so a million lines cost no million objects.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import numpy as np

from aitelier_nb.curation import duplicates
from aitelier_nb.curation.columns import NONE, Bools, Columns, Ints, side_of, ties
from aitelier_nb.storage.sides import Assessed

__all__ = ["Candidates", "among", "read"]


TEXT = {str}
TOGETHER = 1 << 5  # lines that are decoded by one call
FAR = 8  # of more than one line in so many all are read, one after the other

Lines = Callable[..., Iterable[bytes]]


class _Turn(msgspec.Struct, gc=False):
    role: str
    content: Any = None


class _Row(msgspec.Struct, gc=False):
    id: int
    messages: list[_Turn]
    rating: int | None = None
    split: str | None = None
    group: str | int | None = None


class Candidates(NamedTuple):
    """All examples as columns; `held` marks who repeats a validation example that is gone."""

    columns: Columns
    held: Bools


_rows = msgspec.json.Decoder(_Row)


def read(lines: Iterable[bytes], *, threshold: float, locked_keys: Collection[str] = ()) -> Candidates:
    """Return the columns of all lines.

    Parameters
    ----------
    lines
        Usable lines, in any order.
    threshold
        The lowest rating that is placed (1-10).
    locked_keys
        Duplicate keys of validation examples, or their questions, that are gone.
    """
    ids: list[int] = []
    ratings: list[int] = []
    sides: list[int] = []
    keys: list[str | None] = []
    groups: list[str | int | None] = []
    for row in _decoded(lines):
        side = side_of(row.split)
        rating = row.rating or 0
        # Who is not placed can only tie others together, and for that needs a group beside the key.
        counts = rating >= threshold or side != NONE or row.group not in (None, "")
        ids.append(row.id)
        ratings.append(rating)
        sides.append(side)
        groups.append(row.group)
        keys.append(_key(row.messages) if counts else None)
    columns = Columns(
        id=np.array(ids, dtype=np.int64),
        rating=np.array(ratings, dtype=np.int64),
        split=np.array(sides, dtype=np.int64),
        tie=ties(keys, groups),
    )
    held = np.array([key in locked_keys for key in keys], dtype=np.bool_)
    return Candidates(columns, held)


def among(
    assessed: Assessed,
    lines: Lines,
    *,
    threshold: float,
    locked: Mapping[str, int] | None = None,
) -> Candidates:
    """Do the same as `read` on columns: a line is read only where its tally says that it may repeat another.

    Parameters
    ----------
    assessed
        The scalars of all examples.
    lines
        Returns the lines of some examples by their ids, or of all.
    threshold
        The lowest rating that is placed (1-10).
    locked
        Duplicate keys of validation examples, or their questions, that are gone; each with its tally.
    """
    rating, side, group = assessed.rating, assessed.side, assessed.group
    grouped = np.zeros(len(rating), np.bool_) if group is None else np.array([*map(bool, group)], np.bool_)
    keys = _keys(assessed, np.flatnonzero((rating >= threshold) | (side != NONE) | grouped), lines, locked)
    joining = sorted({*keys, *np.flatnonzero(grouped).tolist()})
    joined = ties([*map(keys.get, joining)], [group[place] if group else None for place in joining])
    tie = np.full(len(rating), -1, np.int64)
    tie[joining] = np.where(joined < 0, -1, np.array(joining, np.int64)[joined])
    held = np.zeros(len(rating), np.bool_)
    held[[place for place, key in keys.items() if key in (locked or ())]] = True
    return Candidates(Columns(assessed.id, rating, side.astype(np.int64), tie), held)


def _keys(
    assessed: Assessed, counting: Ints, lines: Lines, locked: Mapping[str, int] | None
) -> dict[int, str]:
    """Return the keys of those, by place, who may ask what another of them or a locked one asks."""
    asked = assessed.asked[counting]
    _, which, times = np.unique(asked, return_inverse=True, return_counts=True)
    again = (times > 1)[which] | np.isin(asked, np.array([*(locked or {}).values()], np.uint64))
    chosen = counting[again]
    ids = assessed.id[chosen].tolist()
    places = dict(zip(ids, chosen.tolist(), strict=True))
    some = lines(ids) if len(ids) * FAR < len(assessed.id) else lines()
    return {places[row.id]: _key(row.messages) for row in _decoded(some) if row.id in places}


def _decoded(lines: Iterable[bytes]) -> Iterator[_Row]:
    remaining = iter(lines)
    while some := list(islice(remaining, TOGETHER)):
        yield from _rows.decode_lines(b"\n".join(some))


def _key(turns: Sequence[_Turn]) -> str:
    asked = [turn.content for turn in turns if turn.role == "user"]
    if asked and set(map(type, asked)) == TEXT:
        return duplicates.key_of(asked)
    return duplicates.key([{"role": turn.role, "content": turn.content} for turn in turns])
