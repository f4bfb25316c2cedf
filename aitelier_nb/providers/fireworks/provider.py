"""Fireworks' fine-tuning and chat, over one client for jobs and one for answers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aitelier_nb.errors import (
    NotCallable,
    NotFound,
    ProviderError,
    ResponseError,
    ServiceFailed,
    UsageError,
)
from aitelier_nb.providers import asking, weights
from aitelier_nb.providers.base import Estimate, JobRequest, Settings
from aitelier_nb.providers.creation import create_once
from aitelier_nb.providers.deployments import Deployment, Machine
from aitelier_nb.providers.faults import json_in
from aitelier_nb.providers.fireworks import curves, datasets, deployments, wire
from aitelier_nb.providers.fireworks.pages import listed
from aitelier_nb.providers.hosted import Hosted
from aitelier_nb.providers.shapes import id_in, rows
from aitelier_nb.schema import Event, Job

__all__ = ["Fireworks"]

POLL = 2.0  # seconds between two looks at a dataset
CONFLICT = frozenset({409})
INFERENCE = "/inference/v1"


class Fireworks(Hosted):
    """Fine-tunes at Fireworks and asks the models that it serves.

    The account is the option `account`, the variable FIREWORKS_ACCOUNT_ID, or the first that the
    key opens. Jobs get ids of ours, so that creating one twice makes one.
    """

    name = "fireworks"
    address = "https://api.fireworks.ai/v1"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._poll = float(settings.options.get("poll", POLL))
        self._account: str | None = settings.options.get("account") or os.environ.get("FIREWORKS_ACCOUNT_ID")
        base = self.client.base_url
        inference = base if base.endswith(INFERENCE) else base.removesuffix("/v1") + INFERENCE
        if base.endswith(INFERENCE):
            self.client = self._client(base.removesuffix(INFERENCE) + "/v1")
        self._chat = self._client(inference)

    @property
    def line(self) -> asking.Line:
        """The way to the service's chat, which has an address of its own."""
        self.key()
        return asking.Line(self._chat, self.dialect, self.concurrency, self.asked_as)

    @property
    def account(self) -> str:
        """The account that jobs and models belong to."""
        if self._account is None:
            found = rows(self.client.json("GET", "/accounts"), "accounts", self.name)
            if not found:
                raise ResponseError("this key opens no account at fireworks", hint="set FIREWORKS_ACCOUNT_ID")
            self._account = id_in(found[0].get("name"), self.name).removeprefix("accounts/")
        return self._account

    def models(self) -> list[dict[str, Any]]:
        """Return the account's models, each with `name` and what else the service tells."""
        return rows(self.client.json("GET", f"{self._root}/models"), "models", self.name)

    def estimate(self, request: JobRequest) -> Estimate:
        """Return that nobody knows the price before the job is there; nothing is sent."""
        wire.request_body(request, "account", "dataset", None)
        return Estimate(reason="fireworks tells a job's price only once it is there (see its price list)")

    def create_job(self, request: JobRequest) -> Job:
        """Upload the files and start the job, once."""
        wire.request_body(request, "account", "dataset", None)  # refuse before anything is uploaded
        dataset = datasets.upload(self.client, self._root, request.training_file, self._poll)
        evaluation = None
        if request.validation_file is not None and request.kind == "chat":
            evaluation = datasets.upload(self.client, self._root, request.validation_file, self._poll)
        body = wire.request_body(request, self.account, dataset, evaluation)
        job_id = self._next_id(request)
        kind = "dpo" if request.kind == "preference" else "sft"

        def create() -> Job:
            told = self.client.send(
                "POST",
                f"{self._root}/{wire.COLLECTIONS[kind]}",
                repeatable=False,
                accept=CONFLICT,
                params={wire.ID_KEYS[kind]: job_id},
                json=body,
            )
            return self.job(job_id) if told.status_code in CONFLICT else self._told(told.content, job_id)

        return create_once(create, lambda: self._job_or_none(job_id), self.patience)

    def find_job(self, request: JobRequest) -> Job | None:
        """Return the job that an earlier, unclear `create_job` of the same request started, if any."""
        return self._job_or_none(self._next_id(request))

    def job(self, job_id: str) -> Job:
        """Return the job as it stands now."""
        return wire.job_of(self.client.json("GET", self._place(job_id)))

    def jobs(self) -> list[Job]:
        """Return the account's jobs."""
        kinds = wire.COLLECTIONS.values()
        return [wire.job_of(data) for kind in kinds for data in listed(self.client, self._root, kind)]

    def events(self, job_id: str) -> list[Event]:
        """Return how far the job is, and its loss curve; the service keeps no log that can be asked for."""
        data = self.client.json("GET", self._place(job_id))
        job = wire.job_of(data)
        now = Event(
            at=job.created_at or "",
            kind=job.provider_status,
            message=f"{job.step} %" if job.step is not None else "",
        )
        return [now, *self._curve(job_id, data)]

    def fetch(self, job_id: str, folder: Path, kind: str, step: int | None = None) -> Path:
        """Bring the files of a job's adapter into a folder, whole or not at all.

        Raises
        ------
        UsageError
            The service gives the adapter alone, of the last step.
        """
        if kind != "adapter" or step is not None:
            raise UsageError(f"fireworks gives no {kind} weights", hint="ait export adapter FOLDER")
        model = self.job(job_id).model_id
        if model is None:
            raise NotCallable(f"{job_id} has no model yet", hint="run.wait() waits for it")
        told = self.client.json("GET", f"/{model}:getDownloadEndpoint")
        return weights.fetch(self.client, wire.addresses_in(told), folder)

    def machines(self, model: str) -> list[Machine]:  # noqa: ARG002 - the service picks by the model
        """Return the machine that the service picks itself; it tells no price before the bill."""
        return [Machine(deployments.DEFAULT)]

    def endpoints(self) -> list[Deployment]:
        """Return the account's deployments."""
        return deployments.listed(self.client, self._root)

    def start_endpoint(self, model: str, machine: Machine, idle: int) -> Deployment:
        """Start a deployment, once; the caller has shown `str(machine)` and got a yes."""
        return deployments.start(self.client, self._root, model, machine, idle)

    def endpoint(self, endpoint: Deployment) -> Deployment:
        """Return a deployment as it stands now."""
        return deployments.look(self.client, self._root, endpoint)

    def stop_endpoint(self, endpoint: Deployment) -> None:
        """Delete a deployment."""
        deployments.stop(self.client, self._root, endpoint)

    def cancel(self, job_id: str) -> Job:
        """Stop the job and return it as it stands then; where jobs cannot be stopped, it is deleted."""
        place = self._place(job_id)
        before = self.job(job_id)
        try:
            self.client.send("POST", f"{place}:cancel", repeatable=True, json={})
        except (NotFound, ServiceFailed):
            self.client.send("DELETE", place)
            return before.model_copy(update={"status": "cancelled", "provider_status": "deleting"})
        return self.job(job_id)

    def close(self) -> None:
        """Close the connections."""
        super().close()
        self._chat.close()

    @property
    def _root(self) -> str:
        return f"/accounts/{self.account}"

    def _place(self, job_id: str) -> str:
        return f"{self._root}/{wire.collection_of(job_id)}/{job_id}"

    def _curve(self, job_id: str, data: Mapping[str, Any]) -> list[Event]:
        """Return the loss curve; empty where the service signs no address for it."""
        address = data.get("metricsFileSignedUrl")
        try:
            if wire.collection_of(job_id) == wire.COLLECTIONS["dpo"]:
                address = self.client.json("GET", f"{self._place(job_id)}:getMetricsFileEndpoint").get(
                    "signedUrl"
                )
            return curves.events_in(self.client.send("GET", str(address)).content) if address else []
        except NotFound:
            return []

    def _next_id(self, request: JobRequest) -> str:
        attempt = 1
        while wire.job_id_of(request, attempt) in request.known_jobs:
            attempt += 1
        return wire.job_id_of(request, attempt)

    def _job_or_none(self, job_id: str) -> Job | None:
        try:
            return self.job(job_id)
        except NotFound:
            return None

    def _told(self, content: bytes, job_id: str) -> Job:
        """Return the job in the answer to its creation, or ask for it where the answer is garbled."""
        try:
            return wire.job_of(json_in(content, self.name))
        except ProviderError:
            return self.job(job_id)
