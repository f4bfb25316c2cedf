"""What an example asks: its user turns in one spelling, as an exact key, and as a number that is soon told.

Only user turns count: the same question with another answer is the same question.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import compress
from operator import not_
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import xxhash

from aitelier_nb.schema import Message
from aitelier_nb.storage.growing import Marks, Numbers

__all__ = ["key", "key_of", "normalise", "tally", "tally_of", "user_turns", "weighed"]

Turns = Sequence[Message] | Sequence[Mapping[str, Any]]

SEPARATING = frozenset({"Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Zs", "Zl", "Zp", "Cc", "Cf"})
ASCII = frozenset(map(chr, range(128)))
ASCII_SEPARATORS = {char for char in ASCII if unicodedata.category(char) in SEPARATING} - {" "}
ASCII_TABLE = {ord(char): " " for char in ASCII_SEPARATORS}
SEPARATORS = "".join(sorted(ASCII_SEPARATORS | {" "})).encode()
LOWERED = bytes(range(256)).lower()
APART = re.compile(rb"\d[%b]+\d" % re.escape(SEPARATORS))
BETWEEN_DIGITS = re.compile(r"\d \d")
NOT_BETWEEN_DIGITS = re.compile(r"(?<!\d) | (?!\d)")
UNKNOWN = 2**64 - 1
TOGETHER = 128  # questions; the numbers of their letters stay in the processor's cache
LAST_SEPARATOR = 0x1FFFF  # no punctuation above it, but for tags


def normalise(text: str) -> str:
    """Return the words of a text in one spelling, with one space between them.

    NFKC, then case folding; punctuation, white space and control characters become spaces.
    Letters, digits, marks and symbols stay: `+` tells one sum from another.
    """
    if text.isascii():
        return " ".join(text.lower().translate(ASCII_TABLE).split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    used = set(folded)  # few characters, each replaced at once: a third of the time of a pattern
    for char in used & ASCII_SEPARATORS:
        folded = folded.replace(char, " ")
    for char in used - ASCII:
        if _separates(char):
            folded = folded.replace(char, " ")
    return " ".join(folded.split())


def user_turns(messages: Turns) -> list[str]:
    """Return the texts of the user turns; what is no text (an image) as JSON.

    A conversation without any user turn gives all its turns.
    """
    turns = [_turn(message) for message in messages]
    asked = [text for role, text in turns if role == "user"]
    return asked or [f"{role}: {text}" for role, text in turns]


def key(messages: Turns) -> str:
    """Return the exact key of a conversation: equal keys mean equal questions.

    White space and punctuation do not count (only the gap between two digits does), nor does case.
    The key is a 128-bit xxh3 in hex, the same on every machine.
    """
    return key_of(user_turns(messages))


def key_of(asked: Iterable[str]) -> str:
    """Return the exact key of the texts of user turns."""
    return xxhash.xxh3_128_hexdigest(b"\x1f".join(map(_squeezed, asked)))


def tally_of(messages: Turns) -> int:
    """Return the tally of a conversation: two with equal keys have equal ones; most others do not."""
    return int(tally([user_turns(messages)])[0])


def tally(asked: Sequence[Sequence[str]]) -> Marks:
    """Return the tally of the user turns of many examples, which costs far less than their keys."""
    return weighed(list(map("".join, asked)))


def weighed(texts: Sequence[str]) -> Marks:
    """Return the tally of each text.

    The sum of a number for each letter: neither order nor what a key leaves out plays a part.
    """
    plain = list(map(str.isascii, texts))
    if all(plain):
        return _summed(texts, _ascii)
    told = np.array(plain, bool)
    found = np.empty(len(texts), np.uint64)
    found[told] = _summed(list(compress(texts, plain)), _ascii)
    found[~told] = _summed(list(compress(texts, map(not_, plain))), _any)
    return found


def _summed(texts: Sequence[str], numbers_of: Callable[[Sequence[str]], tuple[Marks, Numbers]]) -> Marks:
    """Return the sum of the numbers of each text's letters."""
    found = np.zeros(len(texts), np.uint64)
    for first in range(0, len(texts), TOGETHER):
        numbers, lengths = numbers_of(texts[first : first + TOGETHER])
        some = np.flatnonzero(lengths)
        if len(some):
            found[some + first] = np.add.reduceat(numbers, (lengths.cumsum() - lengths)[some])
    return found


def _ascii(texts: Sequence[str]) -> tuple[Marks, Numbers]:
    """Return the numbers of the letters of all texts, two in one, and how many of these each has."""
    even = [text + " " if len(text) % 2 else text for text in texts]  # a space is worth nothing
    pairs = np.frombuffer("".join(even).encode(), np.uint16)
    return PAIRS.take(pairs, mode="clip"), np.array(list(map(len, even)), np.int64) >> 1


def _any(texts: Sequence[str]) -> tuple[Marks, Numbers]:
    """Return the numbers of the letters of all texts, and how many each has."""
    letters = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    return _worth_of(letters), np.array(list(map(len, texts)), np.int64)


def _worth_of(letters: npt.NDArray[np.uint32]) -> Marks:
    """Return the number of each letter by its code point; one that was never met is looked at once."""
    found = EVERY.take(letters)
    unknown = found == UNKNOWN
    if unknown.any():
        new = np.unique(letters[unknown])
        EVERY[new] = [worth(chr(letter)) for letter in new.tolist()]
        found = EVERY.take(letters)
    return found


def worth(char: str) -> int:
    """Return the number of a letter: the sum of those of the letters that it is made of, in lower case.

    So it is the same before and after each step of `normalise`, and no text has to take them.
    """
    parts = char
    for _ in range(3):
        parts = unicodedata.normalize("NFKD", parts).casefold()
    letters = (part.encode("utf-8", "ignore") for part in parts if not _is_left_out(part))
    return sum(map(xxhash.xxh3_64_intdigest, letters)) % 2**64


def _is_left_out(char: str) -> bool:
    return char == " " or char in ASCII_SEPARATORS or "\ud800" <= char <= "\udfff" or _separates(char)


def _pairs() -> Marks:
    """Return a number for each two ASCII characters, by the 16 bits that they are."""
    letters = np.zeros(256, np.uint64)
    letters[:128] = np.array([worth(chr(code)) for code in range(128)], np.uint64)
    return np.add.outer(letters, letters).ravel()[: 1 << 15]


def _turn(message: Message | Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(message, Message):
        return message.role, _content(message.content)
    return str(message.get("role", "")), _content(message.get("content"))


def _content(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return "" if content is None else str(content)
    return "\n".join(
        part["text"]
        if isinstance(part, dict) and isinstance(part.get("text"), str)
        else msgspec.json.encode(part, order="deterministic").decode()
        for part in content
    )


def _squeezed(text: str) -> bytes:
    """Return the normalised text without its spaces, but for those between digits: 1 23 is not 12 3."""
    if text.isascii():
        spelt = text.encode()
        letters = spelt.translate(LOWERED, SEPARATORS)
        if letters.isalpha():  # no digit, so no space that counts
            return letters
        if letters and not APART.search(spelt):
            return letters
    plain = normalise(text)
    if not plain:  # nothing but punctuation: "?" and "!" are two questions
        plain = " ".join(text.split())
    elif BETWEEN_DIGITS.search(plain):
        plain = NOT_BETWEEN_DIGITS.sub("", plain)
    else:
        plain = plain.replace(" ", "")
    return plain.encode("utf-8", "replace")


@cache
def _separates(char: str) -> bool:
    return ord(char) <= LAST_SEPARATOR and unicodedata.category(char) in SEPARATING


PAIRS = _pairs()
EVERY = np.full(sys.maxunicode + 1, UNKNOWN, np.uint64)
