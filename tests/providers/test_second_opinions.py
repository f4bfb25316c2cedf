"""The official clients as second opinions: their parsers read what our services serve."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import batch_desk
import pytest
from openai_service import BASE as OPENAI_BASE
from openai_service import KEY as OPENAI_KEY
from openai_service import OpenAIService
from pydantic import TypeAdapter
from server import Server
from together_service import BASE, KEY, QUICK, TogetherService, completion, job_request, training_file

from aitelier_nb.errors import ProviderError
from aitelier_nb.providers import batch_lines
from aitelier_nb.providers.base import ChatRequest, Settings
from aitelier_nb.providers.batches import Batched, batched
from aitelier_nb.providers.openai import OpenAI
from aitelier_nb.providers.recordings import fingerprint
from aitelier_nb.providers.together import Together
from aitelier_nb.schema import Parameters


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


@dataclass
class Batching:
    """One service with batches, their client and ours, and their types of what it serves."""

    desk: batch_desk.BatchDesk
    theirs: Any
    provider: OpenAI | Together
    ours: Batched
    batch: Any
    completion: Any
    asked: Any
    failure: dict[str, Any]

    def describe(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return a batch as their type writes it down: every field, most of them null."""
        return self.batch.model_validate(document).model_dump(mode="json", by_alias=True)

    def content(self, file_id: str) -> list[dict[str, Any]]:
        """Return the lines of a file as their client fetches it."""
        return [json.loads(line) for line in self.theirs.files.content(file_id).read().splitlines()]


@pytest.fixture(params=["openai", "together"])
def batching(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Batching]:
    monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
    official = pytest.importorskip(request.param)
    chat = pytest.importorskip(f"{request.param}.types.chat")
    mine = request.param == "openai"
    service = OpenAIService() if mine else TogetherService()
    kinds = (
        (official.OpenAI, OpenAI, official.types.Batch)
        if mine
        else (official.Together, Together, official.types.BatchJob)
    )
    fault = {"code": "invalid_url", "line": 3, "message": "made to fail", "param": None}
    failure = {"errors": {"object": "list", "data": [fault]}} if mine else {"error": "made to fail"}
    with Server(service, "/v1") as server:
        if isinstance(service, TogetherService):
            service.url = server.url
        with kinds[0](api_key=OPENAI_KEY if mine else KEY, base_url=server.url) as theirs:
            settings = Settings(base_url=server.url, options={"patience": QUICK, "poll": 0.01})
            provider = kinds[1](settings)
            asked = chat.completion_create_params.CompletionCreateParamsNonStreaming
            yield Batching(
                service.desk, theirs, provider, batched(provider, tmp_path), kinds[2], chat.ChatCompletion,
                asked, failure,
            )  # fmt: skip
            provider.close()


QUESTIONS = [
    ChatRequest(
        BASE,
        [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}],
        Parameters(temperature=0, max_tokens=9, seed=1, top_p=0.5, stop=["\n"]),
    )
    for text in ("one", "two")
]


def test_the_official_clients_read_our_batches_as_we_do(batching: Batching) -> None:
    answers = dict(batching.ours.answers(QUESTIONS))
    ((batch_id, _),) = batching.desk.batches.items()
    assert [batch.id for batch in batching.theirs.batches.list()] == [batch_id]
    raw = batching.theirs.batches.with_raw_response.retrieve(batch_id).http_response.json()
    theirs = batching.batch.model_validate(raw)
    assert theirs.status.lower() == "completed"
    for line in batching.content(theirs.input_file_id):
        body = TypeAdapter(batching.asked).validate_python(line["body"])
        assert body.keys() == line["body"].keys(), "they know every key that we send"
        assert list(body["messages"]) == line["body"]["messages"]
    told = [
        batching.completion.model_validate(line["response"]["body"])
        for line in batching.content(theirs.output_file_id)
    ]
    assert {one.choices[0].message.content for one in told} == {one.text for one in answers.values()}
    assert {one.usage.completion_tokens for one in told} == {
        one.completion_tokens for one in answers.values()
    }


def test_we_read_batches_as_the_official_types_describe_them(
    batching: Batching, monkeypatch: pytest.MonkeyPatch
) -> None:
    def described(body: dict[str, Any], text: str) -> dict[str, Any]:
        whole: dict[str, Any] = batching.completion.model_validate(
            completion(body, text) | {"prompt": []}
        ).model_dump(mode="json")
        return whole

    shown: Callable[[str], dict[str, Any]] = batching.desk._shown
    monkeypatch.setattr(batching.desk, "_shown", lambda batch_id: batching.describe(shown(batch_id)))
    monkeypatch.setattr(batch_desk, "completion", described)
    answers = dict(batching.ours.answers(QUESTIONS))
    assert [(answers[n].text, answers[n].finish_reason, answers[n].error) for n in (0, 1)] == [
        ("one!", "stop", None),
        ("two!", "stop", None),
    ]
    assert answers[0].completion_tokens == 7
    batching.desk.stages, batching.desk.faults = ("failed",), batching.failure
    with pytest.raises(ProviderError, match=r"refuses the batch: (line 3: )?made to fail"):
        list(batching.ours.answers(QUESTIONS))


def test_a_batch_that_an_official_client_started_on_our_file_is_taken_up(
    batching: Batching, tmp_path: Path
) -> None:
    service = batching.provider.batch_service()
    names = {fingerprint(service.client.provider, one, one.model): one for one in QUESTIONS}
    ((_, lines),) = batch_lines.parted(names, service.dialect, service)
    file = tmp_path / f"{hashlib.sha256(b''.join(lines)).hexdigest()[:32]}.jsonl"
    file.write_bytes(b"".join(lines))
    made = batching.theirs.batches.create(
        input_file_id=service.upload(file),
        endpoint="/v1/chat/completions",
        completion_window="24h",
    )
    answers = dict(batching.ours.answers(QUESTIONS))
    assert [answers[0].text, answers[1].text] == ["one!", "two!"]
    assert list(batching.desk.batches) == [getattr(made, "job", made).id]
