"""Two versions of examples.jsonl made one: the work of a git merge driver, line by line and key by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from aitelier_nb.errors import DataError
from aitelier_nb.storage.batches import stripped
from aitelier_nb.storage.editing import now
from aitelier_nb.storage.journal import Change, Entry, Journal
from aitelier_nb.storage.lines import changed, decode, fields, line_hash, parse
from aitelier_nb.storage.locks import lock

__all__ = ["Merged", "Renumbered", "merge", "record"]

Name = tuple[int, str]
MISSING = object()


class Renumbered(NamedTuple):
    """An example of the other side whose id was taken here: it got a new one."""

    old: int
    new: int
    created_at: str


class Merged(NamedTuple):
    """The merged file, and a question for each example that both sides changed in different ways.

    Where there is a question, the file holds this side's value; the history holds both.
    """

    data: bytes
    questions: list[str]
    renumbered: list[Renumbered]


class _Version:
    """One side's file: its lines in order, and those that hold an example by id and time."""

    def __init__(self, data: bytes) -> None:
        self.lines: list[tuple[Name | None, bytes]] = []
        self.examples: dict[Name, bytes] = {}
        self.ending = b"\r\n" if b"\r\n" in data[: data.find(b"\n") + 1] else b"\n"
        for place, text in enumerate(data.split(b"\n")):
            body, _ = stripped(text, place)
            if body:
                name = _name(body)
                name = None if name in self.examples else name
                self.lines.append((name, text.rstrip(b"\r") if name is None else body))
                if name is not None:
                    self.examples[name] = body

    def bad(self) -> list[bytes]:
        return [line for name, line in self.lines if name is None]


def _name(body: bytes) -> Name | None:
    try:
        line = parse(body)
    except DataError:
        return None
    return line.id, line.created_at


def merge(base: bytes, ours: bytes, theirs: bytes) -> Merged:
    """Return three versions of examples.jsonl as one.

    What only one side changed is taken from it; keys of one example that different sides changed
    are put together; added examples of both sides stay, and one whose id is taken is renumbered
    (the later one). Lines that cannot be read are kept.

    Parameters
    ----------
    base
        The file as it was when the sides parted.
    ours, theirs
        The file of this side and of the other.
    """
    origin, here, there = _Version(base), _Version(ours), _Version(theirs)
    questions: list[str] = []
    kept: list[tuple[Name | None, bytes]] = []
    for name, line in here.lines:
        body = line if name is None else _one(name, origin, here, there, questions)
        if body is not None:
            kept.append((name, body))
    for name in there.examples:
        if name not in here.examples:
            body = _one(name, origin, here, there, questions)
            if body is not None:
                kept.append((name, body))
    known_bad = {*origin.bad(), *here.bad()}
    kept += [(None, line) for line in there.bad() if line not in known_bad]
    kept, renumbered = _renumber(kept, set(here.examples) | set(origin.examples))
    data = b"".join(line + here.ending for _, line in kept)
    return Merged(data, questions, renumbered)


def _one(name: Name, origin: _Version, here: _Version, there: _Version, questions: list[str]) -> bytes | None:
    """Return the merged line of one example, None when it is deleted."""
    base, ours, theirs = (side.examples.get(name) for side in (origin, here, there))
    if theirs in (ours, base):
        return ours
    if ours == base:
        return theirs
    if ours is None or theirs is None:
        side = "this side deleted it, the other" if ours is None else "the other side deleted it, this one"
        questions.append(
            f"example {name[0]}: {side} changed it; it is kept. Delete it with `ait delete {name[0]}`?"
        )
        return ours if ours is not None else theirs
    return _keys(name[0], base or b"{}", ours, theirs, questions)


def _keys(example: int, base: bytes, ours: bytes, theirs: bytes, questions: list[str]) -> bytes:
    """Return a line that both sides changed, put together key by key."""
    was, mine, other = decode(base), decode(ours), decode(theirs)
    after: dict[str, Any] = {}
    gone: list[str] = []
    clashes = []
    texts_differ = len({_frozen(side.get("messages")) for side in (was, mine, other)}) == 3  # noqa: PLR2004
    for key in [*mine, *(key for key in other if key not in mine)]:
        value = _value(key, *(side.get(key, MISSING) for side in (was, mine, other)))
        if value is _CLASH and key == "version":
            after[key] = max(mine[key], other[key]) + (1 if texts_differ else 0)
        elif value is _CLASH and key == "rating" and "ratings" in {**mine, **other}:
            continue
        elif value is _CLASH and key == "split" and "val" in (mine.get(key), other.get(key)):
            after[key] = "val"  # what one side held out must not be trained on by the other
            questions.append(f"example {example}: {_clash(key, mine.get(key), other.get(key))}. {HELD}")
        elif value is _CLASH:
            clashes.append(_clash(key, mine.get(key), other.get(key)))
        elif value is MISSING:
            gone.append(key)
        elif value != mine.get(key, MISSING):
            after[key] = value
    ratings = after.get("ratings", mine.get("ratings"))
    if ratings and "rating" not in after:
        values = sorted(ratings.values())
        after["rating"] = values[(len(values) - 1) // 2]
    if clashes:
        questions.append(
            f"example {example}: {'; '.join(clashes)}. This side's is kept: is it right? "
            f"`ait history {example}` shows both"
        )
    values_now = fields(ours)
    same = not gone and all(key in values_now and decode(values_now[key]) == after[key] for key in after)
    return ours if same else changed(ours, after, gone)


_CLASH = object()
HELD = "It stays in validation: is it right? A model that was trained on it says nothing about it"


def _clash(key: str, mine: Any, other: Any) -> str:
    """Say in which value the sides differ; of conversations the first turn that is not the same."""
    if key == "messages" and isinstance(mine, list) and isinstance(other, list):
        pairs = zip_longest(mine, other)
        place, pair = next((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1])
        key, (mine, other) = f"turn {place}", pair
        if mine and other and mine.get("role") == other.get("role"):
            mine, other = mine.get("content"), other.get("content")
    return f"{key} is {_short(mine)} here and {_short(other)} there"


def _value(key: str, was: Any, mine: Any, other: Any) -> Any:
    if other in (mine, was):
        return mine
    if mine == was:
        return other
    maps = [{} if side is MISSING else side for side in (was, mine, other)]
    if key == "ratings" and all(isinstance(side, Mapping) for side in maps):
        return _ratings(*maps)
    if key == "tags" and all(isinstance(side, list) for side in maps[1:]):
        return [*mine, *(tag for tag in other if tag not in mine)]
    return _CLASH


def _ratings(was: Mapping[str, int], mine: Mapping[str, int], other: Mapping[str, int]) -> Any:
    """Return the ratings of both sides together; of one rater's two different ones a clash."""
    found = {}
    for rater in [*mine, *(rater for rater in other if rater not in mine)]:
        value = _value("", was.get(rater, MISSING), mine.get(rater, MISSING), other.get(rater, MISSING))
        if value is _CLASH:
            return _CLASH
        if value is not MISSING:
            found[rater] = value
    return found


def _renumber(
    lines: Sequence[tuple[Name | None, bytes]], first: set[Name]
) -> tuple[list[tuple[Name | None, bytes]], list[Renumbered]]:
    """Give examples that share an id new ones: to all but the earliest, ours first."""
    by_id: dict[int, list[Name]] = {}
    for name, _ in lines:
        if name is not None:
            by_id.setdefault(name[0], []).append(name)
    free = max(by_id, default=0)
    new: dict[Name, int] = {}
    for names in by_id.values():
        for name in sorted(names, key=lambda each: (each[1], each not in first))[1:]:
            free += 1
            new[name] = free
    moved: list[tuple[Name | None, bytes]] = [
        (name, changed(line, {"id": new[name]}) if name in new else line)
        if name is not None
        else (name, line)
        for name, line in lines
    ]
    return moved, [Renumbered(name[0], number, name[1]) for name, number in new.items()]


def record(folder: Path, renumbered: Sequence[Renumbered], by: str) -> None:
    """Write down in the journal of a project which ids a merge changed, so that histories stay found."""
    if not renumbered:
        return
    local = folder / ".aitelier"
    with lock(local / "lock"):
        journal = Journal(local / "journal.jsonl")
        journal.grown()
        changes = [
            Change(
                one.new,
                one.created_at,
                msgspec.Raw(f'{{"id":{one.old}}}'.encode()),
                msgspec.Raw(f'{{"id":{one.new}}}'.encode()),
                "-",
                "-",
            )
            for one in renumbered
        ]
        mark = "".join(f"{one.old}{one.new}{one.created_at}" for one in renumbered)
        event = f"renumber-{line_hash(mark.encode()):016x}"
        journal.append(Entry(event, now(), by, "renumber", changes))


def _frozen(messages: object) -> bytes:
    return msgspec.json.encode(messages)


def _short(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:59] + "…"  # noqa: PLR2004
