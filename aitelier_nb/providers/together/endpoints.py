"""A tuned model that nobody serves gets an endpoint of its own: billed by the minute, and always stopped.

The service is told to stop an idle endpoint by itself, so that a kernel that dies costs minutes, not days.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aitelier_nb.errors import NotCallable, NotFound, ProviderError
from aitelier_nb.providers.http import Client

__all__ = ["Endpoint", "Hardware", "hardware", "listed", "served", "start", "stop", "wait"]

IDLE = 10  # minutes without a request after which the service stops the endpoint by itself
ENDED = ("STOPPED", "STOPPING", "ERROR")


@dataclass(frozen=True)
class Hardware:
    """A machine that can serve a model, and what it costs."""

    id: str
    cents_per_minute: float
    available: bool = True

    def __str__(self) -> str:
        minute, hour = self.cents_per_minute / 100, self.cents_per_minute * 60 / 100
        return f"{self.id}, ${minute:.2f} a minute (${hour:.2f} an hour)"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint: `name` is the model name to ask while its state is STARTED."""

    id: str
    name: str
    model: str
    state: str
    hardware: str


def hardware(client: Client, model: str) -> list[Hardware]:
    """Return the machines that can serve a model, cheapest first.

    Raises
    ------
    NotCallable
        No machine can; many `-Reference` base models are so.
    """
    try:
        told = client.json("GET", "/hardware", params={"model": model}).get("data") or []
    except NotFound:
        told = []
    found = [_hardware(one) for one in told]
    if not found:
        raise NotCallable(f"together has no machine that serves {model}", hint="download its weights instead")
    return sorted(found, key=lambda one: (not one.available, one.cents_per_minute))


def listed(client: Client) -> list[Endpoint]:
    """Return the account's own endpoints."""
    told = client.json("GET", "/endpoints", params={"type": "dedicated", "mine": "true"}).get("data") or []
    return [_endpoint(one) for one in told if one.get("type", "dedicated") == "dedicated"]


def start(client: Client, model: str, machine: Hardware, idle: int = IDLE) -> Endpoint:
    """Start an endpoint, or return the one of that model that is there already.

    Parameters
    ----------
    idle
        Minutes without a request after which the service stops it by itself.
    """
    for endpoint in listed(client):
        if endpoint.model == model and endpoint.state not in ENDED:
            return endpoint
    body = {
        "model": model,
        "hardware": machine.id,
        "autoscaling": {"min_replicas": 1, "max_replicas": 1},
        "inactive_timeout": idle,
        "state": "STARTED",
        "display_name": "started by aitelier-nb",
    }
    try:
        return _endpoint(client.json("POST", "/endpoints", repeatable=False, json=body))
    except ProviderError:
        for endpoint in listed(client):  # the answer may be lost and the endpoint there
            if endpoint.model == model and endpoint.state not in ENDED:
                return endpoint
        raise


def wait(client: Client, endpoint: Endpoint, every: float, timeout: float = 1800.0) -> Endpoint:
    """Return the endpoint once it answers.

    Raises
    ------
    NotCallable
        It failed to start, or did not in time.
    """
    until = time.monotonic() + timeout
    while endpoint.state != "STARTED":
        if endpoint.state in ENDED or time.monotonic() > until:
            raise NotCallable(
                f"the endpoint of {endpoint.model} is {endpoint.state}", hint="try other hardware"
            )
        time.sleep(every)
        endpoint = _endpoint(client.json("GET", f"/endpoints/{endpoint.id}"))
    return endpoint


def stop(client: Client, endpoint: Endpoint) -> None:
    """Stop an endpoint, and remove it."""
    client.send("PATCH", f"/endpoints/{endpoint.id}", repeatable=True, json={"state": "STOPPED"})
    client.send("DELETE", f"/endpoints/{endpoint.id}", accept=frozenset({404}))


@contextmanager
def served(
    client: Client, model: str, machine: Hardware, *, idle: int = IDLE, every: float = 5.0
) -> Iterator[Endpoint]:
    """Serve a model for the time of a block; the endpoint is stopped however the block ends.

    One that was running before stays as it is.
    """
    before = {endpoint.id for endpoint in listed(client)}
    endpoint = start(client, model, machine, idle)
    try:
        yield wait(client, endpoint, every)
    finally:
        if endpoint.id not in before:
            stop(client, endpoint)


def _hardware(data: Mapping[str, Any]) -> Hardware:
    status = (data.get("availability") or {}).get("status", "available")
    return Hardware(str(data["id"]), float(data["pricing"]["cents_per_minute"]), status == "available")


def _endpoint(data: Mapping[str, Any]) -> Endpoint:
    return Endpoint(
        str(data["id"]),
        str(data.get("name", "")),
        str(data.get("model", "")),
        str(data.get("state", "")).upper(),
        str(data.get("hardware", "")),
    )
