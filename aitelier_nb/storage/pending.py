"""Lines with edits that are not in the file yet: known by their hashes, put together when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np

from aitelier_nb.storage.index import Index
from aitelier_nb.storage.journal import GONE, Change
from aitelier_nb.storage.lines import changed, decode, encode, line_hash

__all__ = ["CELLS", "Pending", "digest", "located"]

CELLS = frozenset(("rating", "split", "version", "flagged", "group", "source", "hash"))
SHORT = 200  # bytes of a change that many examples may have in common
SCALAR = (CELLS - {"hash"}) | {"ratings", "tags", "note"}  # keys of a line that no other column tells of


def digest(body: bytes | None) -> str:
    """Return the hash of a line as it stands in an edit; "" when there is no line."""
    return GONE if body is None else f"{line_hash(body):016x}"


class _Edited:
    """A line of the file and what was done to it; `body` counts where `made` says so."""

    __slots__ = ("body", "changes", "made", "mark", "row")

    def __init__(self, row: int | None, mark: str) -> None:
        self.row, self.mark = row, mark
        self.changes: list[Change] = []
        self.body: bytes | None = None
        self.made = 0  # how many of the changes the body holds


class Pending(Mapping[int, bytes | None]):
    """The lines of an index with edits on them, by id, in the order of their first edit; None: deleted.

    Attributes
    ----------
    gone
        The rows of deleted ones.
    restored
        The ids of those that have no line in the file.
    """

    def __init__(self, index: Index | None = None) -> None:
        self._index = index
        self._edited: dict[int, _Edited] = {}
        self._known: dict[int, tuple[int | None, str]] = {}
        self.gone: set[int] = set()
        self.restored: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._edited)

    def __iter__(self) -> Iterator[int]:
        return iter(self._edited)

    def __contains__(self, example: object) -> bool:
        return example in self._edited

    def __getitem__(self, example: int) -> bytes | None:
        edited = self._edited[example]
        if edited.made < len(edited.changes):
            body = edited.body
            if not edited.made and edited.row is not None and self._index is not None:
                body = self._index.body(edited.row)
            for change in edited.changes[edited.made :]:
                body = put(body, change)
            edited.body, edited.made = body, len(edited.changes)
        return edited.body

    def look_up(self, examples: Iterable[int]) -> None:
        """Learn at once what the file holds of many examples."""
        ids = np.array(list(examples), np.int64)
        if self._index is not None and len(ids):
            rows = self._index.places.find_all(ids)
            found = self._index.hashes[np.maximum(rows, 0)].tolist() if len(self._index) else [0] * len(ids)
            for example, row, mark in zip(ids.tolist(), rows.tolist(), found, strict=True):
                self._known[example] = (None, GONE) if row < 0 else (row, f"{mark:016x}")

    def base(self, example: int) -> tuple[int | None, str]:
        """Return the row of an example and the hash of its line, as the file holds it."""
        known = self._known.get(example)
        if known is None:
            known = self._known[example] = self._found(example)
        return known

    def _found(self, example: int) -> tuple[int | None, str]:
        row = None if self._index is None else self._index.row(example)
        if self._index is None or row is None:
            return None, GONE
        return row, f"{self._index.hashes[row]:016x}"

    def row(self, example: int) -> int | None:
        """Return the row of an example, None when the file has no line of it."""
        return self.base(example)[0]

    def mark(self, example: int) -> str:
        """Return the hash of an example's line with all edits on it."""
        edited = self._edited.get(example)
        return self.base(example)[1] if edited is None else edited.mark

    def add(self, change: Change) -> None:
        """Put a change on the line that it was made on."""
        edited = self._begun(change.id)
        edited.changes.append(change)
        self._marked(change.id, edited, change.to)

    def made(self, change: Change, body: bytes | None, mark: str | None = None) -> None:
        """Take a change whose outcome is known, and perhaps the outcome's hash."""
        edited = self._begun(change.id)
        edited.changes.append(change)
        edited.body, edited.made = body, len(edited.changes)
        self._marked(change.id, edited, digest(body) if mark is None else mark)

    def _begun(self, example: int) -> _Edited:
        edited = self._edited.get(example)
        if edited is None:
            edited = self._edited[example] = _Edited(*self.base(example))
        return edited

    def _marked(self, example: int, edited: _Edited, mark: str) -> None:
        edited.mark = mark
        if edited.row is None:
            if mark == GONE:
                self.restored.pop(example, None)
            else:
                self.restored[example] = None
        elif mark == GONE:
            self.gone.add(edited.row)
        else:
            self.gone.discard(edited.row)

    def cells(self, example: int) -> dict[str, Any] | None:
        """Return the columns that edits gave a line, told without reading it; None where that cannot be."""
        edited = self._edited[example]
        if edited.mark == GONE or edited.row is None:
            return None
        cells: dict[str, Any] = {}
        for change in edited.changes:
            if GONE in (change.on, change.to):
                return None
            before, after = bytes(change.before), bytes(change.after)
            short = len(before) + len(after) < SHORT
            told = (_told if short else _told.__wrapped__)(before, after)
            if told is None:
                return None
            cells |= told
        cells["hash"] = int(edited.mark, 16)
        return cells


def located(
    index: Index, pending: Mapping[int, bytes | None]
) -> tuple[list[tuple[int, bytes | None]], list[bytes]]:
    """Return the edited lines of an index by row, rising (None: deleted), and the lines that it lacks."""
    row_of = pending.row if isinstance(pending, Pending) else index.row
    placed: list[tuple[int, bytes | None]] = []
    new = []
    for example, body in pending.items():
        row = row_of(example)
        if row is not None:
            placed.append((row, body))
        elif body is not None:
            new.append(body)
    return sorted(placed, key=itemgetter(0)), new


@lru_cache(1 << 10)
def _told(before: bytes, after: bytes) -> dict[str, Any] | None:
    """Return the columns that one change gives a line; None when the line has to be read."""
    former, later = decode(before) or {}, decode(after) or {}
    found = {**dict.fromkeys(key for key in former if key not in later), **later}
    if not found.keys() <= SCALAR:
        return None
    cells = {key: _cell(key, value) for key, value in found.items() if key in CELLS}
    return cells | {"has_split": "split" in later} if "split" in found else cells


def _cell(key: str, value: Any) -> Any:
    if key == "version":
        return 1 if value is None else value
    if key == "flagged":
        return bool(value)
    if value is None or key in ("rating", "split"):
        return value
    return value if isinstance(value, str) else encode(value).decode()


def put(body: bytes | None, change: Change) -> bytes | None:
    """Return the line with a change on it: None when it takes the line away."""
    if change.to == GONE:
        return None
    if change.on == GONE:
        return bytes(change.after)
    later = change.later
    return changed(body or b"{}", later, [key for key in change.former if key not in later])
