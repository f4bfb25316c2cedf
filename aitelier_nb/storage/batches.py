"""Lines decoded a block at a time: one call for some thousand of them, and line by line where one is odd."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, chain
from operator import attrgetter, itemgetter
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
_ends = itemgetter(0, -1)
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
        return content_keys([line.messages for line in self.lines])[0]

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


def batch(data: bytes, offset: int, number: int) -> tuple[Batch, list[Failure], int]:
    """Return the usable lines of a block, what is wrong with the others, and the next line's number."""
    texts = data.split(b"\n")
    if not texts[-1]:
        texts.pop()
    starts = [0, *accumulate(map((1).__add__, map(len, texts[:-1])))] if texts else []
    found = _whole(data, offset, texts, starts)
    if found is not None:
        return found, [], number + len(texts)
    lines, bodies, places, failures = [], [], [], []
    for at, text in enumerate(texts):
        body, place = stripped(text, offset + starts[at])
        if body:
            try:
                lines.append(parse(body))
                bodies.append(body)
                places.append(place)
            except DataError as error:
                failures.append((number + at, str(error), error.hint))
    return Batch(lines, bodies, places, plain=False), failures, number + len(texts)


def _whole(data: bytes, offset: int, texts: list[bytes], starts: list[int]) -> Batch | None:
    """Return all lines of a block, decoded by one call; None where that does not tell line from line."""
    bodies = texts
    if not _are_objects(texts):
        bodies = [text.strip(SPACE) for text in texts]
        if not _are_objects(bodies):
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
    if len(lines) != len(texts):
        return None
    if bodies is not texts:
        before = [len(text) - len(text.lstrip(SPACE)) for text in texts]
        starts = [start + space for start, space in zip(starts, before, strict=True)]
    return Batch(lines, bodies, [offset + start for start in starts] if offset else starts, plain=plain)


def _are_objects(texts: list[bytes]) -> bool:
    """Say whether each text begins and ends as an object does: then none spans two lines."""
    return all(texts) and set(map(_ends, texts)) <= {(123, 125)}


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
