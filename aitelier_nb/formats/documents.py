"""A JSON document as rows: an array, an object around one, columns, or objects over several lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

__all__ = ["Piece", "is_columns", "pieces", "unwrapped"]

WRAPPERS = ("data", "examples", "rows", "train", "records", "samples", "dataset")
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
    line, counted = 1, 0
    while place < len(text) and not (inside and text[place] == "]"):
        line, counted = line + text.count("\n", counted, place), place
        try:
            _, end = decode(text, place)
        except (ValueError, RecursionError) as error:
            yield Piece(line, text[place:], _why(error))
            return
        yield Piece(line, text[place:end])
        place = _after_blanks(text, end)
        if inside and place < len(text) and text[place] not in ",]":
            yield Piece(line, text[place:], "a comma is missing")
            return
        place = _after_blanks(text, place + 1) if inside and text[place : place + 1] == "," else place
    if inside and place >= len(text):
        yield Piece(line + text.count("\n", counted), "", "the array has no end")


def unwrapped(document: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rows that an object holds, under a known name or as columns; None for a row itself."""
    if is_columns(document):
        return _from_columns(document)
    lists = [name for name in WRAPPERS if _are_rows(document.get(name))]
    if len(lists) == 1 and len(document) <= MOST_BESIDE + 1:
        rows: list[dict[str, Any]] = document[lists[0]]
        return rows
    return None


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
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _after_blanks(text: str, place: int) -> int:
    while place < len(text) and text[place] in BLANK:
        place += 1
    return place


def _why(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno} column {error.colno}"
    return str(error)
