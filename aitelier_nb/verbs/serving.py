"""The project's local models behind an endpoint that any client of OpenAI's dialect can ask."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Self

from aitelier_nb.providers.base import Settings
from aitelier_nb.providers.endpoint import Endpoint
from aitelier_nb.providers.local.provider import LocalProvider
from aitelier_nb.redaction import Secret
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.views import View

__all__ = ["TOKEN", "Serving", "serve"]

TOKEN = "AITELIER_TOKEN"  # noqa: S105 - the name of an environment variable


class Serving(View):
    """An endpoint that answers until it is stopped; it is also a context manager."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._shown = Secret(endpoint.token)

    @property
    def address(self) -> str:
        """The base URL that a client is given."""
        return self._endpoint.address

    @property
    def token(self) -> str:
        """The token that a client sends as its API key; it is in no output and no file."""
        return self._shown.reveal()

    def stop(self) -> None:
        """Answer no more; stopping twice is no mistake."""
        if self._endpoint.runs:
            self._endpoint.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def to_json(self) -> dict[str, Any]:
        """Return address, the end of the token, and the models."""
        return {"address": self.address, "token": str(self._shown), "models": list(self._endpoint.models())}

    def headline(self) -> str:
        """Say where it answers."""
        if not self._endpoint.runs:
            return f"{self.address} is stopped"
        return f"serving at {self.address}, token {self._shown}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("model", "answers with")

    def rows(self) -> list[Sequence[object]]:
        """Return a model a row."""
        return list(self._endpoint.models().items())


def serve(port: int = 8377, project: Where = None) -> Serving:
    """Serve the project's local models on this machine, in OpenAI's dialect: chat completions and models.

    The models are "base", "tuned" (the latest local run) and each completed local run by its name.
    Clients give the address as base URL and the token as API key. The token is AITELIER_TOKEN
    where that is set, else a new one each time; `serving.token` tells it. In a terminal it serves until
    Ctrl-C, in a notebook until `serving.stop()`.

    Parameters
    ----------
    port
        The port on loopback; 0 takes a free one.

    Raises
    ------
    UsageError
        The port is taken.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> with ait.serve(port=0, project=project) as serving:
    ...     serving.address.startswith("http://127.0.0.1:")
    True
    """
    place = current(project)
    provider = LocalProvider(Settings(project=place.path))
    endpoint = Endpoint(provider, lambda: _models(place), port=port, token=os.environ.get(TOKEN))
    endpoint.start()
    return Serving(endpoint)


def _models(place: Project) -> dict[str, str]:
    """Return the names that may be asked for, each with the local provider's own name."""
    own = place.config.model if place.config.provider == "local" else None
    models = {"base": own or str(LocalProvider.default_model)}
    tuned = [str(run.model_id) for run in place.runs if run.provider == "local" and run.model_id]
    return {**models, **({"tuned": tuned[-1]} if tuned else {}), **{name: name for name in tuned}}
