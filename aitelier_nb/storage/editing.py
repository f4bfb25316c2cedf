"""What an edit changes in a line: pure functions from the line as it is to the keys before and after."""

from __future__ import annotations

import operator
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import xxhash

from aitelier_nb.errors import DataError, SplitError
from aitelier_nb.schema import Example, Message
from aitelier_nb.storage.journal import GONE, NOTHING, Change
from aitelier_nb.storage.lines import Line, assembled, decode, encode, fields, line_hash, merged, parse

__all__ = [
    "Given",
    "annotated",
    "checked_rating",
    "example",
    "from_cells",
    "given",
    "held_out",
    "messages_json",
    "new_line",
    "now",
    "placed",
    "rated",
    "rewritten",
    "with_messages",
]

LINE_KEYS = ("id", "messages", "rating", "createdAt", "version", "originalOutput", "split")
LOWEST, HIGHEST = 1, 10


def held_out(example_id: int) -> SplitError:
    """Return the refusal of an edit that would open an example of validation to training."""
    return SplitError(
        f"example {example_id} is in validation and stays there",
        hint="`ait split --reshuffle` places every example anew, and asks first",
    )


def now() -> str:
    """Return the time in UTC as the `ait` tool writes it: ISO 8601, milliseconds, "Z"."""
    return f"{np.datetime64(time.time_ns() // 10**6, 'ms')}Z"


def example(body: bytes) -> Example:
    """Return a usable line as an Example."""
    return Example.model_validate(decode(body))


def checked_rating(value: object) -> int | None:
    """Return a rating as a whole number from 1 to 10, or None; anything else is a DataError."""
    if value is None:
        return None
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    number = operator.index(value) if whole else 0  # type: ignore[arg-type]
    if LOWEST <= number <= HIGHEST:
        return number
    raise DataError(
        f"a rating of {value!r} is not a whole number from {LOWEST} to {HIGHEST}",
        hint="give a whole number from 1 to 10, or None to take the rating back",
    )


def messages_json(messages: object) -> list[dict[str, Any]]:
    """Return messages as plain objects, checked; wrong roles and shapes are a DataError."""
    plain = _listed(messages)
    parse(encode({"id": 1, "messages": plain}))
    return plain


def _listed(messages: object) -> list[dict[str, Any]]:
    if isinstance(messages, str | bytes | Mapping) or not isinstance(messages, Sequence):
        raise DataError(
            f"messages are {type(messages).__name__}, not a list", hint='give a list of {"role", "content"}'
        )
    return [turn.to_json() if isinstance(turn, Message) else turn for turn in messages]


class Given(NamedTuple):
    """A change, and the line as it is with it."""

    change: Change
    body: bytes


def given(body: bytes, after: Mapping[str, Any], gone: Sequence[str] = ()) -> Given | None:
    """Return the change that gives the line these values; None when it has them all."""
    old = fields(body)
    values = {key: encode(value) for key, value in after.items()}
    values = {key: raw for key, raw in values.items() if not _equal(old.get(key), raw)}
    gone = [key for key in gone if key in old]
    if not values and not gone:
        return None
    new = merged(body, old, values, gone)
    line = parse(new)
    change = Change(
        id=line.id,
        created_at=line.created_at,
        before=msgspec.Raw(assembled({key: old[key] for key in [*values, *gone] if key in old})),
        after=msgspec.Raw(assembled(values)),
        on=f"{line_hash(body):016x}",
        to=f"{line_hash(new):016x}",
    )
    return Given(change, new)


class _Sided(msgspec.Struct, rename="camel"):
    id: int
    created_at: str = ""
    split: str | msgspec.UnsetType | None = msgspec.UNSET


_sided = msgspec.json.Decoder(_Sided)
_SIDES = {
    side: (msgspec.Raw(b'{"split":"%b"}' % side.encode()), b',"split":"%b"}' % side.encode())
    for side in ("train", "val")
}
_NO_KEY = msgspec.Raw(b"{}")


def placed(
    lines: Sequence[tuple[bytes, int]], sides: Sequence[str | None], *, reshuffle: bool
) -> Iterator[Given]:
    """Yield the changes that put examples on a side, or on none; with each line comes its hash."""
    read = _sided.decode_lines(b"\n".join([body for body, _ in lines]))
    for line, (body, mark), side in zip(read, lines, sides, strict=True):
        if line.split == "val" != side and not reshuffle:
            raise held_out(line.id)
        if side is None or line.split is not msgspec.UNSET:
            made = given(body, {}, ["split"]) if side is None else given(body, {"split": side})
            if made is not None:
                yield made
            continue
        after, tail = _SIDES[side]
        new = body[:-1] + tail
        marks = f"{mark:016x}", xxhash.xxh3_64_hexdigest(new)
        yield Given(Change(line.id, line.created_at, _NO_KEY, after, *marks), new)


def _equal(old: bytes | None, new: bytes) -> bool:
    return old == new or (old is not None and decode(old) == decode(new))


def removed(body: bytes) -> Change:
    """Return the change that takes the line away; its `before` is the line itself."""
    whole = decode(body)
    return Change(
        id=whole["id"],
        created_at=whole.get("createdAt", ""),
        before=msgspec.Raw(body),
        after=NOTHING,
        on=f"{line_hash(body):016x}",
        to=GONE,
    )


def reverse(change: Change, body: bytes | None) -> Change | None:
    """Return the change that undoes one; None when the line has moved on since."""
    if change.to == GONE:
        whole = bytes(change.before)
        return (
            None
            if body is not None
            else Change(
                change.id, change.created_at, NOTHING, change.before, GONE, f"{line_hash(whole):016x}"
            )
        )
    if body is None:
        return None
    if change.on == GONE:
        return removed(body) if f"{line_hash(body):016x}" == change.to else None
    current, former, later = decode(body), change.former, change.later
    moved = any(current.get(key) != value for key, value in later.items())
    if moved or any(key in current for key in former if key not in later):
        return None
    back = given(body, former, [key for key in later if key not in former])
    return None if back is None else back.change


def rated(
    line: Mapping[str, Any], rating: int | None, by: str, former_rater: str | None, *, several: bool = False
) -> dict[str, Any]:
    """Return the keys that a rating sets: with a second rater each keeps an own one.

    `rating` is then the lower median of each rater's latest. Where `several` people rate in clones
    of their own, already the first one is told by name: a merge could not say whose it was.
    """
    ratings = dict(line.get("ratings") or {})
    old = line.get("rating")
    alone = not ratings and (old is None or former_rater in (None, by))
    if alone and (rating is None or not several):
        return {"rating": rating}
    if not ratings and old is not None and former_rater is not None:
        ratings[former_rater] = old
    ratings.pop(by, None)
    if rating is not None:
        ratings[by] = rating
    values = sorted(ratings.values())
    median = values[(len(values) - 1) // 2] if values else None
    return {"rating": median, "ratings": ratings}


def with_messages(
    line: Mapping[str, Any], messages: list[dict[str, Any]], rating: int | None
) -> tuple[dict[str, Any], list[str]]:
    """Return the keys that new messages set, and those that no longer hold: ratings of the old text."""
    after: dict[str, Any] = {"messages": messages, "rating": rating, "version": line.get("version", 1) + 1}
    old, new = _output(line["messages"]), _output(messages)
    if "originalOutput" not in line and old is not None and old != new:
        after["originalOutput"] = old
    return after, ["ratings"]


def rewritten(
    line: Mapping[str, Any], text: str, rating: int | None
) -> tuple[dict[str, Any], list[str]] | None:
    """Return the keys that a new text of the last assistant turn sets; None when the text is the same."""
    messages = [dict(turn) for turn in line["messages"]]
    place = next((n for n in reversed(range(len(messages))) if messages[n]["role"] == "assistant"), None)
    if place is None:
        raise DataError(
            f"example {line['id']} has no assistant turn to rewrite", hint="add one with set_messages"
        )
    if messages[place].get("content") == text:
        return None
    messages[place]["content"] = text
    return with_messages(line, messages, rating)


def from_cells(
    line: Mapping[str, Any],
    cells: Mapping[str, Any],
    by: str,
    former_rater: str | None,
    *,
    several: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """Return the keys that changed cells of a frame set, and those that they take away."""
    after: dict[str, Any] = {}
    gone: list[str] = []
    if "output" in cells:
        after, gone = rewritten(line, cells["output"], cells.get("rating")) or ({}, [])
    elif "rating" in cells:
        after = rated(line, cells["rating"], by, former_rater, several=several)
    if line.get("split") == "val" and "split" in cells:
        raise held_out(line["id"])
    for key in ("split", "flagged", "group", "source"):
        if cells.get(key):
            after[key] = cells[key]
        elif key in cells:
            gone.append(key)
    return after, gone


def annotated(
    tags: Sequence[str] | None, note: str | None, *, flagged: bool | None
) -> tuple[dict[str, Any], list[str]]:
    """Return the keys that an annotation sets; an empty list, text or False takes the key away."""
    after: dict[str, Any] = {}
    gone = []
    for key, value in (("tags", tags), ("note", note), ("flagged", flagged)):
        if value:
            after[key] = [value] if key == "tags" and isinstance(value, str) else value
            if key == "tags":
                after[key] = list(after[key])
        elif value is not None:
            gone.append(key)
    return after, gone


def new_line(row: Mapping[str, Any], example_id: int, created_at: str) -> tuple[bytes, Line]:
    """Return a row as a line with the keys in the `ait` tool's order, and its fields; other keys follow."""
    values = {
        "id": example_id,
        "messages": _listed(row.get("messages")),
        "rating": checked_rating(row.get("rating")),
        "createdAt": row.get("createdAt") or created_at,
        "version": row.get("version") or 1,
        **{key: row[key] for key in ("originalOutput", "split") if row.get(key) is not None},
        **{key: value for key, value in row.items() if key not in LINE_KEYS and value is not None},
    }
    body = encode(values)
    return body, parse(body)


def _output(messages: Sequence[Mapping[str, Any]]) -> str | None:
    for turn in reversed(messages):
        if turn.get("role") == "assistant":
            content = turn.get("content")
            return content if isinstance(content, str) else None
    return None
