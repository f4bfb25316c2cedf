"""Training examples that give validation away: duplicates, near duplicates and members of one group.

Near: at least half of the word 8-grams of a validation example's user turns occur in one training
example; under 8 words only equality counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from aitelier_nb.curation import duplicates
from aitelier_nb.schema import Example

__all__ = ["Leak", "find"]

GRAM = 8
SHARED = 0.5


@dataclass(frozen=True)
class Leak:
    """A training example that gives a validation example away.

    `kind` is "exact", "group" or "near"; `overlap` is the share of the validation example's 8-grams
    that occur in the training example (1 for exact, 0 for a group).
    """

    train: int
    held: int
    kind: str
    overlap: float


def find(train: Iterable[Example], held: Iterable[Example]) -> dict[int, Leak]:
    """Return the leaking training examples by id, each with the held example that it gives away.

    `held` is all that was ever validation, deleted examples too.
    """
    kept = list(held)
    keys = {duplicates.key(example.messages): example.id for example in kept}
    groups = {example.group: example.id for example in kept if example.group not in (None, "")}
    grams = _Grams(kept)
    found = {}
    for example in train:
        exact = keys.get(duplicates.key(example.messages))
        if exact is not None:
            found[example.id] = Leak(example.id, exact, "exact", 1.0)
        elif example.group in groups:
            found[example.id] = Leak(example.id, groups[example.group], "group", 0.0)
        else:
            near = grams.nearest(example)
            if near is not None:
                found[example.id] = Leak(example.id, near[0], "near", near[1])
    return found


class _Grams:
    """The 8-grams of the held examples, and who has them."""

    def __init__(self, held: Iterable[Example]) -> None:
        self.owners: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self.sizes: dict[int, int] = {}
        for example in held:
            grams = _grams(example)
            self.sizes[example.id] = len(grams)
            for gram in grams:
                self.owners[gram].append(example.id)

    def nearest(self, example: Example) -> tuple[int, float] | None:
        """Return the held example that shares most with this one, and how much, if it is enough."""
        hits = Counter(owner for gram in _grams(example) for owner in self.owners.get(gram, ()))
        shares = {owner: count / self.sizes[owner] for owner, count in hits.items()}
        best = max(shares, key=lambda owner: (shares[owner], -owner), default=None)
        return (best, shares[best]) if best is not None and shares[best] >= SHARED else None


def _grams(example: Example) -> set[tuple[str, ...]]:
    words = [word for turn in duplicates.user_turns(example.messages) for word in duplicates.words(turn)]
    return {tuple(words[place : place + GRAM]) for place in range(len(words) - GRAM + 1)}
