"""Training examples that give validation away: duplicates, near duplicates and members of one group.

Only user turns are compared. `near` says what near is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aitelier_nb.curation import duplicates
from aitelier_nb.curation.near import Held
from aitelier_nb.schema import Example

__all__ = ["Leak", "find"]


@dataclass(frozen=True)
class Leak:
    """A training example that gives a validation example away.

    `kind` is "exact", "group" or "near"; `overlap` is the share of 8-grams or words in common
    (1 for exact, 0 for a group).
    """

    train: int
    held: int
    kind: str
    overlap: float


def find(train: Iterable[Example], held: Iterable[Example]) -> dict[int, Leak]:
    """Return the leaking training examples by id, each with the held example that it gives away.

    Parameters
    ----------
    train
        The candidates for training.
    held
        All that was ever validation: deleted examples too, and former questions.
    """
    known = _Known(held)
    found: dict[int, Leak] = {}
    others: list[int] = []

    def unlike() -> Iterator[list[str]]:
        """Yield the words of what neither repeats a held example nor belongs to its group."""
        for example in train:
            leak = known.leak(example)
            if leak is not None:
                found[example.id] = leak
            elif known.ids:
                others.append(example.id)
                yield _words(example)

    for place, owner, share in Held(known.words).near(unlike()):
        found[others[place]] = Leak(others[place], known.ids[owner], "near", share)
    return found


class _Known:
    """What held examples are known by; the examples themselves are not kept."""

    def __init__(self, held: Iterable[Example]) -> None:
        self.ids: list[int] = []
        self.words: list[list[str]] = []
        self._keys: dict[str, int] = {}
        self._groups: dict[object, int] = {}
        for example in held:
            self.ids.append(example.id)
            self.words.append(_words(example))
            self._keys.setdefault(duplicates.key(example.messages), example.id)
            if example.group not in (None, ""):
                self._groups.setdefault(example.group, example.id)

    def leak(self, example: Example) -> Leak | None:
        """Return the leak of an example that repeats a held one, or belongs to its group."""
        exact = self._keys.get(duplicates.key(example.messages)) if self._keys else None
        if exact is not None:
            return Leak(example.id, exact, "exact", 1.0)
        if example.group in self._groups:
            return Leak(example.id, self._groups[example.group], "group", 0.0)
        return None


def _words(example: Example) -> list[str]:
    return [word for turn in duplicates.user_turns(example.messages) for word in duplicates.words(turn)]
