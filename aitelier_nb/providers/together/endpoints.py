"""Together's dedicated endpoints: billed by the minute, started once, told to stop when nobody asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aitelier_nb.errors import NotCallable, NotFound, ProviderError, ServiceFailed
from aitelier_nb.providers.creation import create_once
from aitelier_nb.providers.deployments import Deployment, Machine
from aitelier_nb.providers.http import Client
from aitelier_nb.providers.shapes import WORD, id_in, name_in, read_from, rows
from aitelier_nb.redaction import quoted

__all__ = ["listed", "look", "machines", "start", "stop"]

ENDED = ("STOPPED", "STOPPING", "ERROR")
GONE = frozenset({404, 410})
OURS = "started by aitelier-nb"


def machines(client: Client, model: str) -> list[Machine]:
    """Return the machines that can serve a model, cheapest first.

    Raises
    ------
    NotCallable
        No machine can; many `-Reference` base models are so.
    """
    try:
        told = rows(client.json("GET", "/hardware", params={"model": model}), "data", client.provider)
    except NotFound:
        told = []
    found = [_machine(one) for one in told]
    if not found:
        raise NotCallable(
            f"together has no machine that serves {model}",
            hint="bring its weights home: ait export adapter FOLDER",
        )
    return sorted(found, key=lambda one: (not one.available, one.cents_per_minute))


def listed(client: Client) -> list[Deployment]:
    """Return the account's own endpoints.

    Raises
    ------
    NotCallable
        The service has closed this way to its endpoints; what runs there goes on.
    """
    try:
        told = client.json("GET", "/endpoints", params={"type": "dedicated", "mine": "true"})
    except NotFound as error:
        raise NotCallable(
            "together has closed this way to its endpoints; what runs there may go on and cost money",
            hint="look at together's own page; ait export adapter FOLDER brings the weights home",
        ) from error
    found = rows(told, "data", client.provider)
    return [_endpoint(one) for one in found if one.get("type", "dedicated") == "dedicated"]


def start(client: Client, model: str, machine: Machine, idle: int) -> Deployment:
    """Start an endpoint, once, or return the one of that model that is there already.

    Parameters
    ----------
    idle
        Minutes without a request after which the service stops it by itself.
    """

    def find() -> Deployment | None:
        usable = (one for one in listed(client) if one.model == model and not one.ended)
        return next(usable, None)

    body = {
        "model": model,
        "hardware": machine.id,
        "autoscaling": {"min_replicas": 1, "max_replicas": 1},
        "inactive_timeout": idle,
        "state": "STARTED",
        "display_name": OURS,
    }
    return find() or create_once(
        lambda: _endpoint(client.json("POST", "/endpoints", repeatable=False, json=body)),
        find,
        client.patience,
    )


def look(client: Client, endpoint: Deployment) -> Deployment:
    """Return the endpoint as it stands now."""
    return _endpoint(client.json("GET", f"/endpoints/{endpoint.id}"))


def stop(client: Client, endpoint: Deployment) -> None:
    """Stop an endpoint, and remove it; what only one of the two requests does is enough.

    Where both say that there is none, the account's list has to say so too: a service that has
    closed this way knows no endpoint either, and what runs there goes on.

    Raises
    ------
    NotCallable, ServiceFailed
        It may still run.
    """
    place = f"/endpoints/{endpoint.id}"
    try:
        stopped = client.send(
            "PATCH", place, repeatable=True, accept=GONE, json={"state": "STOPPED"}
        ).is_success
    except ProviderError:
        stopped = False
    removed = client.send("DELETE", place, accept=GONE).is_success
    if stopped or removed:
        return
    if any(one.id == endpoint.id and not one.ended for one in listed(client)):
        raise ServiceFailed(
            f"together denies the endpoint {endpoint.id} and lists it as running", hint="ait deploy --stop"
        )


@read_from("together")
def _machine(data: Mapping[str, Any]) -> Machine:
    status = (data.get("availability") or {}).get("status", "available")
    return Machine(
        id_in(data["id"], "together"), float(data["pricing"]["cents_per_minute"]), status == "available"
    )


@read_from("together")
def _endpoint(data: Mapping[str, Any]) -> Deployment:
    state = quoted(data.get("state", ""), WORD).upper()
    return Deployment(
        id=id_in(data["id"], "together"),
        name=name_in(data.get("name"), "together") or "",
        model=name_in(data.get("model"), "together") or "",
        state=state,
        machine=name_in(data.get("hardware"), "together") or "",
        ready=state == "STARTED",
        ended=state in ENDED,
    )
