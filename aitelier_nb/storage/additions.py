"""New examples on their way into the file: each as its line, its content known by a hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import count, groupby, islice, repeat
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np

from aitelier_nb.errors import DataError
from aitelier_nb.schema import Conversation, PlainMessage
from aitelier_nb.storage import contents, editing
from aitelier_nb.storage.batches import Batch
from aitelier_nb.storage.lines import Line, PlainLine

__all__ = ["Additions"]

CHUNK = 1 << 9  # rows whose scalars are taken together
WHOLE = (int, type(None))


class _Written(msgspec.Struct, rename="camel", gc=False):
    """A new line of plain messages: its keys in their order, and what a line without others has."""

    id: int
    messages: list[PlainMessage]
    rating: int | None
    created_at: str
    version: int = 1

    split: ClassVar = msgspec.UNSET
    group: ClassVar = None
    flagged: ClassVar = None
    source: ClassVar = None
    original_output: ClassVar = None


class _Rated(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A row of plain messages and perhaps a rating."""

    messages: Annotated[list[PlainMessage], msgspec.Meta(min_length=1)]
    rating: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None


_lines = msgspec.json.Encoder()  # for texts and whole numbers the same bytes as `encode`


class Additions:
    """Rows as the lines that they would be if all were new, checked.

    Attributes
    ----------
    contents
        The hash of each one's messages, with the first answer where there is one.

    Raises
    ------
    DataError
        A row that no line can hold; the message names its number.
    """

    def __init__(
        self, rows: Iterable[Mapping[str, Any] | Conversation], first_id: int, created_at: str
    ) -> None:
        self.contents: list[int] = []
        self._first_id, self._created_at = first_id, created_at
        self._own: list[int] = []
        self._bodies: list[bytes] = []
        self._lines: list[Any] = []
        self._batches: dict[int, Batch] = {}
        self._plain = True
        remaining = iter(rows)
        while chunk := list(islice(remaining, CHUNK)):
            if set(map(type, chunk)) == {Conversation}:
                self._take_all(chunk, [row.messages for row in chunk])  # type: ignore[union-attr]
                continue
            for kind, run in groupby(zip(map(_plain, chunk), chunk, strict=True), _kind):
                plain, found = zip(*run, strict=True)
                if kind is _Rated:
                    self._take_all(found, [row.messages for row in plain], [row.rating for row in plain])
                else:
                    self._take_each(found)

    def __len__(self) -> int:
        return len(self.contents)

    def _take_all(
        self,
        rows: Sequence[Mapping[str, Any] | Conversation],
        conversations: Sequence[list[PlainMessage]],
        ratings: Sequence[int | None] | None = None,
    ) -> None:
        """Take rows of plain messages together; where half a character spoils them, each for itself."""
        first, at = self._first_id + len(self), self._created_at
        rated = repeat(None) if ratings is None else ratings
        names = range(first, first + len(rows))
        lines: list[Any] = list(map(_Written, names, conversations, rated, repeat(at)))
        try:
            bodies = list(map(_lines.encode, lines))
        except (UnicodeEncodeError, TypeError):  # a kind of text that is not JSON's
            self._take_each(rows)
            return
        batch = Batch(lines, bodies, [], plain=True)
        keys = batch.contents.tolist()
        self._batches[len(self)] = batch
        self.contents += keys
        self._own += keys
        self._bodies += bodies
        self._lines += lines

    def _take_each(self, rows: Iterable[Mapping[str, Any] | Conversation]) -> None:
        for row in rows:
            self._take(row.to_json() if isinstance(row, Conversation) else row)

    def _take(self, row: Mapping[str, Any]) -> None:
        name, at = self._first_id + len(self), self._created_at
        try:
            body, line = editing.new_line(row, name, at)
        except DataError as error:
            raise DataError(f"row {len(self) + 1}: {error}", hint=error.hint) from error
        own = contents.own_key(line)
        self.contents.append(contents.key(line, own))
        self._own.append(own)
        self._bodies.append(body)
        self._lines.append(line)
        self._plain = False

    def batches(self, places: Sequence[int], start: int) -> Iterator[Batch]:
        """Yield the lines at some places as they stand from `start` on, under ids without a gap."""
        for begin in range(0, len(places), CHUNK):
            chosen = places[begin : begin + CHUNK]
            made = self._batches.get(begin)
            if made is None or len(made) != len(chosen) or chosen[-1] != begin + len(chosen) - 1:
                made = self._chosen(chosen, begin)
            ends = made.lengths.cumsum() + np.arange(1, len(made) + 1) + start
            made.starts = ends - made.lengths - 1
            start = int(ends[-1])
            yield made

    def _chosen(self, places: Sequence[int], begin: int) -> Batch:
        """Return the lines at some places, the first of which is the new example number `begin`."""
        lines = [self._lines[place] for place in places]
        bodies = [self._bodies[place] for place in places]
        if places[-1] != begin + len(places) - 1:  # some before these are no new ones
            bodies = list(map(_renamed, lines, bodies, count(self._first_id + begin)))
        batch = Batch(lines, bodies, [], plain=self._plain)
        batch.contents = np.array([self._own[place] for place in places], np.uint64)
        return batch


def _plain(row: Mapping[str, Any] | Conversation) -> _Rated | Mapping[str, Any]:
    """Return a row of nothing but plain messages, and perhaps a rating, as one; any other as it is."""
    if isinstance(row, Conversation):
        return _Rated(row.messages)
    if type(row) is dict and "messages" in row and len(row) == 1 + ("rating" in row):
        with suppress(msgspec.ValidationError):
            if type(row.get("rating", 1)) in WHOLE:
                return msgspec.convert(row, _Rated)
    return row


def _kind(pair: tuple[object, object]) -> type:
    return type(pair[0])


def _renamed(line: Line | PlainLine, body: bytes, name: int) -> bytes:
    """Give a line another id, and return it."""
    line.id = name
    return b'{"id":%d%b' % (name, body[body.index(b",") :])
