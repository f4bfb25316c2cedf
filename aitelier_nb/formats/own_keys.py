"""The keys of an example that are ours, as they come from outside: mended, or left out and told."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from aitelier_nb.formats import calls
from aitelier_nb.formats.conversations import Refused

__all__ = ["mend", "rating_of"]

LOWEST, HIGHEST = 1, 10
SIDES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "validation": "val",
    "valid": "val",
    "dev": "val",
}


def mend(example: dict[str, Any], scale: tuple[float, float] | None, told: Counter[str]) -> None:
    """Bring rating, split, tags and the like into our types, in place.

    Raises
    ------
    Refused
        The rating is none, so the row would not mean what it says.
    """
    for name in [name for name, value in example.items() if value == ""]:
        del example[name]  # an empty cell of a table
    if "rating" in example:
        example["rating"] = rating_of(example["rating"], scale)
    if example.get("split") is not None:
        _mend_split(example, told)
    for name in CELLS:
        if isinstance(example.get(name), str):
            _read_cell(example, name)
    for name, allowed in TYPES.items():
        if name in example and not isinstance(example[name], allowed):
            del example[name]
            told[f"{name} was left out where it is not {ALLOWED[name]}"] += 1
    if "tools" in example:
        example["tools"] = calls.described(example["tools"])
    _mend_names(example, told)


def _mend_names(example: dict[str, Any], told: Counter[str]) -> None:
    tags = example.get("tags")
    if tags is not None and not all(isinstance(tag, str) for tag in tags):
        example["tags"] = [str(tag) for tag in tags]
    ratings = example.get("ratings")
    if ratings is not None and not all(_is_rating(number) for number in ratings.values()):
        del example["ratings"]
        told["ratings was left out where it holds something else than numbers from 1 to 10"] += 1


def _read_cell(example: dict[str, Any], name: str) -> None:
    """Read what a cell of a table holds as text: JSON; tags also as words with commas between."""
    text = example[name]
    try:
        example[name] = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if name == "tags":
            example[name] = [tag.strip() for tag in text.replace(";", ",").split(",") if tag.strip()]


CELLS = ("tags", "tools", "flagged", "source")
TYPES: dict[str, Any] = {
    "group": (str, int),
    "tags": list,
    "note": str,
    "flagged": bool,
    "ratings": dict,
    "originalOutput": str,
    "tools": list,
}
ALLOWED = {
    "group": "a text or a whole number",
    "tags": "a list",
    "note": "text",
    "flagged": "true or false",
    "ratings": "an object of names and numbers",
    "originalOutput": "text",
    "tools": "a list",
}


def rating_of(value: Any, scale: tuple[float, float] | None) -> int | None:
    """Return a rating as an integer from 1 to 10; by a linear map where another scale is given."""
    if isinstance(value, list) and all(isinstance(one, dict) and "value" in one for one in value):
        return _median(value, scale)  # one answer of each annotator, as Argilla keeps them
    if value is None or value == "":
        return None
    number = _number(value)
    if number is not None and scale is not None and scale[0] <= number <= scale[1]:
        share = (number - scale[0]) / (scale[1] - scale[0])
        return int(LOWEST + share * (HIGHEST - LOWEST) + 0.5)
    if number is None or scale is not None or number not in range(LOWEST, HIGHEST + 1):
        wanted = (
            f"from {scale[0]:g} to {scale[1]:g}" if scale else f"a whole number from {LOWEST} to {HIGHEST}"
        )
        raise Refused(f"rating {value!r:.40} is not {wanted}", "correct it, or map another scale to ours")
    return int(number)


def _median(answers: list[dict[str, Any]], scale: tuple[float, float] | None) -> int | None:
    """Return the lower median of what several annotators submitted."""
    given = [one["value"] for one in answers if one.get("status", "submitted") == "submitted"]
    ratings = sorted(rating for value in given if (rating := rating_of(value, scale)) is not None)
    return ratings[(len(ratings) - 1) // 2] if ratings else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _is_rating(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and LOWEST <= value <= HIGHEST


def _mend_split(example: dict[str, Any], told: Counter[str]) -> None:
    named = example["split"]
    side = SIDES.get(str(named).lower())
    if side is None:
        del example["split"]
        told[f"the split {named!r:.20} is none of ours; these rows come in unassigned"] += 1
    elif side != named:
        example["split"] = side
        told[f"the split {named!r:.20} was read as {side}"] += 1
