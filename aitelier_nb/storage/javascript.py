"""JSON as the `ait` tool prints it, so that a change of one setting is a change of one line."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

__all__ = ["dumps", "number"]

PLAIN_FROM, PLAIN_TO = 1e-6, 1e21


def number(value: float) -> str:
    """Return a number as JavaScript prints it: 1e-5 as 0.00001, 4.0 as 4, 1e21 as 1e+21, NaN as null."""
    if isinstance(value, int):
        return str(value)
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN alone differs from itself
        return "null"
    if value == 0:
        return "0"
    if PLAIN_FROM <= abs(value) < PLAIN_TO:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = repr(value).split("e")
    return f"{mantissa.removesuffix('.0')}e{'-' if int(exponent) < 0 else '+'}{abs(int(exponent))}"


def dumps(value: Any, level: int = 0) -> str:
    """Return a value as JSON.stringify(value, null, 2) gives it."""
    inner, outer = "  " * (level + 1), "  " * level
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, dict) and value:
        lines = [f"{inner}{_text(str(key))}: {dumps(each, level + 1)}" for key, each in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{outer}}}"
    if isinstance(value, list | tuple) and value:
        lines = [inner + dumps(each, level + 1) for each in value]
        return "[\n" + ",\n".join(lines) + f"\n{outer}]"
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else _text(value)


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        return json.dumps(value)
    return json.dumps(value, ensure_ascii=False)
