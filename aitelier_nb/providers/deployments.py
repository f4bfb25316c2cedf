"""Tuned models that nobody serves get an endpoint of their own; which one answers for a model is on disk.

A model keeps its name everywhere else (in recordings, evaluations, reports): only the request that
leaves names the endpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from aitelier_nb.providers.base import Provider
from aitelier_nb.storage import files
from aitelier_nb.storage.locks import lock

__all__ = ["Deployment", "Deploys", "Machine", "Started", "asked_as", "forget", "keep", "standing"]

CENTS = 100


@dataclass(frozen=True)
class Machine:
    """A machine that can serve a model, and what it costs where the service tells it."""

    id: str
    cents_per_minute: float | None = None
    available: bool = True

    def __str__(self) -> str:
        if self.cents_per_minute is None:
            return f"{self.id}, price not told by the service"
        minute = self.cents_per_minute / CENTS
        return f"{self.id}, ${minute:.2f} a minute (${60 * minute:.2f} an hour)"


@dataclass(frozen=True)
class Deployment:
    """An endpoint: `name` is the model name to ask once it is ready.

    `state` is the service's own word; `ended` says that it will not come up any more.
    """

    id: str
    name: str
    model: str
    state: str
    machine: str
    ready: bool = False
    ended: bool = False


@runtime_checkable
class Deploys(Provider, Protocol):
    """A provider that serves tuned models on endpoints, billed by time."""

    def machines(self, model: str) -> list[Machine]:
        """Return the machines that can serve a model, cheapest first."""
        ...

    def endpoints(self) -> list[Deployment]:
        """Return the account's own endpoints."""
        ...

    def start_endpoint(self, model: str, machine: Machine, idle: int) -> Deployment:
        """Start an endpoint, once, or return the one of that model that is there."""
        ...

    def endpoint(self, endpoint: Deployment) -> Deployment:
        """Return an endpoint as it stands now."""
        ...

    def stop_endpoint(self, endpoint: Deployment) -> None:
        """Stop an endpoint and remove it; one that is gone already is fine."""
        ...


@dataclass(frozen=True)
class Started:
    """What the project knows of an endpoint that it started.

    `until` is the time (UTC) at which the one who started it stops it; `idle` are the minutes
    without a request after which the service does.
    """

    provider: str
    endpoint: Deployment
    machine: Machine
    started: str
    until: str
    idle: int

    def to_json(self) -> dict[str, Any]:
        """Return the record as it is kept."""
        return asdict(self)


def standing(project: Path | None, provider: str | None = None) -> list[Started]:
    """Return the endpoints that the project started and did not stop, of one provider or of all."""
    found = [_read(one) for one in _all(project)]
    return [one for one in found if provider in (None, one.provider)]


def asked_as(project: Path | None, provider: str) -> dict[str, str]:
    """Return under which name each served model of a provider is asked."""
    return {one.endpoint.model: one.endpoint.name for one in standing(project, provider)}


def keep(project: Path, started: Started) -> None:
    """Write down that an endpoint is there, in the place of what was known of it."""
    with lock(project / ".aitelier" / "endpoints.lock"):
        others = [one for one in _all(project) if one["endpoint"]["id"] != started.endpoint.id]
        _write(project, [*others, started.to_json()])


def forget(project: Path, endpoint_id: str) -> None:
    """Take an endpoint that was stopped off the list."""
    with lock(project / ".aitelier" / "endpoints.lock"):
        _write(project, [one for one in _all(project) if one["endpoint"]["id"] != endpoint_id])


def _path(project: Path) -> Path:
    return project / ".aitelier" / "endpoints.json"


def _all(project: Path | None) -> list[dict[str, Any]]:
    if project is None or not _path(project).exists():
        return []
    return list(json.loads(_path(project).read_bytes()))


def _write(project: Path, found: list[dict[str, Any]]) -> None:
    files.replace(_path(project), [json.dumps(found, indent=1).encode() + b"\n"])


def _read(data: Mapping[str, Any]) -> Started:
    parts = {"endpoint": Deployment(**data["endpoint"]), "machine": Machine(**data["machine"])}
    return Started(**{**data, **parts})
