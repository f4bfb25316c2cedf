"""New examples on their way into the file: each as its line, its content known by a hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate, count, groupby, islice
from typing import Any

import msgspec
import xxhash

from aitelier_nb.errors import DataError
from aitelier_nb.schema import Conversation, PlainMessage
from aitelier_nb.storage import contents, editing
from aitelier_nb.storage.batches import Batch
from aitelier_nb.storage.lines import Line, PlainLine

__all__ = ["Additions"]

CHUNK = 1 << 9  # rows that are written as JSON by one call, and whose scalars are taken together


class _Written(msgspec.Struct, rename="camel", gc=False):
    """A new line of plain messages: its keys in their order."""

    id: int
    messages: list[PlainMessage]
    rating: None
    created_at: str
    version: int = 1


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
        self._lines: list[Line | PlainLine] = []
        self._plain = True
        for kind, run in groupby(map(_plain, rows), type):
            while chunk := list(islice(run, CHUNK)):
                if kind is not Conversation or not self._took_plain([row.messages for row in chunk]):  # type: ignore[union-attr]
                    for row in chunk:
                        self._take(row.to_json() if isinstance(row, Conversation) else row)

    def __len__(self) -> int:
        return len(self.contents)

    def _took_plain(self, conversations: Sequence[list[PlainMessage]]) -> bool:
        """Take rows of plain messages, all or none: half a character spoils them."""
        first, at = self._first_id + len(self), self._created_at
        written = [_Written(name, messages, None, at) for name, messages in enumerate(conversations, first)]
        try:
            bodies = _lines.encode_lines(written).split(b"\n")[:-1]
        except (UnicodeEncodeError, TypeError):  # a kind of text that is not JSON's
            return False
        begin, end = len('{"id":,"messages":'), -len(f',"rating":null,"createdAt":"{at}","version":1}}')
        keys = [
            xxhash.xxh3_64_intdigest(memoryview(body)[begin + len(str(name)) : end])
            for name, body in enumerate(bodies, first)
        ]
        self.contents += keys
        self._own += keys
        self._bodies += bodies
        self._lines += [
            PlainLine(name, messages, None, at) for name, messages in enumerate(conversations, first)
        ]
        return True

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
            lines = [self._lines[place] for place in chosen]
            bodies = [self._bodies[place] for place in chosen]
            if chosen[-1] != begin + len(chosen) - 1:  # some before these are no new ones
                bodies = list(map(_renamed, lines, bodies, count(self._first_id + begin)))
            *starts, start = accumulate((len(body) + 1 for body in bodies), initial=start)
            batch = Batch(lines, bodies, starts, plain=self._plain)
            batch.contents = [self._own[place] for place in chosen]
            yield batch


def _plain(row: Mapping[str, Any] | Conversation) -> Mapping[str, Any] | Conversation:
    """Return a row of nothing but plain messages as a Conversation, any other as it is."""
    if type(row) is dict and len(row) == 1:
        with suppress(msgspec.ValidationError):
            return msgspec.convert(row, Conversation)
    return row


def _renamed(line: Line | PlainLine, body: bytes, name: int) -> bytes:
    """Give a line another id, and return it."""
    line.id = name
    return b'{"id":%d%b' % (name, body[body.index(b",") :])
