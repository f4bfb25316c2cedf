"""Together's fine-tuning and chat: files, limits, price, jobs, logs, over one client."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from aitelier_nb.errors import NotFound, UsageError
from aitelier_nb.providers import batches, chat
from aitelier_nb.providers.base import Checkpoint, Estimate, JobRequest, Settings
from aitelier_nb.providers.batches import BatchService
from aitelier_nb.providers.contents import name_of, sha256
from aitelier_nb.providers.creation import create_once
from aitelier_nb.providers.deployments import Deployment, Machine
from aitelier_nb.providers.hosted import Hosted
from aitelier_nb.providers.shapes import WORD, read_from, rows
from aitelier_nb.providers.together import downloads, endpoints, files, wire
from aitelier_nb.redaction import quoted
from aitelier_nb.schema import Event, Job

__all__ = ["Together"]

DEFAULT_RANK = 8  # where the service names none and only alpha or dropout was set
POLL = 2.0  # seconds between two looks at a file's validation
MOST_REQUESTS = 50_000  # of a batch, by the service's page on batches
LARGEST_BATCH = 100_000_000  # bytes of a batch's file

PRICED = (
    "training_file",
    "validation_file",
    "model",
    "n_epochs",
    "n_evals",
    "training_method",
    "training_type",
    "from_checkpoint",
)
"""Fields of a job that its price depends on; the estimate takes no others."""


class Together(Hosted):
    """Fine-tunes at Together and asks the models that it serves."""

    name = "together"
    address = "https://api.together.ai/v1"
    dialect = chat.Dialect(usage_in_streams=False)  # it tells them without being asked

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._poll = float(settings.options.get("poll", POLL))
        self._limits: dict[str, Mapping[str, Any]] = {}
        self._files: dict[str, str] = {}  # uploaded and validated, by name

    def limits(self, model: str) -> Mapping[str, Any]:
        """Return what the service allows for a base model; empty where it does not say.

        Raises
        ------
        UsageError
            The model cannot be fine-tuned there; the hint names some that can.
        """
        if model not in self._limits:
            try:
                self._limits[model] = self.client.json(
                    "GET", "/fine-tunes/models/limits", params={"model_name": model}
                )
            except NotFound as error:
                raise UsageError(f"together cannot fine-tune {model}", hint=self._trainable()) from error
        return self._limits[model]

    def bounds(self, request: JobRequest) -> dict[str, tuple[Any, Any]]:
        """Return the lowest and highest value of each hyperparameter that the service limits."""
        going_on = "from_checkpoint" in request.hyperparameters
        return {} if going_on else _bounds(request, self.limits(request.model))

    def estimate(self, request: JobRequest) -> Estimate:
        """Return what a job would cost; nothing is spent.

        The file is uploaded, which costs nothing, because the service prices what it holds.

        Raises
        ------
        UsageError
            The hyperparameters are out of the service's limits.
        CheckFailed
            The service finds the file invalid.
        """
        body = self._body(request)
        priced = {key: body[key] for key in PRICED if key in body}
        told = self.client.json("POST", "/fine-tunes/estimate-price", repeatable=True, json=priced)
        return wire.estimate_of(told)

    def create_job(self, request: JobRequest) -> Job:
        """Upload the files, wait until the service has validated them, and start the job, once."""
        body = self._body(request)
        before = request.known_jobs | {wire.job_of(job).id for job in self._matching(body)}

        def create() -> Job:
            return wire.job_of(self.client.json("POST", "/fine-tunes", repeatable=False, json=body))

        return create_once(create, lambda: self._newest(body, before), self.patience)

    def find_job(self, request: JobRequest) -> Job | None:
        """Return the job that an earlier, unclear `create_job` of the same request started, if any."""
        training = self._uploaded(request.training_file)
        validation = self._uploaded(request.validation_file) if request.validation_file else None
        if training is None or (request.validation_file and validation is None):
            return None  # the job comes after the files
        body = wire.request_body(request, training, validation, self._rank(request.model))
        return self._newest(body, request.known_jobs)

    def job(self, job_id: str) -> Job:
        """Return the job as it stands now."""
        return wire.job_of(self.client.json("GET", f"/fine-tunes/{job_id}"))

    def jobs(self) -> list[Job]:
        """Return the account's jobs, as the service lists them."""
        return [wire.job_of(data) for data in self._listed("/fine-tunes")]

    def events(self, job_id: str) -> list[Event]:
        """Return the job's log, oldest first, and then its loss curve."""
        log = [wire.event_of(data) for data in self._listed(f"/fine-tunes/{job_id}/events")]
        return [*sorted(log, key=lambda event: event.at), *self.metrics(job_id)]

    def metrics(self, job_id: str) -> list[Event]:
        """Return the loss curve; empty where the service has none."""
        try:
            told = self._listed(f"/fine-tunes/{job_id}/metrics", "metrics")
        except NotFound:
            return []
        return wire.events_of_metrics(told)

    def checkpoints(self, job_id: str) -> list[Checkpoint]:
        """Return the saved checkpoints; from_checkpoint takes their names."""
        return [wire.checkpoint_of(one, job_id) for one in self._listed(f"/fine-tunes/{job_id}/checkpoints")]

    def cancel(self, job_id: str) -> Job:
        """Ask the service to stop the job and return the job as it stands then."""
        self.client.send("POST", f"/fine-tunes/{job_id}/cancel", repeatable=True)
        return self.job(job_id)

    def download(
        self, job_id: str, path: Path, kind: Literal["adapter", "merged"] = "adapter", step: int | None = None
    ) -> Path:
        """Write the archive of a job's weights to a path: for the local runtime, or any vLLM server."""
        return downloads.download(self.client, job_id, path, kind, step)

    def batch_service(self) -> BatchService:
        """Return how the service takes batches."""
        self.key()
        return BatchService(
            client=self.client,
            dialect=self.dialect,
            upload=lambda path: files.upload(self.client, path, "batch-api"),
            listed=self._batches,
            addressed=False,
            named=False,
            most=MOST_REQUESTS,
            largest=LARGEST_BATCH,
            every=float(self.settings.options.get("poll", batches.EVERY)),
        )

    def fetch(
        self, job_id: str, folder: Path, kind: Literal["adapter", "merged"], step: int | None = None
    ) -> Path:
        """Bring a job's weights into a folder, unpacked, whole or not at all."""
        return downloads.fetch(self.client, job_id, folder, kind, step)

    def machines(self, model: str) -> list[Machine]:
        """Return the machines that can serve a tuned model, cheapest first, with their price a minute."""
        return endpoints.machines(self.client, model)

    def endpoints(self) -> list[Deployment]:
        """Return the account's own endpoints."""
        return endpoints.listed(self.client)

    def start_endpoint(self, model: str, machine: Machine, idle: int) -> Deployment:
        """Start an endpoint, once; the caller has shown `str(machine)` and got a yes."""
        return endpoints.start(self.client, model, machine, idle)

    def endpoint(self, endpoint: Deployment) -> Deployment:
        """Return an endpoint as it stands now."""
        return endpoints.look(self.client, endpoint)

    def stop_endpoint(self, endpoint: Deployment) -> None:
        """Stop an endpoint and remove it."""
        endpoints.stop(self.client, endpoint)

    def _body(self, request: JobRequest) -> dict[str, Any]:
        """Return the body that creates the job, with its files uploaded and validated."""
        limits = {} if "from_checkpoint" in request.hyperparameters else self.limits(request.model)
        _check_limits(request, limits)
        wire.request_body(request, "training", "validation", self._rank(request.model))
        training = self._upload(request.training_file)
        validation = self._upload(request.validation_file) if request.validation_file else None
        return wire.request_body(request, training, validation, self._rank(request.model))

    def _upload(self, path: Path) -> str:
        name = name_of(path, sha256(path))
        if name not in self._files:
            file_id = files.upload(self.client, path)
            files.wait_until_validated(self.client, file_id, path.name, self._poll)
            self._files[name] = file_id
        return self._files[name]

    def _uploaded(self, path: Path) -> str | None:
        name = name_of(path, sha256(path))
        return files.find(self.client, name, path.stat().st_size)

    def _batches(self) -> list[dict[str, Any]]:
        told = self.client.json("GET", "/batches", bare=True)
        return rows(told, "data" if "data" in told else "jobs", self.name)

    def _listed(self, path: str, key: str = "data") -> list[dict[str, Any]]:
        return rows(self.client.json("GET", path), key, self.name)

    def _rank(self, model: str) -> int:
        lora = self._limits.get(model, {}).get("lora_training") or {}
        return int(lora.get("default_rank") or DEFAULT_RANK)

    def _matching(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the listed jobs that a request with this body may have started."""
        return [job for job in self._listed("/fine-tunes") if _matches(job, body)]

    def _newest(self, body: Mapping[str, Any], known: frozenset[str]) -> Job | None:
        fresh = [wire.job_of(job) for job in self._matching(body)]
        fresh = sorted((job for job in fresh if job.id not in known), key=lambda job: job.created_at or "")
        return self.job(fresh[-1].id) if fresh else None

    def _trainable(self) -> str:
        names = self.client.json("GET", "/fine-tunes/models/supported").get("models")
        listed = [quoted(name, WORD) for name in names[:8]] if isinstance(names, list) else []
        return f"one of {', '.join(listed)}" if listed else "name a model that can be fine-tuned"


def _matches(job: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Return whether a listed job is what a body asked for: every plain field that it echoes is equal."""
    if job.get("training_file") != body["training_file"]:
        return False
    for name, value in body.items():
        echoed = job.get(name)
        if isinstance(value, dict) or echoed in (None, "") or value == "max" or name == "suffix":
            continue
        if isinstance(value, float) and isinstance(echoed, (int, float)):
            if not math.isclose(value, echoed, rel_tol=1e-5):  # some services answer in single precision
                return False
        elif echoed != value:
            return False
    suffix = str(body.get("suffix", ""))
    output = str(job.get("model_output_name") or suffix)
    return job.get("suffix") == suffix if job.get("suffix") else suffix in output


@read_from("together")
def _bounds(request: JobRequest, limits: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the lowest and the highest value that the service takes of what it limits."""
    full = request.hyperparameters.get("training_type") == "full"
    training = limits.get("full_training" if full else "lora_training") or {}
    largest = training.get("max_batch_size_dpo" if request.kind == "preference" else "max_batch_size")
    length = limits.get("max_seq_length_dpo" if request.kind == "preference" else "max_seq_length_sft")
    found = {
        "epochs": (1, limits.get("max_num_epochs")),
        "n_evals": (0, limits.get("max_num_evals")),
        "n_checkpoints": (1, limits.get("max_num_checkpoints")),
        "learning_rate": (limits.get("min_learning_rate"), limits.get("max_learning_rate")),
        "lora_r": (1, training.get("max_rank")),
        "batch_size": (training.get("min_batch_size"), largest),
        "max_length": (limits.get("min_max_seq_length"), length),
    }
    return {name: ends for name, ends in found.items() if isinstance(ends[1], (int, float))}


def _check_limits(request: JobRequest, limits: Mapping[str, Any]) -> None:
    """Refuse what the service would refuse, before anything is uploaded."""
    for name, (low, high) in _bounds(request, limits).items():
        value = request.hyperparameters.get(name)
        if not isinstance(value, (int, float)):
            continue
        if (isinstance(low, (int, float)) and value < low) or value > high:
            raise UsageError(
                f"together does not take {name}={value} for {request.model}", hint=f"from {low} to {high}"
            )
    full = request.hyperparameters.get("training_type") == "full"
    known = limits.get("full_training") or limits.get("supports_full_training") is True
    if full and limits and not known:
        raise UsageError(
            f"together trains no full weights of {request.model}", hint="leave out training_type"
        )
