"""What every provider behind a network shares: its address, its key read late, its way to answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

from aitelier_nb.providers import asking, chat, deployments, keys
from aitelier_nb.providers.base import ChatRequest, Settings
from aitelier_nb.providers.http import Client, KeyAuth
from aitelier_nb.providers.retries import Patience
from aitelier_nb.providers.shapes import rows
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
        self.concurrency = int(options.get("concurrency", asking.CONCURRENCY))
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

    @property
    def line(self) -> asking.Line:
        """The way to the service's chat; the key is looked up here, where a person can be asked for it."""
        self.key()
        return asking.Line(self.client, self.dialect, self.concurrency, self.asked_as)

    @property
    def asked_as(self) -> dict[str, str]:
        """Under which name each model is asked that an endpoint of the project serves."""
        return deployments.asked_as(self.settings.project, self.name)

    def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
        """Yield (place in requests, answer) as each is done; a failure is an answer with `error`."""
        if requests:
            yield from asking.answers(self.line, requests)

    async def aanswers(
        self, requests: Sequence[ChatRequest], give: Callable[[tuple[int, Answer]], None] = lambda _: None
    ) -> list[Answer]:
        """Return all answers in order, for `await` in a cell; `give` gets each as it arrives."""
        arrived: dict[int, Answer] = {}

        def take(one: tuple[int, Answer]) -> None:
            arrived.update([one])
            give(one)

        if requests:
            await asking.ask_all(self.line, requests, take)
        return [arrived[place] for place in range(len(requests))]

    def stream(self, request: ChatRequest) -> Generator[str, None, Answer]:
        """Yield one answer in pieces of text as they come, and return the whole."""
        whole = Answer(model=request.model, text="", finish_reason="error", error="no answer")
        for _, piece in asking.streams(self.line, [request]):
            if isinstance(piece, Answer):
                whole = piece
            else:
                yield piece
        return whole

    def streams(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, str | Answer]]:
        """Yield (place, piece of text) of answers side by side, and (place, answer) at each end."""
        if requests:
            yield from asking.streams(self.line, requests)

    def models(self) -> list[dict[str, Any]]:
        """Return the models that the service names, each with `id` and what else it tells."""
        told = self.client.json("GET", "/models", bare=True)
        return rows(told, "data" if "data" in told else "models", self.name)

    def identify(self, model: str) -> str:
        """Return the model's name: a service gives each tuned model a name of its own."""
        return model

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def _client(self, address: str) -> Client:
        return Client(self.name, address, KeyAuth(self.key), patience=self.patience, timeout=self._timeout)
