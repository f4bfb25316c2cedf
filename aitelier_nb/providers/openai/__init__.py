"""OpenAI: chat for everyone, fine-tuning for organisations that still may."""

from __future__ import annotations

from aitelier_nb.providers.base import Settings
from aitelier_nb.providers.openai.provider import OpenAI

__all__ = ["OpenAI", "create"]


def create(settings: Settings) -> OpenAI:
    """Return the provider, ready to be asked."""
    return OpenAI(settings)
