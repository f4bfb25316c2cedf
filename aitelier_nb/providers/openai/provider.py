"""OpenAI's fine-tuning and chat, for organisations that still may fine-tune."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from aitelier_nb.errors import NotFound, PermissionRefused, ProviderError
from aitelier_nb.providers import batches, chat
from aitelier_nb.providers.base import Checkpoint, Estimate, JobRequest, Settings
from aitelier_nb.providers.batches import BatchService
from aitelier_nb.providers.contents import name_of, sha256
from aitelier_nb.providers.creation import create_once
from aitelier_nb.providers.hosted import Hosted
from aitelier_nb.providers.openai import estimates, files, wire
from aitelier_nb.providers.shapes import WORD
from aitelier_nb.redaction import quoted
from aitelier_nb.schema import Event, Job

__all__ = ["OpenAI"]

JOBS = "/fine_tuning/jobs"
MOST_REQUESTS = 50_000  # of a batch
LARGEST_BATCH = 200_000_000  # bytes of a batch's file
CLOSED_WORDS = ("fine-tun", "not available", "not allowed", "no longer", "deprecat")


class OpenAI(Hosted):
    """Fine-tunes at OpenAI and asks its models, tuned ones included."""

    name = "openai"
    address = "https://api.openai.com/v1"
    dialect = chat.Dialect(limit_key="max_completion_tokens")

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._files: dict[str, str] = {}  # uploaded, by name
        self._today: Callable[[], date] = settings.options.get("today") or (lambda: datetime.now(UTC).date())

    def bounds(self, request: JobRequest) -> dict[str, tuple[float, float]]:
        """Return the lowest and highest value of each hyperparameter that the service limits."""
        return {name: ends for name, ends in wire.LIMITS.items() if _concerns(name, request)}

    def estimate(self, request: JobRequest) -> Estimate:
        """Return how many tokens a job would train on, and what is closing when; nothing is sent.

        Raises
        ------
        UsageError
            The hyperparameters are not what the service takes.
        """
        wire.request_body(request, "training", None)
        return estimates.estimate(request, self._today())

    def create_job(self, request: JobRequest) -> Job:
        """Upload the files and start the job, once.

        Raises
        ------
        PermissionRefused
            The organisation may not fine-tune any more.
        """
        body = self._body(request)
        before = request.known_jobs | {wire.job_of(job).id for job in self._of_run(request)}

        def create() -> Job:
            return wire.job_of(self.client.json("POST", JOBS, repeatable=False, json=body))

        try:
            return create_once(create, lambda: self._newest(request, before), self.patience)
        except ProviderError as error:
            raise self._closed(error) from error

    def find_job(self, request: JobRequest) -> Job | None:
        """Return the job that an earlier, unclear `create_job` of the same request started, if any."""
        return self._newest(request, request.known_jobs)

    def job(self, job_id: str) -> Job:
        """Return the job as it stands now."""
        return wire.job_of(self.client.json("GET", f"{JOBS}/{job_id}"))

    def jobs(self) -> list[Job]:
        """Return the organisation's jobs, newest first."""
        return [wire.job_of(data) for data in files.listed(self.client, JOBS, limit=100)]

    def events(self, job_id: str) -> list[Event]:
        """Return the job's log, oldest first; those of kind "metrics" are the loss curve."""
        newest_first = list(files.listed(self.client, f"{JOBS}/{job_id}/events", limit=100))
        return [wire.event_of(data) for data in reversed(newest_first)]

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """Return the saved checkpoints, oldest first; each is a model that can be asked by its name."""
        told = files.listed(self.client, f"{JOBS}/{job_id}/checkpoints", limit=100)
        return sorted(map(wire.checkpoint_of, told), key=lambda one: one.step or 0)

    def cancel(self, job_id: str) -> Job:
        """Stop the job and return it as it stands then."""
        self.client.send("POST", f"{JOBS}/{job_id}/cancel", repeatable=True)
        return self.job(job_id)

    def pause(self, job_id: str) -> Job:
        """Hold the job; `resume` lets it go on."""
        self.client.send("POST", f"{JOBS}/{job_id}/pause", repeatable=True)
        return self.job(job_id)

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        self.client.send("POST", f"{JOBS}/{job_id}/resume", repeatable=True)
        return self.job(job_id)

    def batch_service(self) -> BatchService:
        """Return how the service takes batches."""
        self.key()
        return BatchService(
            client=self.client,
            dialect=self.dialect,
            upload=lambda path: files.upload(self.client, path, "batch"),
            listed=lambda: files.listed(self.client, "/batches", limit=100),
            addressed=True,
            named=True,
            most=MOST_REQUESTS,
            largest=LARGEST_BATCH,
            every=float(self.settings.options.get("poll", batches.EVERY)),
        )

    def shutdown_date(self, model: str) -> str | None:
        """Return the day on which a model stops answering (YYYY-MM-DD), or None when none is set."""
        base = model.split(":")[1] if model.startswith("ft:") else model
        for name in dict.fromkeys((model, base)):
            try:
                day = self.client.json("GET", f"/models/{name}").get("shutdown_date")
            except NotFound:
                continue
            if day:
                return quoted(day, WORD)
        return None

    def _body(self, request: JobRequest) -> dict[str, Any]:
        wire.request_body(request, "training", None)  # refuse before anything is uploaded
        training = self._upload(request.training_file)
        validation = self._upload(request.validation_file) if request.validation_file else None
        return wire.request_body(request, training, validation)

    def _upload(self, path: Path) -> str:
        name = name_of(path, sha256(path))
        if name not in self._files:
            self._files[name] = files.upload(self.client, path)
        return self._files[name]

    def _of_run(self, request: JobRequest) -> list[dict[str, Any]]:
        """Return the jobs that carry this run's identity."""
        query = {f"metadata[{wire.RUN_KEY}]": request.identity, "limit": 100}
        found = files.listed(self.client, JOBS, **query)
        return [job for job in found if wire.run_of(job) == request.identity]

    def _newest(self, request: JobRequest, known: frozenset[str]) -> Job | None:
        fresh = [wire.job_of(job) for job in self._of_run(request)]
        fresh = sorted((job for job in fresh if job.id not in known), key=lambda job: job.created_at or "")
        return fresh[-1] if fresh else None

    def _closed(self, error: ProviderError) -> ProviderError:
        """Return the error, or the sentence that says why most organisations are refused now."""
        said = str(error).lower()
        refused = isinstance(error, PermissionRefused) or type(error) is ProviderError
        if not refused or not any(word in said for word in CLOSED_WORDS):
            return error
        return PermissionRefused(
            f"OpenAI does not let this organisation start a fine-tune any more ({error})",
            hint='train with provider="local" or provider="together"; tuned models that exist still answer',
        )


def _concerns(name: str, request: JobRequest) -> bool:
    return name != "dpo_beta" or request.kind == "preference"
