"""A tuned model gets an endpoint for a while: its price first."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from aitelier_nb.consent import ask_for
from aitelier_nb.errors import AitelierError, NotCallable, UsageError
from aitelier_nb.interrupts import pause
from aitelier_nb.progress import Progress
from aitelier_nb.providers import deployments
from aitelier_nb.providers.base import Settings, open_provider
from aitelier_nb.providers.deployments import Deployment, Deploys, Machine
from aitelier_nb.providers.watching import Watch
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.verbs.endpoints import POLL, Deployed, Stopped
from aitelier_nb.verbs.naming import Named

__all__ = ["deploy"]

MINUTES = 60
IDLE = 10
LONGEST = 1800.0  # seconds for it to come up


def deploy(
    model: str | None = None,
    machine: str | None = None,
    minutes: int = MINUTES,
    idle: int = IDLE,
    stop: bool = False,
    confirm: bool | None = None,
    project: Where = None,
) -> Deployed | Stopped:
    """Serve a tuned model on an endpoint of its own, billed by the minute, and stop it in any case.

    While it runs, `ask`, `evaluate` and `compare` reach the model by its own name. In a terminal the
    command holds the endpoint until Ctrl-C or until its time is over.

    Parameters
    ----------
    model
        A job id or a tuned model's name; the last tuned model when not given.
    machine
        What it runs on; the cheapest that is free when not given.
    minutes
        Minutes after which it is stopped, used or not.
    idle
        Minutes without a question after which the service stops it by itself.
    stop
        Start nothing: stop the endpoints of the project's tuned models.
    confirm
        True says yes to the price.

    Raises
    ------
    NotCallable
        No machine serves the model, or the endpoint did not come up; it was stopped then.
    ConfirmationNeeded
        It costs money, and nobody said yes.
    """
    place = current(project)
    if stop:
        return _stopped(place)
    if minutes < 1 or idle < 1:
        raise UsageError("an endpoint runs for minutes", hint="minutes= and idle= of 1 or more")
    provider, name = Named(place).find(model or "tuned")
    if not isinstance(provider, Deploys):
        raise UsageError(f"{name} at {provider.name} needs no endpoint", hint="ask it by its name: ait ask")
    chosen = _chosen(provider.machines(name), machine)
    cost = chosen.cents_per_minute
    most = "" if cost is None else f" (${minutes * cost / 100:,.2f} at most)"
    ask_for(
        f"serve {name} at {provider.name} on {chosen} for {minutes} minutes{most}, "
        f"stopped after {idle} idle ones?",
        confirm,
    )
    return _served(place, provider, name, chosen, minutes, idle)


def _chosen(found: Sequence[Machine], wanted: str | None) -> Machine:
    if wanted is None:
        free = [one for one in found if one.available]
        if not free:
            raise NotCallable(
                "all machines that serve this model are taken", hint=f"later, or one of {_named(found)}"
            )
        return free[0]
    same = [one for one in found if one.id == wanted]
    if same:
        return same[0]
    if any(one.cents_per_minute is None for one in found):
        return Machine(wanted)  # a service that does not list its machines takes them by name
    raise UsageError(f"there is no machine {wanted!r} for this model", hint=f"one of {_named(found)}")


def _named(found: Sequence[Machine]) -> str:
    return ", ".join(str(one) for one in found)


def _served(
    project: Project, provider: Deploys, model: str, machine: Machine, minutes: int, idle: int
) -> Deployed:
    ours = {one.endpoint.id: one for one in deployments.standing(project.path, provider.name)}
    foreign = {one.id for one in provider.endpoints()} - ours.keys()
    try:
        endpoint = provider.start_endpoint(model, machine, idle)
        begun = datetime.now(UTC)
        record = ours.get(endpoint.id) or deployments.Started(
            provider=provider.name,
            endpoint=endpoint,
            machine=machine,
            started=_shown(begun),
            until=_shown(begun + timedelta(minutes=minutes)),
            idle=idle,
        )
        deployments.keep(project.path, record)
        served = Deployed(project, provider, record, own=endpoint.id not in foreign)
        served.record = replace(record, endpoint=_ready(provider, endpoint))
        deployments.keep(project.path, served.record)
    except BaseException:
        _stop_ours(project, provider, model, foreign)
        raise
    return served


def _stop_ours(project: Project, provider: Deploys, model: str, foreign: set[str]) -> None:
    """Stop what was started for a model, whether its answer came or not."""
    with suppress(AitelierError):
        for endpoint in provider.endpoints():
            if endpoint.model == model and endpoint.id not in foreign:
                provider.stop_endpoint(endpoint)
                deployments.forget(project.path, endpoint.id)


def _ready(provider: Deploys, endpoint: Deployment) -> Deployment:
    """Return the endpoint once it answers."""
    watch = Watch()
    begun = time.monotonic()
    with Progress(f"looks at the endpoint of {endpoint.model}", lasting=False) as progress:
        while not endpoint.ready:
            if endpoint.ended or time.monotonic() - begun > LONGEST:
                state = endpoint.state.lower()
                raise NotCallable(f"the endpoint of {endpoint.model} is {state}", hint="try another machine=")
            progress.advance(note=watch.fault or endpoint.state.lower())
            pause(POLL)
            endpoint = watch.look(lambda seen=endpoint: provider.endpoint(seen)) or endpoint  # type: ignore[misc]
    return endpoint


def _stopped(project: Project) -> Stopped:
    """Stop what the project started, and what serves its tuned models though nobody remembers it."""
    models = {run.model_id for run in project.runs}
    names = {one.provider for one in deployments.standing(project.path)} | {project.config.provider}
    stopped = []
    for name in sorted(names):
        provider = open_provider(name, Settings(project=project.path))
        if not isinstance(provider, Deploys):
            continue
        known = {one.endpoint.id for one in deployments.standing(project.path, name)}
        for endpoint in provider.endpoints():
            if not endpoint.ended and (endpoint.id in known or endpoint.model in models):
                provider.stop_endpoint(endpoint)
                stopped.append(endpoint)
        for gone in known:
            deployments.forget(project.path, gone)
        provider.close()
    return Stopped(stopped)


def _shown(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
