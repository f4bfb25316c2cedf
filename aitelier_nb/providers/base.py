"""What every provider of models can do, and how one is found by name.

A provider answers chat requests; one that trains also takes files and jobs. A third party adds
one with the entry point group `aitelier_nb.providers`, whose value is a callable `(Settings) -> Provider`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from aitelier_nb.errors import UsageError
from aitelier_nb.schema import Answer, Event, Job, Parameters

__all__ = [
    "ChatRequest",
    "Checkpoint",
    "Estimate",
    "JobRequest",
    "Provider",
    "Settings",
    "Trainer",
    "open_provider",
    "provider_names",
]

BUILT_IN = {
    "local": "aitelier_nb.providers.local.provider",
    "together": "aitelier_nb.providers.together",
    "fireworks": "aitelier_nb.providers.fireworks",
    "openai": "aitelier_nb.providers.openai",
    "compatible": "aitelier_nb.providers.compatible",
}


@dataclass(frozen=True)
class Settings:
    """Where a provider finds what it needs: the project's folder, a base URL, other options."""

    project: Path | None = None
    base_url: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ChatRequest:
    """One question to one model.

    `messages` are plain dicts (role, content, ...). `sample` numbers repeated answers to the
    same question from 0, so that each is recorded apart.
    """

    model: str
    messages: Sequence[Mapping[str, Any]]
    parameters: Parameters = field(default_factory=Parameters)
    sample: int = 0


@dataclass(frozen=True)
class JobRequest:
    """One fine-tune to start.

    `training_file` and `validation_file` lie on this machine. `hyperparameters` holds only what
    was asked for, by our names (epochs, batch_size, learning_rate, lora_r, lora_alpha, seed, ...).
    `identity` is the hex digest of everything that makes the run what it is; `kind` is "chat" (SFT)
    or "preference" (DPO). `known_jobs` are the ids of the project's jobs: `find_job` passes over them.
    """

    model: str
    training_file: Path
    identity: str
    validation_file: Path | None = None
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)
    suffix: str | None = None
    kind: str = "chat"
    known_jobs: frozenset[str] = frozenset()


CENT = 0.01  # US dollars


@dataclass(frozen=True)
class Estimate:
    """What a job would cost, before anything is spent; str() is the sentence to show with the question.

    `price` is in US dollars and `tokens` counts what is trained on, all epochs together; None
    where nobody knows, and `reason` says why. `notices` are sentences that the person should
    read before saying yes.
    """

    price: float | None = None
    tokens: int | None = None
    reason: str = ""
    notices: tuple[str, ...] = ()

    def __str__(self) -> str:
        price = "price unknown" if self.price is None else f"about ${self.price:,.2f}"
        if self.price is not None and 0 < self.price < CENT:
            price = "less than one cent"
        tokens = [f"{self.tokens:,} tokens"] if self.tokens is not None else []
        reason = [self.reason] if self.reason else []
        return "; ".join([", ".join([price, *tokens]), *reason, *self.notices])


@dataclass(frozen=True)
class Checkpoint:
    """A state of a job that was saved on the way; `name` is what goes on from it, or answers."""

    step: int | None
    name: str
    loss: float | None = None
    validation_loss: float | None = None
    at: str | None = None


@runtime_checkable
class Provider(Protocol):
    """Answers chat requests."""

    name: str

    def answers(self, requests: Sequence[ChatRequest]) -> Iterator[tuple[int, Answer]]:
        """Yield (place in requests, answer) as each is done; a failure is an answer with `error`."""
        ...

    def identify(self, model: str) -> str:
        """Return what identifies the weights behind a model name (an adapter's hash, or the name)."""
        ...

    def close(self) -> None:
        """Let go of connections and memory."""
        ...


@runtime_checkable
class Trainer(Provider, Protocol):
    """A provider that also trains."""

    default_model: str | None
    costs_money: bool

    def create_job(self, request: JobRequest) -> Job:
        """Start a job; the caller has already asked for a yes and written down the intent."""
        ...

    def find_job(self, request: JobRequest) -> Job | None:
        """Return the job that an earlier, unclear `create_job` of the same request started, if any."""
        ...

    def job(self, job_id: str) -> Job:
        """Return the job as it stands now."""
        ...

    def events(self, job_id: str) -> list[Event]:
        """Return the job's log, oldest first."""
        ...

    def cancel(self, job_id: str) -> Job:
        """Stop the job and return it as it stands then."""
        ...


def provider_names() -> list[str]:
    """Return the names of all providers, built in and plugged in."""
    plugged = {point.name for point in entry_points(group="aitelier_nb.providers")}
    return [*BUILT_IN, *sorted(plugged - BUILT_IN.keys())]


def open_provider(name: str, settings: Settings | None = None) -> Provider:
    """Return the provider of that name, ready to be asked.

    Raises
    ------
    UsageError
        There is no such provider; the message names those that there are.
    """
    settings = settings or Settings()
    if name in BUILT_IN:
        provider: Provider = import_module(BUILT_IN[name]).create(settings)
        return provider
    for point in entry_points(group="aitelier_nb.providers"):
        if point.name == name:
            plugged: Provider = point.load()(settings)
            return plugged
    raise UsageError(f"there is no provider {name!r}", hint=f"one of {', '.join(provider_names())}")
