"""Fireworks: jobs with ids of ours, so that creating one twice makes one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import contract
import pytest
from server import BUSY, TOO_BUSY, Request, Response, Server, cut, raw, reset, reset_after_commit, status
from together_service import QUICK, completion, job_request, training_file

from aitelier_nb.errors import NotCallable, RateLimited, UsageError
from aitelier_nb.providers.base import ChatRequest, Settings, Trainer, open_provider
from aitelier_nb.providers.deployments import Deploys, Started, keep
from aitelier_nb.providers.fireworks import Fireworks

STORED = {
    "adapter_config.json": b'{"base_model_name_or_path": "acme/base"}',
    "adapter_model.safetensors": b"weights",
    "metrics.jsonl": b'{"step": 1, "train/loss": 0.9}\nnot json\n{"step": 2, "loss": 0.5, "eval_loss": 0.7}\n{"lr": 1}\n',
}
KEY = "fw_" + "Ab3" * 8
ROOT = "/v1/accounts/acme"
CREATE = f"POST {ROOT}/supervisedFineTuningJobs"


class FireworksService:
    """Datasets, jobs and chat in memory."""

    def __init__(self) -> None:
        self.datasets: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.state = "JOB_STATE_CREATING"
        self.deployments: dict[str, dict[str, Any]] = {}
        self.url = ""

    def __call__(self, request: Request) -> Response:  # noqa: PLR0911 - one answer a collection
        if request.path.startswith("/v1/__store/"):
            assert "authorization" not in request.headers, "the store must not see the key"
            return Response(200, STORED[request.path.rsplit("/", 1)[1]])
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return Response(401, {"error": {"message": "no"}})
        if request.path == "/inference/v1/chat/completions":
            return Response(200, completion(request.json, "served"))
        if request.path == "/v1/accounts":
            return Response(200, {"accounts": [{"name": "accounts/acme"}]})
        found = re.fullmatch(ROOT + r"/(\w+)(?:/([\w-]+))?(?::(\w+))?", request.path)
        assert found, request.path
        collection, name, action = found.groups()
        if collection == "deployments":
            return self._deployments(request, name)
        if action == "getDownloadEndpoint":
            names = ("adapter_config.json", "adapter_model.safetensors")
            return Response(200, {"filenameToSignedUrls": {one: self._stored(one) for one in names}})
        if action == "getMetricsFileEndpoint":
            return Response(200, {"signedUrl": self._stored("metrics.jsonl")})
        return (
            self._datasets(request, name, action)
            if collection == "datasets"
            else self._jobs(request, collection, name, action)
        )

    def _stored(self, name: str) -> str:
        return f"{self.url}/v1/__store/{name}?signature=abc"

    def _deployments(self, request: Request, name: str | None) -> Response:
        if request.method == "POST":
            name = request.query["deploymentId"]
            if name in self.deployments:
                return Response(409, {"code": 6, "message": "already exists"})
            full = f"accounts/acme/deployments/{name}"
            self.deployments[name] = request.json | {"name": full, "state": "CREATING"}
            return Response(200, dict(self.deployments[name]))
        if name is None:
            return Response(200, {"deployments": list(self.deployments.values())})
        if name not in self.deployments:
            return Response(404, {"code": 5, "message": "not found"})
        if request.method == "DELETE":
            del self.deployments[name]
            return Response(200, {})
        self.deployments[name]["state"] = "READY"
        return Response(200, self.deployments[name])

    def _datasets(self, request: Request, name: str | None, action: str | None) -> Response:
        if request.method == "POST" and name is None:
            self.datasets[request.json["datasetId"]] = request.json["dataset"] | {"state": "UPLOADING"}
            return Response(200, {})
        assert name is not None
        if action == "upload":
            self.contents[name] = request.form()["file"]
            self.datasets[name]["state"] = "READY"
        return (
            Response(200, self.datasets[name])
            if name in self.datasets
            else Response(404, {"code": 5, "message": "not found"})
        )

    def _jobs(self, request: Request, collection: str, name: str | None, action: str | None) -> Response:
        if request.method == "POST" and name is None:
            (job_id,) = request.query.values()
            if job_id in self.jobs:
                return Response(409, {"code": 6, "message": "already exists"})
            signed = (
                {} if collection == "dpoJobs" else {"metricsFileSignedUrl": self._stored("metrics.jsonl")}
            )
            self.jobs[job_id] = (
                signed
                | {
                    "name": f"accounts/acme/{collection}/{job_id}",
                    "outputModel": f"accounts/acme/models/{job_id}",
                }
                | request.json
            )
            return Response(200, self.jobs[job_id] | {"state": self.state})
        if name is None:
            return Response(
                200, {collection: [job for job in self.jobs.values() if f"/{collection}/" in job["name"]]}
            )
        if name not in self.jobs:
            return Response(404, {"code": 5, "message": "not found"})
        if action == "cancel":
            self.state = "JOB_STATE_CANCELLED"
        return Response(
            200, self.jobs[name] | {"state": self.state, "status": {"message": "the data is odd"}}
        )


@pytest.fixture
def service() -> FireworksService:
    return FireworksService()


@pytest.fixture
def server(service: FireworksService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("FIREWORKS_API_KEY", KEY)
    monkeypatch.delenv("FIREWORKS_ACCOUNT_ID", raising=False)
    with Server(service, "/v1") as server:
        service.url = server.url.removesuffix("/v1")
        yield server
    contract.check(server.log, "fireworks")


@pytest.fixture
def fireworks(server: Server) -> Iterator[Fireworks]:
    provider = Fireworks(Settings(base_url=server.url, options={"patience": QUICK, "poll": 0.01}))
    yield provider
    provider.close()


def test_a_job_runs_from_file_to_model(
    fireworks: Fireworks, service: FireworksService, server: Server, tmp_path: Path
) -> None:
    assert isinstance(fireworks, Trainer)
    wanted = {"epochs": 2, "learning_rate": 1e-4, "lora_r": 8, "batch_size": 16, "early_stopping": True}
    job = fireworks.create_job(job_request(tmp_path, model="llama-v3p1-8b-instruct", hyperparameters=wanted))
    ((body),) = [request.json for request in server.requests(CREATE)]
    (dataset,) = service.datasets
    assert body == {
        "dataset": f"accounts/acme/datasets/{dataset}",
        "baseModel": "accounts/fireworks/models/llama-v3p1-8b-instruct",
        "epochs": 2,
        "learningRate": 1e-4,
        "loraRank": 8,
        "batchSizeSamples": 16,
        "earlyStop": True,
    }
    assert service.contents[dataset] == training_file()
    assert (job.id, job.status) == ("ait-sft-" + "0" * 24, "pending")
    service.state = "JOB_STATE_WRITING_RESULTS"
    assert fireworks.job(job.id).status == "running"
    service.state = "JOB_STATE_COMPLETED"
    done = fireworks.job(job.id)
    assert (done.status, done.callable, done.model_id) == (
        "completed",
        False,
        f"accounts/acme/models/{job.id}",
    )
    assert done.hyperparameters == wanted


def test_preferences_are_trained_with_dpo(fireworks: Fireworks, server: Server, tmp_path: Path) -> None:
    job = fireworks.create_job(
        job_request(tmp_path, kind="preference", hyperparameters={"dpo_beta": 0.2}, suffix="polite")
    )
    ((body),) = [request.json for request in server.requests(f"POST {ROOT}/dpoJobs")]
    assert body["lossConfig"] == {"method": "DPO", "dpo": {"beta": 0.2}}
    assert body["trainingConfig"]["outputModel"] == "accounts/acme/models/polite-00000000"
    assert fireworks.job(job.id).id == job.id
    assert [job.id for job in fireworks.jobs()] == [job.id]


@pytest.mark.parametrize(
    "fault",
    [reset, reset_after_commit, cut, *BUSY.values(), status(503), raw(b"", commit=True)],
)
def test_one_job_whatever_happens_to_its_creation(
    fireworks: Fireworks,
    service: FireworksService,
    server: Server,
    tmp_path: Path,
    fault: Callable[..., None],
) -> None:
    server.fail(CREATE, fault)
    job = fireworks.create_job(job_request(tmp_path))
    assert list(service.jobs) == [job.id]
    assert fireworks.create_job(job_request(tmp_path)).id == job.id, "the same run is the same job"
    found = fireworks.find_job(job_request(tmp_path))
    assert found is not None
    assert found.id == job.id
    assert fireworks.create_job(job_request(tmp_path, known_jobs=frozenset({job.id}))).id == f"{job.id}-2"
    assert len(service.contents) == 1


@pytest.mark.parametrize("fault", TOO_BUSY.values(), ids=TOO_BUSY)
def test_a_wait_that_is_too_long_is_told_and_starts_nothing(
    fireworks: Fireworks,
    service: FireworksService,
    server: Server,
    tmp_path: Path,
    fault: Callable[..., None],
) -> None:
    server.fail(CREATE, fault)
    with pytest.raises(RateLimited, match=r"it asks to wait \d+ s"):
        fireworks.create_job(job_request(tmp_path))
    assert server.count(CREATE) == 1
    assert service.jobs == {}


@pytest.mark.parametrize(
    ("state", "ours"),
    [
        ("VALIDATING", "pending"),
        ("EVALUATION", "running"),
        ("FAILED", "failed"),
        ("CANCELLED", "cancelled"),
        ("NEW_WORD", "running"),
    ],
)
def test_each_state_has_its_word(
    fireworks: Fireworks, service: FireworksService, tmp_path: Path, state: str, ours: str
) -> None:
    job_id = fireworks.create_job(job_request(tmp_path)).id
    service.state = f"JOB_STATE_{state}"
    job = fireworks.job(job_id)
    assert job.status == ours
    assert (job.error == "the data is odd") == (ours == "failed")
    assert fireworks.cancel(job_id).status == "cancelled"


def test_what_it_does_not_take_is_refused_before_the_upload(
    fireworks: Fireworks, server: Server, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="takes no lora_alpha"):
        fireworks.create_job(job_request(tmp_path, hyperparameters={"lora_alpha": 8}))
    assert server.log == []
    assert "price unknown" in str(fireworks.estimate(job_request(tmp_path)))


def test_answers_come_from_the_address_of_inference(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in (server.url, server.url.replace("/v1", "/inference/v1")):
        monkeypatch.setenv("FIREWORKS_BASE_URL", address)
        provider = open_provider("fireworks")
        ((_, answer),) = provider.answers([ChatRequest("m", [{"role": "user", "content": "hi"}])])
        provider.close()
        assert answer.text == "served"


@pytest.mark.parametrize("kind", ["chat", "preference"])
def test_the_loss_curve_comes_with_the_events(fireworks: Fireworks, tmp_path: Path, kind: str) -> None:
    job = fireworks.create_job(job_request(tmp_path, kind=kind))
    first, *curve = fireworks.events(job.id)
    assert first.kind == "creating"
    assert [(one.step, one.loss, one.validation_loss) for one in curve] == [(1, 0.9, None), (2, 0.5, 0.7)]


def test_a_tuned_model_is_deployed_once_and_asked_by_its_own_name(
    fireworks: Fireworks, service: FireworksService, server: Server, tmp_path: Path
) -> None:
    assert isinstance(fireworks, Deploys)
    model = "accounts/acme/models/mine"
    (machine,) = fireworks.machines(model)
    assert str(machine) == "default, price not told by the service"
    server.fail(f"POST {ROOT}/deployments", reset_after_commit)
    endpoint = fireworks.start_endpoint(model, machine, idle=10)
    assert fireworks.start_endpoint(model, machine, idle=10).id == endpoint.id
    ((body),) = [request.json for request in server.requests(f"POST {ROOT}/deployments")]
    assert body == {
        "baseModel": model,
        "displayName": "started by aitelier-nb",
        "minReplicaCount": 0,
        "maxReplicaCount": 1,
        "autoscalingPolicy": {"scaleToZeroWindow": "600s"},
        "deploymentShape": "default",
    }
    ready = fireworks.endpoint(endpoint)
    assert (ready.ready, ready.name) == (True, f"{model}#accounts/acme/deployments/{endpoint.id}")
    keep(tmp_path, Started("fireworks", ready, machine, "", "2027-01-01T00:00:00Z", 10))
    knowing = Fireworks(Settings(project=tmp_path, base_url=server.url, options={"patience": QUICK}))
    ((_, answer),) = knowing.answers([ChatRequest(model, [{"role": "user", "content": "hi"}])])
    knowing.close()
    asked = [request.json["model"] for request in server.requests("POST /inference/v1/chat/completions")]
    assert (asked, answer.model) == ([ready.name], model)
    fireworks.stop_endpoint(ready)
    fireworks.stop_endpoint(ready)
    assert service.deployments == {}


def test_the_files_of_an_adapter_come_home(
    fireworks: Fireworks, service: FireworksService, tmp_path: Path
) -> None:
    job = fireworks.create_job(job_request(tmp_path))
    with pytest.raises(NotCallable, match="has no model yet"):
        fireworks.fetch(job.id, tmp_path / "home", "adapter")
    service.state = "JOB_STATE_COMPLETED"
    folder = fireworks.fetch(job.id, tmp_path / "home", "adapter")
    assert (folder / "adapter_model.safetensors").read_bytes() == b"weights"
    with pytest.raises(UsageError, match="gives no merged weights"):
        fireworks.fetch(job.id, tmp_path / "other", "merged")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "train.jsonl"]


def test_a_preference_strength_that_it_refuses_is_refused_here(fireworks: Fireworks, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"dpo_beta=0.5"):
        fireworks.create_job(job_request(tmp_path, kind="preference", hyperparameters={"dpo_beta": 0.5}))
