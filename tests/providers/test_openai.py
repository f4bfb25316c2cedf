"""OpenAI: for those who still may, told before the upload what closes when."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import contract
import pytest
from openai_service import BASE, KEY, OpenAIService
from server import BUSY, TOO_BUSY, Server, cut, raw, reset, reset_after_commit, status
from together_service import QUICK, job_request, training_file

from aitelier_nb.errors import ConnectionFailed, PermissionRefused, RateLimited, ServiceFailed, UsageError
from aitelier_nb.providers.base import ChatRequest, JobRequest, Settings, Trainer
from aitelier_nb.providers.openai import OpenAI, files
from aitelier_nb.schema import Parameters

CREATE = "POST /v1/fine_tuning/jobs"


@pytest.fixture
def service() -> OpenAIService:
    return OpenAIService()


@pytest.fixture
def server(service: OpenAIService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Server(service, "/v1") as server:
        yield server
    contract.check(server.log, "openai")


@pytest.fixture
def openai(server: Server, tmp_path: Path) -> Iterator[OpenAI]:
    options = {"patience": QUICK, "today": lambda: date(2026, 11, 22)}
    provider = OpenAI(Settings(project=tmp_path, base_url=server.url, options=options))
    yield provider
    provider.close()


def wanted(folder: Path, **changes: object) -> JobRequest:
    return job_request(folder, **({"model": BASE} | changes))


def test_a_job_runs_from_file_to_model(
    openai: OpenAI, server: Server, service: OpenAIService, tmp_path: Path
) -> None:
    assert isinstance(openai, Trainer)
    job = openai.create_job(
        wanted(tmp_path, hyperparameters={"epochs": 2, "batch_size": 4, "seed": 7}, suffix="polite")
    )
    assert (job.status, job.model_id) == ("pending", None)
    assert openai.job(job.id).status == "running"
    done = openai.job(job.id)
    assert (done.status, done.callable) == ("completed", True)
    assert done.model_id == f"ft:{BASE}:acme::{job.id[-4:]}"
    assert done.hyperparameters == {"epochs": 2, "batch_size": 4, "seed": 7}
    ((body),) = [request.json for request in server.requests(CREATE)]
    assert body == {
        "model": BASE,
        "training_file": "file-1",
        "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": 4}}},
        "metadata": {"aitelier_run": "0" * 64},
        "seed": 7,
        "suffix": "polite",
    }
    assert service.contents["file-1"] == training_file()


def test_preferences_are_trained_with_dpo(openai: OpenAI, server: Server, tmp_path: Path) -> None:
    openai.create_job(
        wanted(
            tmp_path, kind="preference", hyperparameters={"dpo_beta": 0.2, "learning_rate_multiplier": 1.5}
        )
    )
    ((body),) = [request.json for request in server.requests(CREATE)]
    assert body["method"] == {
        "type": "dpo",
        "dpo": {"hyperparameters": {"learning_rate_multiplier": 1.5, "beta": 0.2}},
    }


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [
        ({"learning_rate": 1e-5}, "takes no learning_rate"),
        ({"lora_r": 8}, "takes no lora_r"),
        ({"batch_size": "max"}, 'batch_size="max"'),
        ({"batch_size": 257}, "batch_size=257"),
        ({"epochs": 51}, "epochs=51"),
        ({"dpo_beta": 0.1}, "preference"),
    ],
)
def test_what_it_does_not_take_is_refused_before_the_upload(
    openai: OpenAI, server: Server, tmp_path: Path, hyperparameters: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        openai.create_job(wanted(tmp_path, hyperparameters=hyperparameters))
    assert server.log == []


def test_the_closing_is_told_before_anything_is_sent_and_no_price_is_made_up(
    openai: OpenAI, server: Server, tmp_path: Path
) -> None:
    estimate = openai.estimate(wanted(tmp_path, hyperparameters={"epochs": 2}))
    assert "2027-01-06" in str(estimate)
    assert estimate.tokens is not None
    assert estimate.price is None
    assert "price unknown" in str(estimate)
    assert "3 epochs assumed" in openai.estimate(wanted(tmp_path)).reason
    assert server.log == []


@pytest.mark.parametrize("code", [400, 403])
def test_the_refusal_of_a_closed_service_is_one_sentence(
    openai: OpenAI, server: Server, tmp_path: Path, code: int
) -> None:
    words = {
        "error": {
            "message": "Fine-tuning is no longer available for your organization.",
            "type": "invalid_request_error",
        }
    }
    server.fail(CREATE, status(code, words))
    with pytest.raises(
        PermissionRefused, match="does not let this organisation start a fine-tune any more"
    ) as caught:
        openai.create_job(wanted(tmp_path))
    assert 'provider="local"' in caught.value.hint
    assert server.count(CREATE) == 1


def test_content_is_uploaded_once(
    openai: OpenAI, server: Server, service: OpenAIService, tmp_path: Path
) -> None:
    openai.create_job(wanted(tmp_path))
    again = OpenAI(Settings(base_url=server.url, options={"patience": QUICK}))
    again.create_job(wanted(tmp_path, identity="1" * 64))
    again.close()
    assert list(service.contents.values()) == [training_file()]


def test_a_large_file_goes_in_parts(
    openai: OpenAI, server: Server, service: OpenAIService, tmp_path: Path
) -> None:
    path = wanted(tmp_path).training_file
    server.fail(r"POST /v1/uploads/[^/]+/parts", reset, cut)
    file_id = files.upload(openai.client, path, in_one=100, part=500)
    assert service.contents[file_id] == training_file()
    assert service.files[file_id]["filename"].startswith("train-")


def test_an_upload_in_parts_that_fails_is_given_up(
    openai: OpenAI, server: Server, service: OpenAIService, tmp_path: Path
) -> None:
    server.fail(r"POST /v1/uploads/[^/]+/parts", *[status(500)] * 9)
    with pytest.raises(ServiceFailed):
        files.upload(openai.client, wanted(tmp_path).training_file, in_one=100, part=500)
    assert [upload["status"] for upload in service.uploads.values()] == ["cancelled"]


@pytest.mark.parametrize(
    "fault",
    [
        reset,
        reset_after_commit,
        cut,
        *BUSY.values(),
        status(500),
        status(503),
        raw(b"<html>", 502, "text/html", commit=True),
        raw(b"", commit=True),
    ],
)
def test_one_job_whatever_happens_to_its_creation(
    openai: OpenAI, server: Server, service: OpenAIService, tmp_path: Path, fault: Callable[..., None]
) -> None:
    server.fail(CREATE, fault)
    job = openai.create_job(wanted(tmp_path))
    assert list(service.jobs) == [job.id]


@pytest.mark.parametrize("fault", TOO_BUSY.values(), ids=TOO_BUSY)
def test_a_wait_that_is_too_long_is_told_and_starts_nothing(
    openai: OpenAI, server: Server, service: OpenAIService, tmp_path: Path, fault: Callable[..., None]
) -> None:
    server.fail(CREATE, fault)
    with pytest.raises(RateLimited, match=r"it asks to wait \d+ s"):
        openai.create_job(wanted(tmp_path))
    assert server.count(CREATE) == 1
    assert service.jobs == {}


def test_a_job_whose_fate_is_unclear_is_found_at_the_next_call(
    openai: OpenAI, server: Server, service: OpenAIService, tmp_path: Path
) -> None:
    empty = {"object": "list", "data": [], "has_more": False}
    server.fail(CREATE, reset_after_commit)
    server.fail("GET /v1/fine_tuning/jobs", status(200, empty), *[status(500)] * 4)
    with pytest.raises(ConnectionFailed, match="not clear"):
        openai.create_job(wanted(tmp_path))
    found = openai.find_job(wanted(tmp_path))
    assert found is not None
    assert list(service.jobs) == [found.id]
    assert openai.find_job(wanted(tmp_path, identity="2" * 64)) is None
    assert openai.find_job(wanted(tmp_path, known_jobs=frozenset({found.id}))) is None


def test_a_failed_job_says_why(openai: OpenAI, service: OpenAIService, tmp_path: Path) -> None:
    service.stages = ("validating_files", "failed")
    job = openai.job(openai.create_job(wanted(tmp_path)).id)
    assert job.status == "failed"
    assert job.error == "Training file has 7 example(s), but must have at least 10 examples"


def test_a_job_can_be_held_resumed_and_cancelled(openai: OpenAI, tmp_path: Path) -> None:
    job = openai.create_job(wanted(tmp_path))
    held = openai.pause(job.id)
    assert (held.status, held.provider_status) == ("running", "paused"), "an unknown word is no end"
    assert openai.resume(job.id).provider_status != "paused"
    assert openai.cancel(job.id).status == "cancelled"


def test_events_come_oldest_first_over_pages(openai: OpenAI, tmp_path: Path) -> None:
    events = openai.events(openai.create_job(wanted(tmp_path)).id)
    assert [(event.kind, event.step, event.loss, event.validation_loss) for event in events] == [
        ("message", None, None, None),
        ("metrics", 1, 0.9, None),
        ("metrics", 2, 0.4, 0.6),
    ]


def test_jobs_are_listed_over_pages(openai: OpenAI, service: OpenAIService, tmp_path: Path) -> None:
    for number in range(3):
        openai.create_job(wanted(tmp_path, identity=str(number)))
    many = {
        f"ftjob-{number}": dict(next(iter(service.jobs.values())), id=f"ftjob-{number}")
        for number in range(250)
    }
    service.jobs = many
    assert len(openai.jobs()) == 250


def test_the_day_of_shutdown_is_known_for_tuned_models_too(openai: OpenAI) -> None:
    assert openai.shutdown_date(BASE) == "2027-01-14"
    assert openai.shutdown_date(f"ft:{BASE}:acme::1") == "2027-01-14"
    assert openai.shutdown_date("gpt-none") is None


def test_the_longest_answer_has_its_own_key(openai: OpenAI, server: Server) -> None:
    ((_, answer),) = openai.answers(
        [ChatRequest(BASE, [{"role": "user", "content": "hi"}], Parameters(max_tokens=5))]
    )
    ((body),) = [request.json for request in server.requests("POST /v1/chat/completions")]
    assert answer.text == "hi!"
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body
