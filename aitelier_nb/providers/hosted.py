"""What every provider behind a network shares: its address, its key read late, its way to answer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from aitelier_nb.providers import chat, keys
from aitelier_nb.providers.base import ChatRequest, Settings
from aitelier_nb.providers.http import Client, KeyAuth
from aitelier_nb.providers.retries import Patience
from aitelier_nb.redaction import Secret
from aitelier_nb.schema import Answer

__all__ = ["Hosted"]


class Hosted:
    """Base of the hosted providers. Opening one needs no key and opens no connection.

    Parameters
    ----------
    settings
        `base_url` goes before the environment variable, which goes before the service's own
        address. Options: `concurrency`, `timeout` (seconds without a byte), `patience`.
    """

    name: str
    address: str
    dialect = chat.Dialect()
    default_model: str | None = None
    costs_money = True

    def __init__(self, settings: Settings) -> None:
        options = settings.options
        self.settings = settings
        self.concurrency = int(options.get("concurrency", chat.CONCURRENCY))
        self.patience: Patience = options.get("patience") or Patience()
        self._timeout: float | None = options.get("timeout")
        self._secret: Secret | None = None
        address = settings.base_url or os.environ.get(self.address_variable) or self.address
        self.client = self._client(address)

    @property
    def address_variable(self) -> str:
        """The environment variable of the base URL."""
        return f"{self.name.upper()}_BASE_URL"

    def key(self) -> Secret | None:
        """Return the key, looked up once, at the first request.

        Raises
        ------
        KeyMissing
            There is none; the hint names the variable to set.
        """
        if self._secret is None:
            self._secret = keys.find_key(self.name, self.settings.project, ask=True).secret
        return self._secret

    def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
        """Yield (place in requests, answer) as each is done; a failure is an answer with `error`."""
        if requests:
            self.key()  # here, not on the portal's thread, so that a person can be asked
        yield from chat.answers(self.client, requests, self.dialect, self.concurrency)

    def identify(self, model: str) -> str:
        """Return the model's name: a service gives each tuned model a name of its own."""
        return model

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _client(self, address: str, **more: Any) -> Client:
        auth = KeyAuth(self.key)
        return Client(self.name, address, auth, patience=self.patience, timeout=self._timeout, **more)
