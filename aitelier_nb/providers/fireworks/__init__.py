"""Fireworks: supervised and preference jobs, whose models run on deployments of one's own."""

from __future__ import annotations

from aitelier_nb.providers.base import Settings
from aitelier_nb.providers.fireworks.provider import Fireworks

__all__ = ["Fireworks", "create"]


def create(settings: Settings) -> Fireworks:
    """Return the provider, ready to be asked."""
    return Fireworks(settings)
