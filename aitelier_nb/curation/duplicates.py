"""When two examples ask the same thing: equal user turns after normalisation.

Only user turns count: the same question with another answer is a duplicate.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import TypeVar

from aitelier_nb.storage.questions import key, key_of, normalise, tally_of, user_turns

__all__ = ["groups", "key", "key_of", "normalise", "tally_of", "user_turns", "words"]

Name = TypeVar("Name", bound=Hashable)

# Thai, Lao, Burmese, Khmer, kana and Chinese characters: written without spaces.
UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])"
)


def words(text: str) -> list[str]:
    """Return the normalised words; in scripts without spaces each character is one."""
    plain = normalise(text)
    return (plain if plain.isascii() else UNSPACED.sub(r" \1 ", plain)).split()


def groups(keys: Iterable[tuple[Name, str]]) -> list[list[Name]]:
    """Return the names that share a key, as lists of two and more, in order of first appearance."""
    found: dict[str, list[Name]] = defaultdict(list)
    for name, exact in keys:
        found[exact].append(name)
    return [names for names in found.values() if len(names) > 1]
