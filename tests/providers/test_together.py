"""Together: exact on the wire, patient with faults, one job whatever happens."""

from __future__ import annotations

from pathlib import Path

import pytest
from server import BUSY, TOO_BUSY, Server, cut, raw, reset, reset_after_commit, slow, status
from together_service import BASE, QUICK, TogetherService, job_request, training_file

from aitelier_nb.errors import (
    CheckFailed,
    ConnectionFailed,
    QuotaExceeded,
    RateLimited,
    ResponseError,
    ServiceFailed,
    UsageError,
)
from aitelier_nb.providers.base import JobRequest, Settings, Trainer, open_provider
from aitelier_nb.providers.together import Together, multipart

CREATE = "POST /v1/fine-tunes"


def test_it_trains(together: Together) -> None:
    assert isinstance(together, Trainer)


def test_a_job_runs_from_file_to_model(together: Together, request_: JobRequest, server: Server) -> None:
    job = together.create_job(request_)
    assert (job.status, job.model_id, job.callable) == ("pending", None, None)
    assert together.job(job.id).model_id is None, "the name is there from the start; the model is not"
    done = together.job(job.id)
    assert (done.status, done.model_id, done.callable) == ("completed", f"acct/Llama-ft-{job.id}", False)
    ((body),) = [r.json for r in server.requests(CREATE)]
    assert body == {"training_file": "file-1", "model": BASE}, "only what was set is sent"


def test_every_hyperparameter_has_its_field(together: Together, server: Server, tmp_path: Path) -> None:
    validation = tmp_path / "val.jsonl"
    validation.write_bytes(training_file(3))
    wanted = {
        "epochs": 3.0,
        "batch_size": "max",
        "learning_rate": 2e-5,
        "lora_r": 8,
        "lora_dropout": 0.1,
        "lora_trainable_modules": "q_proj",
        "warmup_ratio": 0.1,
        "scheduler": "cosine",
        "weight_decay": 0.01,
        "max_grad_norm": 0.5,
        "seed": 7,
        "n_checkpoints": 2,
        "n_evals": 4,
        "train_on_inputs": "false",
        "early_stopping": True,
        "packing": False,
        "max_length": 4096,
    }
    together.create_job(
        job_request(tmp_path, hyperparameters=wanted, suffix="polite", validation_file=validation)
    )
    ((body),) = [r.json for r in server.requests(CREATE)]
    assert '"n_epochs":3,' in next(server.requests(CREATE)).body.decode().replace(" ", ""), "a count is whole"
    assert body == {
        "training_file": "file-1",
        "validation_file": "file-2",
        "model": BASE,
        "n_epochs": 3,
        "batch_size": "max",
        "learning_rate": 2e-5,
        "warmup_ratio": 0.1,
        "weight_decay": 0.01,
        "max_grad_norm": 0.5,
        "random_seed": 7,
        "n_checkpoints": 2,
        "n_evals": 4,
        "packing": False,
        "max_seq_length": 4096,
        "early_stopping_enabled": True,
        "suffix": "polite",
        "training_type": {
            "type": "Lora",
            "lora_r": 8,
            "lora_alpha": 16,
            "lora_dropout": 0.1,
            "lora_trainable_modules": "q_proj",
        },
        "training_method": {"method": "sft", "train_on_inputs": False},
        "lr_scheduler": {
            "lr_scheduler_type": "cosine",
            "lr_scheduler_args": {"min_lr_ratio": 0.0, "num_cycles": 0.5},
        },
    }


def test_preference_and_full_training_have_their_forms(
    together: Together, server: Server, tmp_path: Path
) -> None:
    together.create_job(job_request(tmp_path, kind="preference", hyperparameters={"dpo_beta": 0.2}))
    together.create_job(
        job_request(tmp_path, hyperparameters={"from_checkpoint": "ft-1:7", "lora_alpha": 4.0})
    )
    first, second = [r.json for r in server.requests(CREATE)]
    assert first["training_method"] == {"method": "dpo", "dpo_beta": 0.2}
    assert "model" not in second
    assert second["from_checkpoint"] == "ft-1:7"
    assert second["training_type"] == {"type": "Lora", "lora_r": 16, "lora_alpha": 4}


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [
        ({"epochs": 21}, "epochs=21"),
        ({"epochs": 0.5}, "epochs=0.5"),
        ({"lora_r": 65}, "lora_r=65"),
        ({"learning_rate": 2.0}, "learning_rate=2.0"),
        ({"batch_size": 4}, "batch_size=4"),
        ({"batch_size": "auto"}, "auto"),
        ({"max_steps": 5}, "takes no max_steps"),
        ({"scheduler": "constant"}, "constant"),
        ({"lora_alpha": 0.5}, "lora_alpha of 0.5"),
        ({"training_type": "full"}, "no full weights"),
        ({"dpo_beta": 0.1}, "preference"),
        ({"early_stopping": True}, "validation file"),
    ],
)
def test_what_the_service_would_refuse_is_refused_before_the_upload(
    together: Together, server: Server, tmp_path: Path, hyperparameters: dict[str, object], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        together.create_job(job_request(tmp_path, hyperparameters=hyperparameters))
    assert server.count("POST .*") == 0


def test_a_model_that_cannot_be_trained_is_named_with_those_that_can(
    together: Together, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="cannot fine-tune acme/none") as caught:
        together.create_job(job_request(tmp_path, model="acme/none"))
    assert BASE in caught.value.hint


def test_the_price_is_known_before_anything_is_spent(
    together: Together, server: Server, tmp_path: Path
) -> None:
    estimate = together.estimate(job_request(tmp_path, hyperparameters={"epochs": 3}))
    assert str(estimate) == "about $4.20, 3,600 tokens"
    assert server.count(CREATE) == 0


@pytest.mark.parametrize("redirects", [True, False])
def test_content_is_uploaded_once(
    service: TogetherService, together: Together, server: Server, tmp_path: Path, redirects: bool
) -> None:
    service.redirects = redirects
    together.create_job(job_request(tmp_path))
    again = Together(Settings(base_url=server.url, options={"patience": QUICK, "poll": 0.01}))
    again.estimate(job_request(tmp_path))
    again.close()
    assert list(service.contents.values()) == [training_file()]


def test_a_conflict_names_the_file_that_is_there(
    service: TogetherService, together: Together, request_: JobRequest, server: Server
) -> None:
    service.contents["file-9"] = training_file()
    service.files["file-9"] = {
        "id": "file-9",
        "filename": "another name.jsonl",
        "bytes": len(training_file()),
    }
    together.create_job(request_)
    assert next(iter(service.jobs.values()))["training_file"] == "file-9"
    assert server.count("PUT .*") == 0


def test_the_service_validates_before_the_job_is_created(
    service: TogetherService, together: Together, request_: JobRequest, server: Server
) -> None:
    service.validation = [{"processing_status": word} for word in ("PENDING", "RUNNING", "COMPLETED")]
    together.create_job(request_)
    assert server.count("GET /v1/files/file-1") == 3


def test_an_invalid_file_is_told_in_the_services_words(
    service: TogetherService, together: Together, request_: JobRequest, server: Server
) -> None:
    report = {"valid": False, "error": "line 3 has two roles in a row"}
    service.validation = [{"processing_status": "INVALID_FORMAT", "validation_report": report}]
    with pytest.raises(CheckFailed, match="line 3 has two roles in a row"):
        together.create_job(request_)
    assert server.count(CREATE) == 0


def test_an_upload_that_breaks_in_the_middle_is_sent_again(
    service: TogetherService, together: Together, server: Server, tmp_path: Path
) -> None:
    request = job_request(tmp_path)
    request.training_file.write_bytes(training_file(20_000))
    server.break_uploads("PUT /v1/__store/.*", 2)
    together.create_job(request)
    assert list(service.contents.values()) == [training_file(20_000)]


@pytest.mark.parametrize(
    "fault",
    [
        reset,
        reset_after_commit,
        cut,
        *BUSY.values(),
        status(500),
        status(503),
        raw(b"<html>bad gateway</html>", 502, "text/html"),
        raw(b"", commit=True),
        raw(b'{"id": "ft-', commit=True),
    ],
    ids=[
        "reset",
        "reset after commit",
        "cut",
        *BUSY,
        "500",
        "503",
        "502 page",
        "empty after commit",
        "garbled after commit",
    ],
)
def test_one_job_whatever_happens_to_its_creation(
    service: TogetherService, together: Together, server: Server, request_: JobRequest, fault: object
) -> None:
    server.fail(CREATE, fault)  # type: ignore[arg-type]
    job = together.create_job(request_)
    assert list(service.jobs) == [job.id]


def test_an_earlier_job_of_the_same_request_is_not_taken_for_the_new_one(
    service: TogetherService, together: Together, server: Server, request_: JobRequest
) -> None:
    first = together.create_job(request_)
    server.fail(CREATE, reset_after_commit)
    second = together.create_job(request_)
    assert first.id != second.id
    assert len(service.jobs) == 2


def test_a_job_whose_fate_is_unclear_is_found_at_the_next_call(
    service: TogetherService, together: Together, server: Server, tmp_path: Path
) -> None:
    other = together.create_job(job_request(tmp_path))
    server.fail(CREATE, reset_after_commit)
    server.fail("GET /v1/fine-tunes", *[status(200, {"data": []})], *[status(503)] * 4)
    with pytest.raises(ConnectionFailed, match="not clear whether the job was started"):
        together.create_job(job_request(tmp_path))
    found = together.find_job(job_request(tmp_path, known_jobs=frozenset({other.id})))
    assert found is not None
    assert {other.id, found.id} == set(service.jobs)
    assert together.find_job(job_request(tmp_path, hyperparameters={"epochs": 5})) is None


def test_a_create_that_hangs_is_looked_for_and_never_repeated(
    service: TogetherService, server: Server, tmp_path: Path
) -> None:
    hasty = Together(Settings(base_url=server.url, options={"patience": QUICK, "poll": 0.01, "timeout": 0.3}))
    server.fail(CREATE, slow(1.0))
    job = hasty.create_job(job_request(tmp_path))
    hasty.close()
    assert list(service.jobs) == [job.id]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (status(401, {"error": {"message": "no"}}), "AuthenticationError"),
        (status(402), "QuotaExceeded"),
        (status(403), "PermissionRefused"),
        (status(422, {"detail": [{"msg": "n_epochs too large"}]}), "n_epochs too large"),
        *((fault, "RateLimited") for fault in TOO_BUSY.values()),
    ],
)
def test_a_refusal_is_one_sentence_and_starts_nothing(
    service: TogetherService,
    together: Together,
    server: Server,
    request_: JobRequest,
    fault: object,
    error: str,
) -> None:
    server.fail(CREATE, fault)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="together refused") as caught:
        together.create_job(request_)
    assert error in f"{type(caught.value).__name__}: {caught.value}"
    assert server.count(CREATE) == 1
    assert service.jobs == {}


def test_used_up_credit_is_not_asked_for_again(
    together: Together, server: Server, request_: JobRequest
) -> None:
    spent = {
        "error": {
            "message": "You exceeded your current quota",
            "type": "insufficient_quota",
            "code": "insufficient_quota",
        }
    }
    server.fail(CREATE, *[status(429, spent)] * 5)
    with pytest.raises(QuotaExceeded):
        together.create_job(request_)
    assert server.count(CREATE) == 1


def test_too_many_requests_for_ever_is_an_error_in_the_end(
    together: Together, server: Server, request_: JobRequest
) -> None:
    server.fail(CREATE, *[status(429)] * 20)
    with pytest.raises(RateLimited):
        together.create_job(request_)
    assert server.count(CREATE) == QUICK.attempts


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("queued", "pending"),
        ("compressing", "running"),
        ("uploading", "running"),
        ("cancel_requested", "running"),
        ("warming_the_oven", "running"),
        ("completed", "completed"),
        ("error", "failed"),
        ("user_error", "failed"),
        ("cancelled", "cancelled"),
    ],
)
def test_each_state_has_its_word(
    server: Server, service: TogetherService, together: Together, request_: JobRequest, word: str, ours: str
) -> None:
    service.stages = ("pending", word)
    job = together.job(together.create_job(request_).id)
    assert (job.status, job.provider_status) == (ours, word)
    assert (job.error == "the loss is not a number") == (ours == "failed")
    assert (job.model_id is not None) == (ours == "completed")


def test_a_look_at_a_job_survives_a_bad_moment(
    server: Server, together: Together, request_: JobRequest
) -> None:
    job = together.create_job(request_)
    look = f"GET /v1/fine-tunes/{job.id}"
    server.fail(look, reset, status(500), raw(b"<html>", 502, "text/html"), cut)
    with pytest.raises(ConnectionFailed):
        together.job(job.id)  # four faults are one more than is borne
    server.fail(look, raw(b"{"), reset)
    assert together.job(job.id).id == job.id
    server.fail(look, *[raw(b"")] * 9)
    with pytest.raises(ResponseError, match="an empty body"):
        together.job(job.id)


def test_a_tuned_model_keeps_a_name_of_any_language(
    together: Together, service: TogetherService, request_: JobRequest
) -> None:
    service.stages = ("completed",)
    job = together.create_job(request_)
    service.jobs[job.id]["model_output_name"] = "acct/Llama-höflich 東京-1a2b3c4d"
    assert together.job(job.id).model_id == "acct/Llama-höflich 東京-1a2b3c4d"


def test_events_come_oldest_first_with_the_loss_curve(together: Together, request_: JobRequest) -> None:
    events = together.events(together.create_job(request_).id)
    assert [event.kind for event in events] == ["job_start", "training_start", "metrics", "metrics"]
    assert [(event.step, event.loss) for event in events[2:]] == [(7, 0.5), (14, 0.45)]


def test_a_cancelled_job_says_so(together: Together, request_: JobRequest) -> None:
    assert together.cancel(together.create_job(request_).id).status == "cancelled"


def test_the_echo_of_the_service_is_shown_by_our_names(together: Together, request_: JobRequest) -> None:
    shown = together.create_job(request_).hyperparameters
    assert shown["epochs"] == 1
    assert shown["lora_r"] == 16
    assert shown["batch_size"] == 32


def test_the_address_comes_from_the_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOGETHER_BASE_URL", server.url + "/")
    provider = open_provider("together")
    assert isinstance(provider, Together)
    assert provider.jobs() == []
    provider.close()


@pytest.mark.parametrize(
    "address", ["http://example.com/v1", "ftp://127.0.0.1", "127.0.0.1:80", "https://me:secret@host/v1"]
)
def test_an_unsafe_address_is_refused(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        Together(Settings(base_url=address))
    assert "secret" not in str(caught.value)


def test_a_very_large_file_goes_in_parts(
    together: Together, service: TogetherService, server: Server, tmp_path: Path
) -> None:
    path = job_request(tmp_path).training_file
    server.fail("PUT /v1/__store/.*", reset, status(503))
    fields = {"purpose": "fine-tune", "file_name": "train.jsonl", "file_type": "jsonl", "checksum": "0" * 64}
    file_id = multipart.upload(together.client, path, fields, part=500)
    assert service.contents[file_id] == training_file()
    assert service.aborted == []


def test_parts_that_cannot_be_sent_are_given_up(
    together: Together, service: TogetherService, server: Server, tmp_path: Path
) -> None:
    path = job_request(tmp_path).training_file
    server.fail("PUT /v1/__store/.*", *[status(500)] * 9)
    fields = {"purpose": "fine-tune", "file_name": "train.jsonl", "file_type": "jsonl", "checksum": "0" * 64}
    with pytest.raises(ServiceFailed):
        multipart.upload(together.client, path, fields, part=500)
    assert service.aborted == ["file-1"]
