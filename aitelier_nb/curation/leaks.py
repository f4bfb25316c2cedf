"""Training examples that give validation away: duplicates, near duplicates and members of one group.

Only user turns are compared. `near` says what near is.
"""

from __future__ import annotations

from collections.abc import Iterable
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
        All that was ever validation, deleted examples too.
    """
    kept = list(held)
    keys = {duplicates.key(example.messages): example.id for example in reversed(kept)}
    groups = {example.group: example.id for example in reversed(kept) if example.group not in (None, "")}
    found: dict[int, Leak] = {}
    others: list[Example] = []
    for example in train:
        exact = keys.get(duplicates.key(example.messages)) if keys else None
        if exact is not None:
            found[example.id] = Leak(example.id, exact, "exact", 1.0)
        elif example.group in groups:
            found[example.id] = Leak(example.id, groups[example.group], "group", 0.0)
        elif kept:
            others.append(example)
    index = Held([_words(example) for example in kept])
    for place, owner, share in index.near(map(_words, others)):
        found[others[place].id] = Leak(others[place].id, kept[owner].id, "near", share)
    return found


def _words(example: Example) -> list[str]:
    return [word for turn in duplicates.user_turns(example.messages) for word in duplicates.words(turn)]
