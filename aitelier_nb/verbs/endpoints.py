"""An endpoint that a tuned model was given: it runs for a while, and a guard stops it in any case."""

from __future__ import annotations

import atexit
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import FrameType
from typing import Any, NoReturn, Self

from aitelier_nb.errors import AitelierError, NotFound
from aitelier_nb.interrupts import pause
from aitelier_nb.progress import Progress
from aitelier_nb.providers import deployments
from aitelier_nb.providers.deployments import Deployment, Deploys
from aitelier_nb.providers.watching import Watch
from aitelier_nb.storage.project import Project
from aitelier_nb.views import View, counted

__all__ = ["POLL", "Deployed", "Stopped", "ended_by_signal"]

POLL = 5.0  # seconds between two looks at an endpoint
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
