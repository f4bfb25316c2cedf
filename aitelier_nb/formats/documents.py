"""A JSON document as rows: an array, an object around one, columns, or objects over several lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from aitelier_nb.formats import squad
from aitelier_nb.formats.conversations import SPEAKERS, TEXTS

__all__ = ["Piece", "is_columns", "pieces", "unwrapped"]

WRAPPERS = ("data", "examples", "rows", "train", "records", "samples", "dataset", "conversations", "items")
TURN = {"role", "from"}
SAID = {*SPEAKERS, *TEXTS}
HEAD = re.compile(r'\{\s*"(?:[^"\\]|\\.)*"\s*:')
MOST_BESIDE = 3  # keys beside the list that an object wraps, such as a version
BLANK = " \t\r\n"


class Piece(NamedTuple):
    """One value in a text: the line it begins on, its text, and why the text ends badly, if it does."""

    line: int
    text: str
    fault: str = ""


def pieces(text: str) -> Iterator[Piece]:
    """Yield the elements of an array, or the values that follow each other in a text.

    What cannot be read comes last, as one piece with its fault.
    """
    decode = json.JSONDecoder(parse_constant=str).raw_decode
    place = _after_blanks(text, 0)
    inside = text.startswith("[", place)
    place = _after_blanks(text, place + 1) if inside else place
    # After something broken, reading goes on where the next value of the same kind begins.
    line, counted = 1, 0
    while place < len(text) and not (inside and text[place] == "]"):
        line, counted = line + text.count("\n", counted, place), place
        try:
            _, end = decode(text, place)
        except (ValueError, RecursionError) as error:
            after = _next_like(text, place)
            yield Piece(line, text[place:after].rstrip(" \t\r\n,"), _why(error))
            place = after
            if place >= len(text):
                return
            continue
        yield Piece(line, text[place:end])
        place = _after_blanks(text, end)
        if text[place : place + 1] == ",":
            place = _after_blanks(text, place + 1)
    if inside and place >= len(text):
        yield Piece(line + text.count("\n", counted), "", "the array has no end")


def _next_like(text: str, place: int) -> int:
    """Return where the next value begins that opens like the one at `place`, or the end of the text."""
    head = HEAD.match(text, place)
    after = text.find(head.group(), head.end()) if head else -1
    return after if after >= 0 else len(text)


def unwrapped(document: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rows that an object holds, under names or as columns; None for a row itself."""
    questions = squad.flattened(document)
    if questions is not None:
        return questions
    if is_columns(document):
        return _from_columns(document)
    if set(document) >= {"columns", "data"} and isinstance(document["columns"], list):
        return _from_table(document["columns"], document["data"])
    if _are_viewed(document.get("rows")):  # as the Hub's viewer serves them
        return [one["row"] for one in document["rows"]]
    lists = [name for name, value in document.items() if _are_rows(value)]
    if any(name in WRAPPERS for name in lists) and len(document) <= MOST_BESIDE + len(lists):
        several = len(lists) > 1
        return [_of_side(row, name) if several else row for name in lists for row in document[name]]
    return _from_names(document)


def _of_side(row: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a row of one list among several, such as train and test, with the list's name as its split."""
    return {"split": name, **row}


def _from_table(names: list[Any], data: Any) -> list[dict[str, Any]] | None:
    """Return the rows of {"columns": [...], "data": [[...], ...]}."""
    if not isinstance(data, list) or not all(
        isinstance(row, list) and len(row) == len(names) for row in data
    ):
        return None
    return [dict(zip(map(str, names), row, strict=True)) for row in data]


def _from_names(document: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rows of an object that keeps each under a name of its own."""
    rows = list(document.values())
    if (
        len(rows) > 1
        and _are_rows(rows)
        and all(isinstance(row, dict) and set(row) == set(rows[0]) for row in rows)
        and (len(rows[0]) > 1 or isinstance(next(iter(rows[0].values())), list))
    ):
        return rows
    return None


def _are_viewed(rows: Any) -> bool:
    return (
        isinstance(rows, list)
        and bool(rows)
        and all(
            isinstance(one, dict) and "row_idx" in one and isinstance(one.get("row"), dict) for one in rows
        )
    )


def is_columns(document: dict[str, Any]) -> bool:
    """Return whether an object holds columns: texts by number, or lists of texts of one length."""
    values = list(document.values())
    if len(values) > 1 and all(isinstance(value, dict) and value for value in values):
        return all(set(value) == set(values[0]) and all(key.isdigit() for key in value) for value in values)
    return (
        len(values) > 1
        and all(isinstance(value, list) and len(value) == len(values[0]) for value in values)
        and all(isinstance(cell, (str, int, float, type(None))) for value in values for cell in value)
    )


def _from_columns(document: dict[str, Any]) -> list[dict[str, Any]]:
    columns = [
        [value[key] for key in sorted(value, key=int)] if isinstance(value, dict) else value
        for value in document.values()
    ]
    return [dict(zip(document, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _are_rows(value: Any) -> bool:
    """Return whether a value is a list of objects that are no turns of one conversation."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(row, dict) and TURN.isdisjoint(row) and not SAID.issuperset(row) for row in value)
    )


def _after_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in BLANK:
        place += 1
    return place


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    return str(error)
