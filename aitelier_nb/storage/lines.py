"""One line of examples.jsonl: what it must hold, and how it is changed without touching the rest of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal, get_args

import msgspec
import xxhash

from aitelier_nb.errors import DataError
from aitelier_nb.schema import PlainMessage

__all__ = [
    "ROLES",
    "Line",
    "PlainLine",
    "Turn",
    "assembled",
    "changed",
    "decode",
    "encode",
    "fault",
    "fields",
    "grown",
    "line_hash",
    "merged",
    "parse",
]

BOM = b"\xef\xbb\xbf"
LARGEST_ID = 2**53 - 1  # the `ait` tool reads numbers as doubles
SHOWN = 40


Id = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]
Rating = Annotated[int, msgspec.Meta(ge=1, le=10)]
Role = Literal["system", "developer", "user", "assistant", "tool", "function"]
ROLES: tuple[Role, ...] = get_args(Role)


class Turn(msgspec.Struct, omit_defaults=True, gc=False):
    """A message with the types that Message has; other keys are not looked at."""

    role: Role
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    weight: int | None = None


class Line(msgspec.Struct, rename="camel", gc=False):
    """A usable line; stricter than Example, so that what passes here passes there."""

    id: Id
    messages: Annotated[list[Turn], msgspec.Meta(min_length=1)]
    rating: Rating | None = None
    created_at: str = ""
    version: int = 1
    original_output: str | None = None
    split: Literal["train", "val"] | msgspec.UnsetType | None = msgspec.UNSET
    ratings: dict[str, Rating] | None = None
    group: str | int | None = None
    tags: list[str] | None = None
    note: str | None = None
    flagged: bool | None = None
    source: Any = None


class PlainLine(msgspec.Struct, rename="camel", gc=False, forbid_unknown_fields=True):
    """A line as most are: no key but those below, so that no byte of it goes unread."""

    id: Id
    messages: Annotated[list[PlainMessage], msgspec.Meta(min_length=1)]
    rating: Rating | None = None
    created_at: str = ""
    version: int = 1
    split: Literal["train", "val"] | msgspec.UnsetType | None = msgspec.UNSET
    group: str | int | None = None
    flagged: bool | None = None
    source: Any = None


_line = msgspec.json.Decoder(Line)
_raw = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder()
_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

Fault = tuple[str, str]

REMEDIES = {
    "rating": "give a whole number from 1 to 10, or null",
    "split": 'give "train" or "val", or leave the key out',
    "id": "give a whole number from 1 on that no other line has",
    "role": 'give "system", "user", "assistant", "tool" or "developer"',
    "messages": 'give a list of {"role", "content"} objects',
    "version": "give a whole number",
}


def line_hash(body: bytes) -> int:
    """Return the xxh3-64 of a line without its line end: stable between versions and machines."""
    return xxhash.xxh3_64_intdigest(body)


def parse(body: bytes) -> Line:
    """Return the line's fields, or raise DataError with what is wrong and the remedy."""
    try:
        if not body.isascii():
            body.decode()
        return _line.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason, remedy = fault(body, error)
        raise DataError(reason, hint=remedy) from error


def decode(body: bytes | msgspec.Raw) -> dict[str, Any]:
    """Return a usable line as the object that it is."""
    try:
        found: dict[str, Any] = _any.decode(body)
    except msgspec.MsgspecError:  # a number out of range, which the line keeps as it is spelt
        found = json.loads(bytes(body))
    return found


def fields(body: bytes) -> dict[str, bytes]:
    """Return the keys of a line in their order, each with its value as the bytes that stand there."""
    return {key: bytes(value) for key, value in _raw.decode(body).items()}


def encode(value: object) -> bytes:
    """Return a value as the `ait` tool writes it: compact, non-ASCII as it is."""
    if type(value) is int:
        return b"%d" % value
    try:
        return _text(value).encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"a text holds half of a surrogate pair ({error.object[error.start]!r}), which is no character",
            hint="take that character out of the text",
        ) from error
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{value!r:.80} cannot be written as JSON", hint="use text, numbers, lists"
        ) from error


def changed(body: bytes, after: Mapping[str, Any], gone: Iterable[str] = ()) -> bytes:
    """Return the line with some values set in place, new keys appended and `gone` keys left out.

    All other values keep their very bytes.
    """
    values, new = fields(body), {key: encode(value) for key, value in after.items()}
    return merged(body, values, new, gone)


def merged(
    body: bytes, values: Mapping[str, bytes], new: Mapping[str, bytes], gone: Iterable[str] = ()
) -> bytes:
    """Return a line of these fields with new ones; one that only grows is not spelt anew."""
    left_out = {*gone} & values.keys()
    if values and not left_out and values.keys().isdisjoint(new):
        return grown(body, new)
    return assembled({key: raw for key, raw in values.items() if key not in left_out} | dict(new))


def grown(body: bytes, new: Mapping[str, bytes]) -> bytes:
    """Return a line with further keys at its end, which it does not have; every byte of it stays."""
    return body[:-1] + b"," + assembled(new)[1:] if new else body


def assembled(values: Mapping[str, bytes]) -> bytes:
    """Return a line from its keys and the bytes of their values."""
    return b"{" + b",".join([_spelt(key) + b":" + value for key, value in values.items()]) + b"}"


@lru_cache(256)
def _spelt(key: str) -> bytes:
    return encode(key)


def fault(body: bytes, error: Exception) -> Fault:
    """Return what is wrong with a line as a sentence, and the remedy."""
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8 text", "save the file as UTF-8"
    try:
        json.loads(body)
    except ValueError as broken:
        place = getattr(broken, "pos", 0)
        torn = "Unterminated" in str(broken) or place >= len(body.decode(errors="replace")) - 1
        what = "ends in the middle" if torn and body.startswith(b"{") else "is not JSON"
        start = body[:SHOWN].decode(errors="replace")
        return f"{what} (it begins {start!r})", "repair the line, or take it out"
    except RecursionError:
        return "is nested too deep", "take the line out"
    if isinstance(error, msgspec.ValidationError):
        return _wrong_value(body, str(error))
    if re.search(rb"\b(NaN|Infinity)\b", body):
        return "holds NaN or Infinity, which JSON does not have", "replace it by null"
    return (
        "holds half of a surrogate pair, which is no character",
        "replace the \\ud… escape that stands alone",
    )


def _wrong_value(body: bytes, text: str) -> Fault:
    found = re.search(r"at `\$\.?([^`]*)`", text)
    path = found.group(1) if found else ""
    missing = re.search(r"missing required field `(\w+)`", text)
    if missing:
        name = f"{path}.{missing.group(1)}" if path else missing.group(1)
        key = missing.group(1)
        return f'has no "{name}"', REMEDIES.get(key, f'add "{key}"')
    if not path:
        return f"is not an object ({body[:SHOWN].decode(errors='replace')!r})", "take the line out"
    key = re.sub(r"\[.*?\]", "", path).rsplit(".", 1)[-1]
    value = _value_at(body, path)
    return f"{path} is {value}", REMEDIES.get(key, f"the format asks: {text.split(' - at', 1)[0].lower()}")


def _value_at(body: bytes, path: str) -> str:
    value: Any = json.loads(body)
    for step in re.findall(r"\[(\d+)\]|(\w+)", path):
        place, key = step
        if place and isinstance(value, list):
            value = value[int(place)]
        elif isinstance(value, dict):
            value = value.get(key)
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
