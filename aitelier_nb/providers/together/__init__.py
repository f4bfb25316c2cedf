"""Together: the default hosted provider."""

from __future__ import annotations

from aitelier_nb.providers.base import Settings
from aitelier_nb.providers.together.provider import Together

__all__ = ["Together", "create"]


def create(settings: Settings) -> Together:
    """Return the provider, ready to be asked."""
    return Together(settings)
