"""Personal data in a text, by patterns: mail addresses, phone, card and account numbers, IP addresses, keys.

Patterns are strict, so that an order number is no phone number: what they find is nearly always
right, and what they miss is not proven absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from aitelier_nb.redaction import PATTERN as KEY

__all__ = ["Finding", "find", "masked"]


class Finding(NamedTuple):
    """One place in a text: what it is, and from where to where."""

    kind: str
    start: int
    end: int


MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}(?![\w-])")
PHONE = re.compile(
    r"""
    (?<![\w.+/-]) (?:
        (?:\+|00(?=[1-9]))\d(?:[ ./()-]{0,2}\d){7,14}   # with a country's prefix
      | (?:1[ .-])?\(\d{3}\)[ ]?\d{3}[ .-]\d{4}         # (555) 123-4567
      | \d{3}([.-])\d{3}\1\d{4}                         # 555-123-4567
    ) (?![\w/-]|\.\d)
    """,
    re.VERBOSE,
)
CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-]|\.\d)")
ACCOUNT = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
ADDRESS = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)")
MANY_DIGITS = re.compile(r"(?:\d\D{0,3}){8}")
HARMLESS = ("127.", "0.", "255.", "192.0.2.", "198.51.100.", "203.0.113.")


def find(text: str) -> list[Finding]:
    """Return what is found in a text, by place; overlapping places are told once."""
    found: list[Finding] = []
    end = 0
    for one in sorted(_all(text), key=lambda known: (known.start, -known.end)):
        if one.start >= end:
            found.append(one)
            end = one.end
    return found


def masked(text: str) -> str:
    """Return the text with each finding replaced by its kind in square brackets."""
    for one in reversed(find(text)):
        text = f"{text[: one.start]}[{one.kind}]{text[one.end :]}"
    return text


def _all(text: str) -> Iterator[Finding]:
    numbers = MANY_DIGITS.search(text) is not None
    for kind, pattern, marks, holds in KINDS:
        if not (any(mark in text for mark in marks) if marks else numbers):
            continue
        for match in pattern.finditer(text):
            if holds(match[0]):
                yield Finding(kind, *match.span())


def _luhn(number: str) -> bool:
    """Tell whether a number's check digit is right (Luhn, ISO/IEC 7812-1)."""
    digits = [int(letter) for letter in reversed(number) if letter.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return len(set(digits)) > 1 and (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _iban(number: str) -> bool:
    """Tell whether an account number's check digits are right (ISO 13616)."""
    plain = number.replace(" ", "")
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


def _reachable(address: str) -> bool:
    return all(int(part) < 256 for part in address.split(".")) and not address.startswith(HARMLESS)  # noqa: PLR2004


KINDS: tuple[tuple[str, re.Pattern[str], tuple[str, ...], Callable[[str], bool]], ...] = (
    ("key", KEY, ("-", "_", "AIza", "AKIA", "ASIA", "Bearer", "//"), bool),
    ("mail address", MAIL, ("@",), bool),
    ("card number", CARD, (), _luhn),
    ("account number", ACCOUNT, (), _iban),
    ("IP address", ADDRESS, (".",), _reachable),
    ("phone number", PHONE, (), bool),
)
"""Kind, pattern, marks of which the text must hold one (none: many digits), and the check."""
