"""Who stands left: balanced, seeded, fixed for each rater and example, committed to before the first vote.

Every choice is a hash of the seed and the example, so it does not depend on any call order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from aitelier_nb.storage.tombstones import canonical

__all__ = ["Key", "balanced", "commitment", "draw", "order"]

Key = tuple[int, str]
"""An example's identity: id and createdAt."""


def draw(seed: str, purpose: str, key: Key) -> int:
    """Return 256 bits that belong to the seed, the purpose and the example."""
    return int.from_bytes(hashlib.sha256(canonical([seed, purpose, *key])).digest(), "big")


def balanced(seed: str, keys: Sequence[Key]) -> dict[Key, bool]:
    """Return for each example whether the tuned model stands left: for half of them, at random which.

    Of an odd number the half that is one larger is drawn too.
    """
    ranked = sorted(keys, key=lambda key: draw(seed, "side", key))
    half = (len(keys) + (draw(seed, "odd", (0, "")) & 1)) // 2
    left = set(ranked[:half])
    return {key: key in left for key in keys}


def order(seed: str, keys: Sequence[Key], purpose: str = "order") -> list[Key]:
    """Return the examples in the order in which they are shown; it tells nothing of the sides."""
    return sorted(keys, key=lambda key: draw(seed, purpose, key))


def commitment(salt: str, seed: str, sides: Sequence[Any], plan: Mapping[str, Any]) -> str:
    """Return the SHA-256 (hex) of salt, seed, sides and plan: what cannot be changed unseen afterwards."""
    secret = {"salt": salt, "seed": seed, "sides": list(sides), "plan": dict(plan)}
    return hashlib.sha256(canonical(secret)).hexdigest()
