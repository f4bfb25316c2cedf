"""A provider of one's own in some sixty lines: answers come from a company's house model.

Installed as a package with this in its pyproject.toml, it is a provider like any other:

    [project.entry-points."aitelier_nb.providers"]
    house = "plugin_example:create"

    ait init support --provider house --model parrot-1
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import httpx

from aitelier_nb.errors import ConnectionFailed
from aitelier_nb.providers.base import ChatRequest, Settings
from aitelier_nb.providers.keys import find_key
from aitelier_nb.schema import Answer


class House:
    """Asks the house model, one question after the other."""

    name = "house"
    default_model = "parrot-1"
    costs_money = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http: httpx.Client | None = None

    def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
        """Yield each answer with its place; what fails is an answer with `error`."""
        for place, request in enumerate(requests):
            try:
                yield place, self._answer(request)
            except ConnectionFailed as error:
                yield place, Answer(model=request.model, text="", finish_reason="error", error=str(error))

    def identify(self, model: str) -> str:
        """Return what the answers depend on: here the model's name says it all."""
        return model

    def close(self) -> None:
        """Close the connection."""
        if self._http is not None:
            self._http.close()

    def _answer(self, request: ChatRequest) -> Answer:
        if self._http is None:
            key = find_key("house", self._settings.project).secret  # HOUSE_API_KEY, .env, keychain, ...
            headers = {"Authorization": f"Bearer {key.reveal()}"}
            self._http = httpx.Client(base_url=str(self._settings.base_url), headers=headers, timeout=60)
        body = {"model": request.model, "turns": [dict(turn) for turn in request.messages]}
        try:
            told = self._http.post("/say", json=body).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise ConnectionFailed(f"the house model is silent: {error}", hint="call the house") from error
        return Answer(model=request.model, text=told["words"], finish_reason="stop")


def create(settings: Settings) -> House:
    """Return the provider; this is what the entry point names."""
    return House(settings)
