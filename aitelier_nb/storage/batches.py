"""Lines decoded a block at a time: one call for some thousand of them, and line by line where one is odd."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, chain
from operator import attrgetter, lt, sub
from typing import Any

import msgspec
import numpy as np
import xxhash

from aitelier_nb.errors import DataError
from aitelier_nb.schema import PlainMessage
from aitelier_nb.storage.growing import Numbers
from aitelier_nb.storage.lines import BOM, Line, PlainLine, Turn, content_keys, parse
from aitelier_nb.storage.questions import tally, user_turns

__all__ = ["Batch", "Failure", "batch", "of_lines", "stripped", "text_of"]

SPACE = b" \t\r\n"

Failure = tuple[int, str, str]

_plain = msgspec.json.Decoder(PlainLine)
_line = msgspec.json.Decoder(Line)
_messages, _content = attrgetter("messages"), attrgetter("content")


def text_of(turn: Turn | PlainMessage) -> str:
    """Return a turn as text: its content, or its text parts one after the other."""
    content = turn.content
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content or [])


def _told(turn: Turn | PlainMessage) -> dict[str, Any]:
    return {"role": turn.role, "content": turn.content}


class Batch:
    """Usable lines that stand one after the other.

    Attributes
    ----------
    lines, bodies, starts
        Their fields, their bytes, and the offset of each.
    plain
        Whether no line has a key but those of PlainLine.
    """

    def __init__(
        self, lines: Sequence[Line | PlainLine], bodies: list[bytes], starts: list[int], *, plain: bool
    ) -> None:
        self.lines, self.bodies, self.starts, self.plain = lines, bodies, starts, plain

    def __len__(self) -> int:
        return len(self.lines)

    @property
    def lengths(self) -> list[int]:
        """The length of each line in bytes."""
        return list(map(len, self.bodies))

    @cached_property
    def turns(self) -> list[Turn | PlainMessage]:
        """The messages of all lines."""
        return list(chain.from_iterable(map(_messages, self.lines)))

    @cached_property
    def texts(self) -> list[str]:
        """The messages of all lines as text."""
        if self.plain:
            return list(map(_content, self.turns))
        return [text_of(turn) for turn in self.turns]

    @cached_property
    def counts(self) -> list[int]:
        """How many messages each line has."""
        return list(map(len, map(_messages, self.lines)))

    @cached_property
    def offsets(self) -> Numbers:
        """At which message each line begins, and where the last one ends."""
        return np.array([0, *accumulate(self.counts)], np.int64)

    @cached_property
    def hashes(self) -> list[int]:
        """The hash of each line."""
        return list(map(xxhash.xxh3_64_intdigest, self.bodies))

    @cached_property
    def contents(self) -> list[int]:
        """The hash of each line's messages."""
        return content_keys(map(_messages, self.lines))

    @cached_property
    def tallies(self) -> list[int]:
        """What tells the question of each line from most others."""
        asked: list[list[Any]]
        asked = [[turn.content for turn in line.messages if turn.role == "user"] for line in self.lines]
        if not self.plain or not all(asked):
            for place, turns in enumerate(asked):
                if not turns or set(map(type, turns)) != {str}:
                    asked[place] = user_turns(list(map(_told, self.lines[place].messages)))
        found: list[int] = tally(asked).tolist()
        return found

    @cached_property
    def sizes(self) -> list[int]:
        """How many characters the messages of each line have."""
        lengths = np.fromiter(map(len, self.texts), np.int64, len(self.texts))
        found: list[int] = np.add.reduceat(lengths, self.offsets[:-1]).tolist() if len(self) else []
        return found


class Stretch(Batch):
    """Usable lines inside one piece of bytes, cut out of it when they are asked for.

    Attributes
    ----------
    data, offset
        The piece, and where in the file it begins.
    """

    def __init__(
        self,
        lines: Sequence[Line | PlainLine],
        data: bytes,
        offset: int,
        places: tuple[list[int], list[int]],
        *,
        plain: bool,
    ) -> None:
        self.lines, self.plain = lines, plain
        self.data, self._places = data, places
        self.starts = [offset + start for start in places[0]] if offset else places[0]

    @cached_property
    def bodies(self) -> list[bytes]:  # type: ignore[override]
        """The bytes of each line."""
        return [self.data[start:end] for start, end in zip(*self._places, strict=True)]

    @property
    def lengths(self) -> list[int]:
        """The length of each line in bytes."""
        starts, ends = self._places
        return list(map(sub, ends, starts))

    @cached_property
    def hashes(self) -> list[int]:
        """The hash of each line."""
        cut = memoryview(self.data).__getitem__
        return list(map(xxhash.xxh3_64_intdigest, map(cut, map(slice, *self._places))))


def batch(data: bytes, offset: int, number: int) -> tuple[Batch, list[Failure], int]:
    """Return the usable lines of a block, what is wrong with the others, and the next line's number."""
    ends = _ends(data)
    starts = [0, *map((1).__add__, ends[:-1])] if ends else []
    found = _whole(data, offset, starts, ends)
    if found is not None:
        return found, [], number + len(ends)
    lines, bodies, places, failures = [], [], [], []
    for at, (start, end) in enumerate(zip(starts, ends, strict=True)):
        body, place = stripped(data[start:end], offset + start)
        if body:
            try:
                lines.append(parse(body))
                bodies.append(body)
                places.append(place)
            except DataError as error:
                failures.append((number + at, str(error), error.hint))
    return Batch(lines, bodies, places, plain=False), failures, number + len(ends)


def _ends(data: bytes) -> list[int]:
    """Return where each line ends."""
    ends: list[int] = []
    find, put = data.find, ends.append
    end = find(b"\n")
    while end >= 0:
        put(end)
        end = find(b"\n", end + 1)
    if data and not data.endswith(b"\n"):
        put(len(data))
    return ends


def _whole(data: bytes, offset: int, starts: list[int], ends: list[int]) -> Batch | None:
    """Return all lines of a block, decoded by one call; None where that does not tell line from line."""
    if not _are_objects(data, starts, ends):
        texts = [data[start:end] for start, end in zip(starts, ends, strict=True)]
        starts = [
            start + len(text) - len(text.lstrip(SPACE)) for start, text in zip(starts, texts, strict=True)
        ]
        ends = [end - len(text) + len(text.rstrip(SPACE)) for end, text in zip(ends, texts, strict=True)]
        if not _are_objects(data, starts, ends):
            return None
    plain = True
    lines: Sequence[Line | PlainLine]
    try:
        try:
            lines = _plain.decode_lines(data)
        except msgspec.ValidationError:
            plain = False
            if not data.isascii():
                data.decode()  # what is skipped is not looked at
            lines = _line.decode_lines(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return Stretch(lines, data, offset, (starts, ends), plain=plain) if len(lines) == len(ends) else None


def _are_objects(data: bytes, starts: list[int], ends: list[int]) -> bool:
    """Say whether each line begins and ends as an object does: then none spans two lines."""
    if not all(map(lt, starts, ends)):
        return False
    last = map(data.__getitem__, map((-1).__add__, ends))
    return set(map(data.__getitem__, starts)) <= {ord("{")} and set(last) <= {ord("}")}


def of_lines(bodies: Sequence[bytes]) -> Batch:
    """Return usable lines, wherever they stand, as a batch."""
    found, failures, _ = batch(b"\n".join(bodies), 0, 1)
    if failures:
        raise DataError(failures[0][1], hint=failures[0][2])
    return found


def stripped(text: bytes, offset: int) -> tuple[bytes, int]:
    """Return a line without the space around it and the byte order mark, and where that begins."""
    if text[:1] == b"{" and text[-1:] == b"}":
        return text, offset
    start = len(BOM) if not offset and text.startswith(BOM) else 0
    body = text[start:].lstrip(SPACE)
    return body.rstrip(SPACE), offset + len(text) - len(body)
