"""The official clients as second opinions: their parsers read what our services serve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai_service import BASE as OPENAI_BASE
from openai_service import KEY as OPENAI_KEY
from openai_service import OpenAIService
from server import Server
from together_service import BASE, KEY, QUICK, TogetherService, job_request, training_file

from aitelier_nb.providers.base import Settings
from aitelier_nb.providers.openai import OpenAI
from aitelier_nb.providers.together import Together


@pytest.fixture
def official_openai() -> Iterator[tuple[Any, OpenAIService, Server]]:
    openai = pytest.importorskip("openai")
    service = OpenAIService()
    with Server(service, "/v1") as server, openai.OpenAI(api_key=OPENAI_KEY, base_url=server.url) as client:
        yield client, service, server


@pytest.fixture
def official_together(service: TogetherService) -> Iterator[tuple[Any, Server]]:
    together = pytest.importorskip("together")
    with Server(service, "/v1") as server:
        service.url = server.url
        with together.Together(api_key=KEY, base_url=server.url) as client:
            yield client, server


def test_openais_client_reads_our_jobs_as_we_do(
    official_openai: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _, server = official_openai
    monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
    ours = OpenAI(Settings(base_url=server.url, options={"patience": QUICK}))
    job = ours.create_job(job_request(tmp_path, model=OPENAI_BASE, hyperparameters={"epochs": 2}))
    theirs = client.fine_tuning.jobs.retrieve(job.id)
    assert theirs.metadata == {"aitelier_run": "0" * 64}
    assert theirs.method.supervised.hyperparameters.n_epochs == 2
    assert client.fine_tuning.jobs.retrieve(job.id).fine_tuned_model == ours.job(job.id).model_id
    assert [event.type for event in client.fine_tuning.jobs.list_events(job.id)] == [
        event.kind for event in reversed(ours.events(job.id))
    ]
    ours.close()


def test_we_read_a_job_that_openais_client_made(
    official_openai: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _, server = official_openai
    monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
    file = client.files.create(file=("mine.jsonl", training_file()), purpose="fine-tune")
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4}}}
    theirs = client.fine_tuning.jobs.create(model=OPENAI_BASE, training_file=file.id, method=method)
    ours = OpenAI(Settings(base_url=server.url, options={"patience": QUICK}))
    assert ours.job(theirs.id).hyperparameters == {"epochs": 4, "seed": 42}
    assert [job.id for job in ours.jobs()] == [theirs.id]
    ours.close()


def test_togethers_client_reads_our_job_as_we_do(official_together: Any, tmp_path: Path) -> None:
    client, server = official_together
    ours = Together(Settings(base_url=server.url, options={"patience": QUICK, "poll": 0.01}))
    wanted = {"epochs": 2, "lora_r": 8, "seed": 5}
    job = ours.create_job(job_request(tmp_path, hyperparameters=wanted, suffix="polite"))
    theirs = client.fine_tuning.retrieve(job.id)
    assert (theirs.id, theirs.n_epochs, theirs.training_type.lora_r) == (job.id, 2, 8)
    assert theirs.training_type.lora_alpha == 16
    assert ours.job(job.id).hyperparameters["lora_alpha"] == 16
    ours.close()


def test_togethers_client_sends_a_file_as_we_do(
    official_together: Any, service: TogetherService, tmp_path: Path
) -> None:
    """The same content, sent by their client and then by ours, is one file."""
    client, server = official_together
    request = job_request(tmp_path, model=BASE)
    theirs = client.files.upload(file=str(request.training_file), purpose="fine-tune", check=True)
    ours = Together(Settings(base_url=server.url, options={"patience": QUICK, "poll": 0.01}))
    ours.estimate(request)
    ours.close()
    assert list(service.contents) == [theirs.id]
