"""What examples cost to train on, in tokens and, where somebody names a price, in money."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from aitelier_nb.curation import tokens
from aitelier_nb.curation.tokens import Tokens

__all__ = ["Budget", "budget"]

SHOWN = 10  # ids of examples over the limit


@dataclass(frozen=True)
class Budget:
    """Tokens of a set of examples, of one epoch over those that are trained on, and what that costs.

    `method` is the name of an encoding, "model" for the base model's own tokenizer, or "estimate". `over`
    are the ids of examples longer than `limit`, which training cuts off. `price` is in US dollars per
    million tokens, and `cost` is None without one.
    """

    method: str
    total: int
    per_epoch: int
    median: int
    most: int
    limit: int | None = None
    over: tuple[int, ...] = ()
    epochs: float | None = None
    price: float | None = None
    cost: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the keys that scripts read."""
        return {**vars(self), "over": list(self.over)}

    def sentences(self) -> Iterator[str]:
        """Say how many tokens there are, how they were counted, and what is cut off."""
        how = {"estimate": "estimated from the length", "model": "the base model's own tokenizer"}
        about = "about " if self.method == "estimate" else ""
        yield (
            f"Tokens: {about}{self.per_epoch:,} an epoch, {self.median:,} in the median example, "
            f"{self.most:,} in the longest ({how.get(self.method, self.method)})."
        )
        if self.over:
            ids = ", ".join(map(str, self.over[:SHOWN])) + (", …" if len(self.over) > SHOWN else "")
            count = "1 example is" if len(self.over) == 1 else f"{len(self.over)} examples are"
            yield f"{count} longer than {self.limit:,} tokens, and would be cut off there: {ids}."
        if self.cost is not None:
            yield (
                f"Cost: ${self.cost:,.2f} for {self.epochs:g} epochs at ${self.price:g} per million tokens, "
                "the price that was given."
            )


def budget(
    counted: Tokens,
    trained: Iterable[int],
    *,
    limit: int | None = None,
    epochs: float | None = None,
    price: float | None = None,
) -> Budget:
    """Return totals of what was counted.

    Parameters
    ----------
    counted
        All examples.
    trained
        The ids of those that an epoch goes over.
    limit
        Tokens beyond which an example is cut off; None where that is not known.
    epochs
        How often training goes over them; 1 when None.
    price
        US dollars per million tokens.
    """
    chosen = set(trained)
    each = [n for name, n in zip(counted.ids, counted.counts, strict=True) if name in chosen]
    per_epoch = sum(min(n, limit) if limit else n for n in each)
    sizes = sorted(counted.counts)
    rounds = None if epochs is None and price is None else epochs or 1
    return Budget(
        method=counted.method,
        total=counted.total,
        per_epoch=per_epoch,
        median=sizes[len(sizes) // 2] if sizes else 0,
        most=sizes[-1] if sizes else 0,
        limit=limit,
        over=tuple(counted.over(limit)) if limit else (),
        epochs=rounds,
        price=price,
        cost=tokens.cost(per_epoch, rounds or 1, price),
    )
