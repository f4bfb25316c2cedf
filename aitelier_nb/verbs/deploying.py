"""A tuned model gets an endpoint for a while: its price first, a guard that stops it in any case."""

from __future__ import annotations

import atexit
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any, NoReturn, Self

from aitelier_nb.consent import ask_for
from aitelier_nb.errors import AitelierError, NotCallable, NotFound, UsageError
from aitelier_nb.interrupts import pause
from aitelier_nb.progress import Progress
from aitelier_nb.providers import deployments
from aitelier_nb.providers.base import Settings, open_provider
from aitelier_nb.providers.deployments import Deployment, Deploys, Machine
from aitelier_nb.providers.watching import Watch
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.verbs.naming import Named
from aitelier_nb.views import View, counted

__all__ = ["Deployed", "Stopped", "deploy", "ended_by_signal"]

MINUTES = 60
IDLE = 10
POLL = 5.0  # seconds between two looks at an endpoint that comes up
LONGEST = 1800.0  # seconds for it to come up
AGAIN = 30.0  # seconds after which the guard tries again to stop what did not stop
TRIES = 20


class Deployed(View):
    """A tuned model on an endpoint of its own; leaving the `with` block, or `stop()`, ends it.

    It is also stopped when its time is over, when the process ends, and by the service when
    nobody asks.
    """

    def __init__(
        self, project: Project, provider: Deploys, record: deployments.Started, *, own: bool
    ) -> None:
        self._project = project
        self._provider = provider
        self._own = own
        self.record = record
        self.running = True
        if own:
            self._timer = threading.Timer(max(0.0, self._left()), self._guard)
            self._timer.daemon = True
            self._timer.start()
            atexit.register(self._at_exit)

    @property
    def model(self) -> str:
        """The tuned model's name; `ask`, `evaluate` and `compare` find the endpoint by it."""
        return self.record.endpoint.model

    def stop(self) -> Deployed:
        """Stop the endpoint; one that was there before it was asked for stays."""
        if self.running and self._own:
            self._timer.cancel()
            self._provider.stop_endpoint(self.record.endpoint)
            atexit.unregister(self._at_exit)
        deployments.forget(self._project.path, self.record.endpoint.id)
        self.running = False
        return self

    def hold(self) -> Deployed:
        """Wait until the time is over, the service has stopped it, or somebody interrupts; then stop it."""
        watch = Watch()
        try:
            with Progress("minutes", round(self._left() / 60), lasting=False) as progress:
                begun = time.monotonic()
                while self._left() > 0 and not self._is_gone(watch):
                    progress.reach(int((time.monotonic() - begun) / 60), "Ctrl-C stops the endpoint")
                    pause(min(POLL, max(0.0, self._left())))
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def to_json(self) -> dict[str, Any]:
        """Return the endpoint, its price a minute, and when it is stopped."""
        return {**self.record.to_json(), "running": self.running}

    def headline(self) -> str:
        """Say what is served where, and what it costs."""
        if not self.running:
            return f"{self.model} is served no more"
        return f"{self.model} is served on {self.record.machine}"

    def notes(self) -> Sequence[str]:
        """Say when and how it ends."""
        if not self.running:
            return []
        if not self._own:
            return ["the endpoint was there before; it is not stopped from here"]
        until = f"stopped at {self.record.until}, or after {self.record.idle} minutes without a question"
        return [f"{until}; .stop() (ait deploy --stop) stops it now"]

    def _left(self) -> float:
        return (datetime.fromisoformat(self.record.until) - datetime.now(UTC)).total_seconds()

    def _is_gone(self, watch: Watch) -> bool:
        try:
            seen = watch.look(lambda: self._provider.endpoint(self.record.endpoint))
        except NotFound:
            return True
        return seen is not None and seen.ended

    def _guard(self) -> None:
        """Stop the endpoint whatever it takes: it costs money while it runs."""
        for _ in range(TRIES):
            with suppress(AitelierError):
                self._stop_if_standing()
                return
            pause(AGAIN)

    def _at_exit(self) -> None:
        """Stop the endpoint as the process ends; where that fails, the service's own limit is left."""
        try:
            self._stop_if_standing()
        except AitelierError as error:
            told = f"the endpoint of {self.model} was not stopped ({error}): ait deploy --stop"
            print(told, file=sys.stderr)  # noqa: T201 - nobody else is left to tell

    def _stop_if_standing(self) -> None:
        """Stop the endpoint unless somebody else did."""
        standing = deployments.standing(self._project.path, self.record.provider)
        if self.running and any(one.endpoint.id == self.record.endpoint.id for one in standing):
            self.stop()


class Stopped(View):
    """The endpoints that were stopped."""

    def __init__(self, found: Sequence[Deployment]) -> None:
        self.found = tuple(found)

    def to_json(self) -> dict[str, Any]:
        """Return {"stopped": [...]}."""
        return {"stopped": [{"id": one.id, "model": one.model} for one in self.found]}

    def headline(self) -> str:
        """Count them."""
        return f"{counted(len(self.found), 'endpoint')} stopped" if self.found else "no endpoint is running"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("endpoint", "model")

    def rows(self) -> list[Sequence[object]]:
        """Return an endpoint a row."""
        return [(one.id, one.model) for one in self.found]


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


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """Let a request to end the process (SIGTERM) interrupt the block, so that what runs is stopped first."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
