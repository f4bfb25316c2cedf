"""Servers that speak OpenAI's chat dialect: vLLM, llama.cpp, Ollama, LM Studio, Azure OpenAI.

They answer and do not train. A key is optional; without one no header is sent. A LoRA that a vLLM
server holds is asked for by its name.
"""

from __future__ import annotations

import os

import httpx

from aitelier_nb.errors import KeyMissing, UsageError
from aitelier_nb.providers import keys
from aitelier_nb.providers.base import Settings
from aitelier_nb.providers.hosted import Hosted
from aitelier_nb.providers.http import Client, KeyAuth
from aitelier_nb.redaction import Secret

__all__ = ["Compatible", "create"]

USUAL = "Ollama: http://127.0.0.1:11434/v1, vLLM: :8000/v1, llama.cpp: :8080/v1, LM Studio: :1234/v1"
AZURE = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")


class Compatible(Hosted):
    """Asks the models of a server at an address of yours."""

    name = "compatible"
    address = ""
    costs_money = False

    def __init__(self, settings: Settings) -> None:
        if not (settings.base_url or os.environ.get(self.address_variable)):
            raise UsageError(
                "a compatible server needs its address", hint=f"set {self.address_variable} ({USUAL})"
            )
        super().__init__(settings)

    def key(self) -> Secret | None:
        """Return the key, or None: most servers of this kind ask for none."""
        if self._secret is None:
            try:
                self._secret = keys.find_key(self.name, self.settings.project).secret
            except KeyMissing:
                return None
        return self._secret

    def _client(self, address: str) -> Client:
        own = KeyAuth(self.key, "api-key", "") if _is_azure(address) else KeyAuth(self.key)
        return Client(self.name, address, own, patience=self.patience, timeout=self._timeout)


def create(settings: Settings) -> Compatible:
    """Return the provider, ready to be asked."""
    return Compatible(settings)


def _is_azure(address: str) -> bool:
    return httpx.URL(address).host.endswith(AZURE)
