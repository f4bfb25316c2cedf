"""Which scripts examples are written in: told by the letters, where no guess of a language is made."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache

__all__ = ["script_of"]

LOOKED_AT = 300  # characters of a text
LETTER = re.compile("[A-Za-z]")
ASCII = frozenset(map(chr, range(128)))
NO_LETTERS = bytes(code for code in range(128) if not chr(code).isalpha())
SAME = {"Cjk": "Han", "Hiragana": "Kana", "Katakana": "Kana"}


def script_of(text: str) -> str | None:
    """Return the script of most letters (Latin, Cyrillic, Han, Kana, ...); None where there is no letter."""
    if text.isascii():
        return "Latin" if LETTER.search(text) else None
    looked_at = text[:LOOKED_AT]
    found = Counter({"Latin": len(looked_at.encode("ascii", "ignore").translate(None, NO_LETTERS))})
    for char in set(looked_at) - ASCII:
        script = _script(char)
        if script is not None:
            found[script] += looked_at.count(char)
    found += Counter()  # without what is 0
    return found.most_common(1)[0][0] if found else None


@cache
def _script(char: str) -> str | None:
    """Return the script of a letter: what its name in Unicode begins with."""
    if not char.isalpha():
        return None
    name = unicodedata.name(unicodedata.normalize("NFKC", char)[0], "")
    first = re.split("[ -]", name)[0].capitalize()
    return SAME.get(first, first) or None
