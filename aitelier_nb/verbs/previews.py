"""What a run would be, before anything is spent: its price, the provider's limits, what would be sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aitelier_nb.providers.base import Estimate, Trainer
from aitelier_nb.tuning.records import Plan
from aitelier_nb.views import View

__all__ = ["Preview", "preview", "question"]

UNTOLD = "the provider does not tell the price"


@dataclass(frozen=True, repr=False)
class Preview(View):
    """A run that was not started."""

    provider: str
    model: str
    examples: int
    price: str
    hyperparameters: Mapping[str, Any]
    limits: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    estimate: Estimate | None = None
    told: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return price, tokens, hyperparameters and limits."""
        known = self.estimate or Estimate()
        return {
            "provider": self.provider,
            "model": self.model,
            "examples": self.examples,
            "price": known.price,
            "tokens": known.tokens,
            "told": self.price,
            "hyperparameters": dict(self.hyperparameters),
            "limits": {name: list(ends) for name, ends in self.limits.items()},
        }

    def headline(self) -> str:
        """Say what would be trained, and its price."""
        return f"not started: {self.model} at {self.provider} on {self.examples} examples ({self.price})"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("hyperparameter", "asked for", "from", "to")

    def rows(self) -> list[Sequence[object]]:
        """Return a hyperparameter a row: those that were set, and those that the provider limits."""
        names = sorted({*self.hyperparameters, *self.limits})
        return [
            (name, _shown(self.hyperparameters.get(name)), *map(_shown, self.limits.get(name, (None, None))))
            for name in names
        ]

    def notes(self) -> Sequence[str]:
        """Return what was assumed, and what should be known before a yes."""
        return self.told


def preview(provider: Trainer, plan: Plan) -> Preview:
    """Return what a plan would cost and where its provider draws the line; nothing is started."""
    estimate = _estimate(provider, plan)
    ask = getattr(provider, "bounds", None)
    request = plan.request
    return Preview(
        provider=provider.name,
        model=request.model,
        examples=len(plan.train_ids),
        price=_price(provider, estimate),
        hyperparameters=request.hyperparameters,
        limits=ask(request) if ask is not None else {},
        estimate=estimate,
        told=plan.notes,
    )


def question(provider: Trainer, plan: Plan) -> tuple[str, tuple[str, ...]]:
    """Return the question about money, and what else the person should know."""
    told = _estimate(provider, plan)
    price = _price(provider, told)
    words = f"train {plan.request.model} at {provider.name} on {len(plan.train_ids)} examples ({price})?"
    return words, told.notices if told is not None else ()


def _estimate(provider: Trainer, plan: Plan) -> Estimate | None:
    ask = getattr(provider, "estimate", None)
    told: Estimate | None = ask(plan.request) if ask is not None else None
    return told


def _price(provider: Trainer, told: Estimate | None) -> str:
    if told is not None:
        return str(told)
    return UNTOLD if provider.costs_money else "free: on this machine"


def _shown(value: Any) -> str | None:
    """Return a number as it was written: 1e-05, 8, max."""
    return None if value is None else f"{value:g}" if isinstance(value, float) else str(value)
