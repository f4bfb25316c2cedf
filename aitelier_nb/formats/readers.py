"""Training data of any shape comes in: rows that can be learned from, and the others with their reasons.

Rows in equal rows out plus rows rejected, whatever the bytes are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec

from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.formats import bulk, containers, dialects, encodings, own_keys, trees
from aitelier_nb.formats.bulk import Bulk
from aitelier_nb.formats.containers import Row
from aitelier_nb.formats.conversations import NotTraining, Refused, kind_of, plain
from aitelier_nb.formats.recognition import Recogniser
from aitelier_nb.formats.watching import Watched
from aitelier_nb.schema import Conversation, Rejection

__all__ = ["Parsed", "Rejection", "read", "read_rows", "stream"]

Example = dict[str, Any]  # in the shape that Dataset.add takes, as a Conversation is
Convert = Callable[[Any, "Counter[str]"], tuple[str, list[Example]]]

FEW_STARS = 5
SELDOM = 1000  # rows between two words about progress
PLAIN = ("auto", "messages")  # the formats whose rows may be nothing but plain messages
OURS = ("input", "output", "system", "rating", "messages", "history", "group", "split", "note")


@dataclass
class Parsed:
    """What a file holds: the format, rows that can be added, rows that cannot, and what to tell.

    `examples` are in the shapes that `Dataset.add` takes. `lines` are their places in the file (a row
    may give several examples).
    """

    format: str
    examples: list[Example | Conversation] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    @property
    def rows(self) -> list[Example]:
        """The examples as objects, made anew each time."""
        return [_as_object(example) for example in self.examples]


def _as_object(example: Example | Conversation) -> Example:
    return example.to_json() if isinstance(example, Conversation) else example


def read(
    content: bytes,
    *,
    name: str = "the file",
    format: str = "auto",  # noqa: A002 - the verbs' word
    columns: Mapping[str, str] | None = None,
    scale: str | None = None,
    reached: Callable[[int], None] | None = None,
) -> Parsed:
    """Read a file's content: JSONL, a JSON document, CSV, TSV or Parquet, gzip or not.

    Parameters
    ----------
    name
        The file's name, for messages.
    format
        "auto" recognises each row; a name (messages, sharegpt, alpaca, ...) insists on it.
    columns
        Our names to the file's: {"input": "frage", "output": "antwort", "rating": "stars"}.
    scale
        The scale of the ratings, such as "1-5", which turns them into 1-10. None keeps them.
    reached
        Called now and then with the number of the line that was read.

    Raises
    ------
    DataError
        The file as a whole is no training data.
    UsageError
        There is no such format, column or scale.
    """
    decoded = encodings.decode(content, name)
    fast = format in PLAIN and not columns
    rows = bulk.pieces(decoded.text, name) if fast else containers.rows(decoded.text, name)
    parsed = _collect(rows, name, format, columns, scale, reached)
    parsed.notices[:0] = decoded.notices
    return parsed


def read_rows(
    rows: Iterable[Mapping[str, Any]],
    *,
    name: str = "the rows",
    format: str = "auto",  # noqa: A002 - the verbs' word
    columns: Mapping[str, str] | None = None,
    scale: str | None = None,
) -> Parsed:
    """Read rows that are Python objects already: dicts, records of a frame, a Hugging Face dataset."""
    numbered = (containers.row_of(number, row) for number, row in enumerate(rows, 1))
    return _collect(numbered, name, format, columns, scale)


def stream(
    content: bytes,
    *,
    name: str = "the file",
    format: str = "auto",  # noqa: A002 - the verbs' word
) -> Iterator[Example | Conversation | Rejection]:
    """Yield what `read` would collect, one after the other: examples, and rows that cannot be one.

    For files that are too large to be kept whole; what is to be told of the file is not. Rows of
    nothing but plain messages come as a Conversation, other examples as objects.
    """
    convert = _converter(format, None, None)
    told: Counter[str] = Counter()
    text = encodings.decode(content, name).text
    for row in _whole(bulk.pieces(text, name) if format in PLAIN else containers.rows(text, name)):
        if isinstance(row, Bulk):
            yield from row.rows
            continue
        try:
            examples = _examples_of(row, convert, told)[1]
        except Refused as refused:
            yield _rejection(row, refused)
        else:
            yield from examples


def _collect(
    rows: Iterable[Row | Bulk],
    name: str,
    insisted: str,
    columns: Mapping[str, str] | None,
    scale: str | None,
    reached: Callable[[int], None] | None = None,
) -> Parsed:
    convert = _converter(insisted, columns, _scale(scale))
    told: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    parsed = Parsed(insisted)
    others: list[Example] = []
    other = False
    fast = insisted in PLAIN and not columns
    for number, row in enumerate(_whole(rows)):
        if reached is not None and (isinstance(row, Bulk) or number % SELDOM == 0):
            reached(row.line)
        if isinstance(row, Bulk):
            formats["messages"] += len(row.rows)
            parsed.examples += row.rows
            parsed.lines += range(row.line, row.line + len(row.rows))
            continue
        value = row.value
        if fast and type(value) is dict and len(value) == 1 and plain(value.get("messages")):
            formats["messages"] += 1
            parsed.examples.append(value)
            parsed.lines.append(row.line)
            continue
        try:
            found, examples = _examples_of(row, convert, told)
        except Refused as refused:
            other = other or not isinstance(refused, NotTraining)
            parsed.rejected.append(_rejection(row, refused))
            continue
        formats[found] += 1
        parsed.examples += examples
        others += examples
        parsed.lines += [row.line] * len(examples)
    if parsed.rejected and not parsed.examples and not other:
        first = parsed.rejected[0]
        raise DataError(f"{name}: {first.reason}", hint=first.remedy)
    parsed.format = " and ".join(name for name, _ in formats.most_common()) or "unknown"
    parsed.notices += [f"{what} ({count}x)" for what, count in told.items()]
    parsed.notices += _about_ratings(others, scale)
    return parsed


def _whole(rows: Iterable[Row | Bulk]) -> Iterator[Row | Bulk]:
    """Return the rows; where the first is a message of a tree, the trees that they make up."""
    remaining = iter(rows)
    first = next(remaining, None)
    if first is None:
        return iter(())
    everything = chain((first,), remaining)
    if isinstance(first, Bulk) or not trees.is_node(first.value):
        return everything
    return trees.joined(everything)


def _examples_of(row: Row, convert: Convert, told: Counter[str]) -> tuple[str, list[Example]]:
    """Return a row's dialect and examples; its own fault and that of its value are the same here."""
    if row.fault:
        raise Refused(row.fault, row.remedy)
    return convert(row.value, told)


def _converter(name: str, columns: Mapping[str, str] | None, scale: tuple[float, float] | None) -> Convert:
    """Return the function from a row's value to its dialect and its examples."""
    insisted = _insisted(name, columns)
    recogniser = Recogniser()
    unread: dict[tuple[str, ...], str] = {}

    def convert(value: Any, told: Counter[str]) -> tuple[str, list[Example]]:
        value = _as_row(value, columns)
        names = tuple(value)
        dialect = _fitting(insisted or recogniser.find(value, names), insisted, value)
        like = (dialect.name, *names)
        if like in unread:
            examples = dialect.examples(value, told)
        else:
            watched = Watched(value)
            examples = dialect.examples(watched, told)
            unread[like] = watched.left_out(examples)
        if unread[like]:
            told[unread[like]] += 1
        for example in examples:
            if len(example) > 1:
                own_keys.mend(example, scale, told)
        return dialect.name, examples

    return convert


def _as_row(value: Any, columns: Mapping[str, str] | None) -> dict[str, Any]:
    """Return a row as an object with our names; a bare list of turns is one too."""
    if type(value) is str and value[:1] == "{":
        value = _decoded(value)
    if type(value) is list and value and all(map(containers.is_turn, value)):
        value = {"messages": value}
    if type(value) is not dict:
        raise Refused(f"the row is {kind_of(value)}, not an object", "write one JSON object for each example")
    return _renamed(value, columns) if columns else value


def _decoded(text: str) -> Any:
    """Return the row that was written as JSON twice, or the text."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _fitting(
    found: dialects.Dialect | None, insisted: dialects.Dialect | None, row: dict[str, Any]
) -> dialects.Dialect:
    """Return the dialect of a row, or refuse the row that has none or not the one that was asked for."""
    if found is None:
        shown = ", ".join(map(str, row)) or "none"
        raise Refused(f"no known columns among: {shown:.200}", dialects.NAME_THEM)
    if insisted is not None and not insisted.matches(row):
        shown = ", ".join(map(str, row)) or "no columns"
        raise Refused(f"the row has {shown:.200}, not {insisted.about}", "import it with format auto")
    return found


def _insisted(name: str, columns: Mapping[str, str] | None) -> dialects.Dialect | None:
    """Return the dialect that was asked for by name or by a mapping, or None."""
    wrong = set(columns or ()) - {*OURS, *dialects.KEPT}
    if wrong:
        raise UsageError(
            f"there is no field {min(wrong)!r} to map a column to", hint=f"use one of {', '.join(OURS)}"
        )
    if name != "auto":
        dialect = dialects.named(name)
        if dialect is None:
            names = ", ".join(dialect.name for dialect in dialects.DIALECTS)
            raise UsageError(f"there is no format {name!r}", hint=f"use auto, or one of {names}")
        return dialect
    if columns and {"input", "output"} <= set(columns):
        return dialects.named("input-output")
    return dialects.named("messages") if columns and "messages" in columns else None


def _renamed(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    missing = [theirs for theirs in columns.values() if theirs not in row]
    if missing:
        there = ", ".join(map(str, row))
        raise Refused(f"there is no column {missing[0]!r}", f"the columns are: {there:.200}")
    rest = {
        name: value for name, value in row.items() if name not in columns and name not in columns.values()
    }
    return {**rest, **{ours: row[theirs] for ours, theirs in columns.items()}}


def _scale(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    low, _, high = text.partition("-")
    try:
        scale = float(low), float(high)
    except ValueError as error:
        raise UsageError(f"{text!r} is no scale of ratings", hint='write its ends, such as "1-5"') from error
    if scale[0] >= scale[1]:
        raise UsageError(f"{text!r} is no scale of ratings", hint='write the lower end first, such as "1-5"')
    return scale


def _about_ratings(rows: Iterable[Example], scale: str | None) -> Iterator[str]:
    ratings = [row["rating"] for row in rows if row.get("rating") is not None]
    if scale and ratings:
        yield f"{len(ratings)} ratings were mapped from {scale} to 1-10"
    elif len(ratings) > 1 and max(ratings) <= FEW_STARS:
        yield (
            f"no rating is above {max(ratings)}: if they are of a scale from 1 to 5, import with that scale "
            "named; they were kept as they are"
        )


def _rejection(row: Row, refused: Refused) -> Rejection:
    raw = row.raw.decode("utf-8", "replace") if row.raw else _as_json(row.value)
    return Rejection(line=row.line, reason=refused.reason, remedy=refused.remedy, raw=raw.rstrip("\r"))


def _as_json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        return repr(value)
