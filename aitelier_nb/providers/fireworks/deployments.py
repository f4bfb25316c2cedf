"""Fireworks' deployments: a tuned model on a machine of its own, scaled to nothing when nobody asks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from aitelier_nb.errors import NotFound
from aitelier_nb.providers.creation import create_once
from aitelier_nb.providers.deployments import Deployment, Machine
from aitelier_nb.providers.faults import json_of
from aitelier_nb.providers.fireworks.pages import listed as pages
from aitelier_nb.providers.http import Client
from aitelier_nb.providers.shapes import WORD, name_in, read_from
from aitelier_nb.redaction import quoted

__all__ = ["DEFAULT", "body_of", "listed", "look", "start", "stop"]

DEFAULT = "default"
"""The machine that the service picks for a model by itself."""

ENDED = ("DELETING", "DELETED", "FAILED")
TAKEN = frozenset({409})
GONE = frozenset({404})
LEAST_IDLE = 5  # minutes; the service takes no fewer
OURS = "started by aitelier-nb"


def body_of(model: str, machine: Machine, idle: int) -> dict[str, Any]:
    """Return the body that creates a deployment; the service's own choice of machine, or the one named."""
    where = {"deploymentShape": DEFAULT} if machine.id == DEFAULT else {"acceleratorType": machine.id}
    return {
        "baseModel": model,
        "displayName": OURS,
        "minReplicaCount": 0,
        "maxReplicaCount": 1,
        "autoscalingPolicy": {"scaleToZeroWindow": f"{60 * max(idle, LEAST_IDLE)}s"},
        **where,
    }


def listed(client: Client, root: str) -> list[Deployment]:
    """Return the account's deployments."""
    return [_endpoint(one) for one in pages(client, root, "deployments")]


def start(client: Client, root: str, model: str, machine: Machine, idle: int) -> Deployment:
    """Start a deployment under an id of ours, so that starting it twice makes one."""
    name = f"ait-{hashlib.sha256(model.encode()).hexdigest()[:20]}"
    place = f"{root}/deployments/{name}"

    def find() -> Deployment | None:
        try:
            found = _endpoint(client.json("GET", place))
        except NotFound:
            return None
        return None if found.ended else found

    def create() -> Deployment:
        told = client.send(
            "POST",
            f"{root}/deployments",
            repeatable=False,
            accept=TAKEN,
            params={"deploymentId": name},
            json=body_of(model, machine, idle),
        )
        return _endpoint(
            client.json("GET", place) if told.status_code in TAKEN else json_of(told, client.provider)
        )

    return find() or create_once(create, find, client.patience)


def look(client: Client, root: str, endpoint: Deployment) -> Deployment:
    """Return the deployment as it stands now."""
    return _endpoint(client.json("GET", f"{root}/deployments/{endpoint.id}"))


def stop(client: Client, root: str, endpoint: Deployment) -> None:
    """Delete a deployment, whoever uses it."""
    place = f"{root}/deployments/{endpoint.id}"
    client.send("DELETE", place, accept=GONE, params={"ignoreChecks": "true"})


@read_from("fireworks")
def _endpoint(data: Mapping[str, Any]) -> Deployment:
    name, model = (name_in(data.get(key), "fireworks") or "" for key in ("name", "baseModel"))
    state = quoted(data.get("state", ""), WORD).upper()
    return Deployment(
        id=name.rsplit("/", 1)[-1],
        name=f"{model}#{name}",
        model=model,
        state=state,
        machine=quoted(data.get("acceleratorType") or data.get("deploymentShape") or DEFAULT),
        ready=state in ("READY", "UPDATING"),
        ended=state in ENDED,
    )
