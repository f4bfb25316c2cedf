"""Lines decoded a block at a time: one call for some thousand of them, and line by line where one is odd."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import chain, compress
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import xxhash

from aitelier_nb.errors import DataError
from aitelier_nb.schema import PlainMessage
from aitelier_nb.storage import fingerprints
from aitelier_nb.storage.growing import Marks, Numbers
from aitelier_nb.storage.lines import BOM, ROLES, Line, PlainLine, Turn, parse
from aitelier_nb.storage.questions import user_turns, weighed

__all__ = ["Batch", "Failure", "batch", "of_lines", "stripped", "text_of"]

SPACE = b" \t\r\n"
USER = ROLES.index("user")
NOWHERE = np.zeros(1, np.int64)

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
        self,
        lines: Sequence[Line | PlainLine],
        bodies: list[bytes],
        starts: Sequence[int] | Numbers,
        *,
        plain: bool,
    ) -> None:
        self.lines, self.bodies, self.plain = lines, bodies, plain
        self.starts = np.asarray(starts, np.int64)

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def ids(self) -> Numbers:
        """The id of each line."""
        return np.array([line.id for line in self.lines], np.int64)

    @cached_property
    def lengths(self) -> Numbers:
        """The length of each line in bytes."""
        return np.array(list(map(len, self.bodies)), np.int64)

    @cached_property
    def turns(self) -> list[Turn | PlainMessage]:
        """The messages of all lines."""
        return list(chain.from_iterable(map(_messages, self.lines)))

    @cached_property
    def roles(self) -> Numbers:
        """The place of each message's role among ROLES."""
        return fingerprints.places(self.turns)

    @cached_property
    def texts(self) -> list[str]:
        """The messages of all lines as text."""
        if self.plain:
            return list(map(_content, self.turns))
        return [text_of(turn) for turn in self.turns]

    @cached_property
    def widths(self) -> Numbers:
        """How many characters each message has."""
        return np.array(list(map(len, self.texts)), np.int64)

    @cached_property
    def letters(self) -> tuple[bytes, Numbers]:
        """The UTF-8 of all messages, one after the other, and where each of them ends."""
        texts, sizes = self.texts, self.widths.copy()
        pieces: list[bytes] = []
        last = 0
        wide = [place for place, text in enumerate(texts) if not text.isascii()]
        for place in wide:
            if last < place:  # letters that are a byte each, by one call
                pieces.append("".join(texts[last:place]).encode())
            pieces.append(texts[place].encode())
            last = place + 1
        if wide:
            sizes[wide] = [len(texts[place].encode()) for place in wide]
        pieces.append("".join(texts[last:]).encode())
        return b"".join(pieces), sizes.cumsum()

    @cached_property
    def counts(self) -> Numbers:
        """How many messages each line has."""
        return np.array(list(map(len, map(_messages, self.lines))), np.int64)

    @cached_property
    def offsets(self) -> Numbers:
        """At which message each line begins, and where the last one ends."""
        return np.concatenate([NOWHERE, self.counts.cumsum()])

    @cached_property
    def hashes(self) -> Marks:
        """The hash of each line."""
        return np.array(list(map(xxhash.xxh3_64_intdigest, self.bodies)), np.uint64)

    @cached_property
    def contents(self) -> Marks:
        """The hash of each line's messages."""
        found = fingerprints.of_plain(*self.letters, self.widths, self.roles, self.offsets)
        del self.letters  # as long as all lines
        if not self.plain:
            plain = np.array(list(map(fingerprints.is_plain, self.turns)), bool)
            for row in np.flatnonzero(~self._of_lines(np.logical_and, plain)).tolist():
                found[row] = fingerprints.content_key(self.lines[row].messages)
        return found

    @cached_property
    def tallies(self) -> Marks:
        """What tells the question of each line from most others."""
        users = self.roles == USER
        asked = list(compress(self.texts, users.tolist()))
        counts = self._of_lines(np.add, users.astype(np.int64))
        if (counts != 1).any():
            ends = counts.cumsum()
            cuts = zip((ends - counts).tolist(), ends.tolist(), strict=True)
            asked = ["".join(asked[start:end]) for start, end in cuts]
        odd = counts == 0
        if not self.plain:
            told = [isinstance(turn.content, str) for turn in self.turns]
            odd |= ~self._of_lines(np.logical_and, ~users | np.array(told, bool))
        for row in np.flatnonzero(odd).tolist():
            asked[row] = "".join(user_turns(list(map(_told, self.lines[row].messages))))
        return weighed(asked)

    def _of_lines(self, how: np.ufunc, of_turns: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return what something of the messages comes to for each line."""
        return how.reduceat(of_turns, self.offsets[:-1]) if len(self) else of_turns

    @cached_property
    def sizes(self) -> Numbers:
        """How many characters the messages of each line have."""
        return self._of_lines(np.add, self.widths)


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
        places: tuple[Numbers, Numbers],
        *,
        plain: bool,
    ) -> None:
        self.lines, self.plain = lines, plain
        self.data, self._places = data, places
        self.starts = places[0] + offset

    @cached_property
    def bodies(self) -> list[bytes]:  # type: ignore[override]
        """The bytes of each line."""
        starts, ends = (places.tolist() for places in self._places)
        return [self.data[start:end] for start, end in zip(starts, ends, strict=True)]

    @cached_property
    def lengths(self) -> Numbers:
        """The length of each line in bytes."""
        return self._places[1] - self._places[0]

    @cached_property
    def hashes(self) -> Marks:
        """The hash of each line."""
        view, digest = memoryview(self.data), xxhash.xxh3_64_intdigest
        starts, ends = (places.tolist() for places in self._places)
        found = [digest(view[start:end]) for start, end in zip(starts, ends, strict=True)]
        return np.array(found, np.uint64)


def batch(data: bytes, offset: int, number: int) -> tuple[Batch, list[Failure], int]:
    """Return the usable lines of a block, what is wrong with the others, and the next line's number."""
    ends = _ends(data)
    starts = np.zeros(len(ends), np.int64)
    starts[1:] = ends[:-1] + 1
    found = _whole(data, offset, starts, ends)
    if found is not None:
        return found, [], number + len(ends)
    lines, bodies, places, failures = [], [], [], []
    for at, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        body, place = stripped(data[start:end], offset + start)
        if body:
            try:
                lines.append(parse(body))
                bodies.append(body)
                places.append(place)
            except DataError as error:
                failures.append((number + at, str(error), error.hint))
    return Batch(lines, bodies, places, plain=False), failures, number + len(ends)


def _ends(data: bytes) -> Numbers:
    """Return where each line ends."""
    ends: list[int] = []
    find, put = data.find, ends.append
    end = find(b"\n")
    while end >= 0:
        put(end)
        end = find(b"\n", end + 1)
    if data and not data.endswith(b"\n"):
        put(len(data))
    return np.array(ends, np.int64)


def _whole(data: bytes, offset: int, starts: Numbers, ends: Numbers) -> Batch | None:
    """Return all lines of a block, decoded by one call; None where that does not tell line from line."""
    if not _are_objects(data, starts, ends):
        cuts = zip(starts.tolist(), ends.tolist(), strict=True)
        texts = [data[start:end] for start, end in cuts]
        starts = starts + np.array([len(text) - len(text.lstrip(SPACE)) for text in texts], np.int64)
        ends = ends - np.array([len(text) - len(text.rstrip(SPACE)) for text in texts], np.int64)
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


def _are_objects(data: bytes, starts: Numbers, ends: Numbers) -> bool:
    """Say whether each line begins and ends as an object does: then none spans two lines."""
    if not (starts < ends).all():
        return False
    letters = np.frombuffer(data, np.uint8)
    return bool((letters[starts] == ord("{")).all() and (letters[ends - 1] == ord("}")).all())


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
