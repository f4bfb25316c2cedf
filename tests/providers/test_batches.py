"""Batches: one whatever breaks, taken up again, with the same answers in the same places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import contract
import pytest
from openai_service import BASE as OPENAI_BASE
from openai_service import KEY as OPENAI_KEY
from openai_service import OpenAIService
from server import BUSY, Server, cut, raw, reset, reset_after_commit, status
from together_service import BASE, KEY, QUICK, TogetherService

import aitelier_nb as ait
from aitelier_nb import interrupts
from aitelier_nb.errors import ConfirmationNeeded, ConnectionFailed, ProviderError, UsageError
from aitelier_nb.providers import batches, hosted, recordings
from aitelier_nb.providers.base import ChatRequest, Settings, open_provider
from aitelier_nb.providers.batches import Batched, batched
from aitelier_nb.schema import Answer, Parameters
from aitelier_nb.storage.project import Project

CREATE = "POST /v1/batches"
Service = OpenAIService | TogetherService


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted, "Patience", lambda: QUICK)
    monkeypatch.setattr(batches, "EVERY", 0.01)
    monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
    monkeypatch.setenv("AITELIER_RATER", "tester")


@pytest.fixture(params=["together", "openai"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def service(name: str) -> Service:
    return TogetherService() if name == "together" else OpenAIService()


@pytest.fixture
def server(service: Service, name: str) -> Iterator[Server]:
    with Server(service, "/v1") as server:
        if isinstance(service, TogetherService):
            service.url = server.url
        yield server
    contract.check(server.log, name)


@pytest.fixture
def project(server: Server, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv(f"{name.upper()}_BASE_URL", server.url)
    model = BASE if name == "together" else OPENAI_BASE
    project = ait.init("shop", provider=name, model=model, path=tmp_path / "shop")
    yield project
    project.close()


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def ask(text: str, model: str = "m") -> ChatRequest:
    return ChatRequest(model, [{"role": "user", "content": text}], Parameters(temperature=0, max_tokens=9))


def by_batch(project: Project) -> Batched:
    return batched(open_provider(project.config.provider, Settings(project=project.path)), project.path)


def answers(project: Project, requests: list[ChatRequest]) -> list[Answer]:
    provider = by_batch(project)
    found = dict(recordings.answers(provider, requests, folder=project.recordings_path))
    provider.close()
    return [found[place] for place in range(len(requests))]


def test_answers_of_a_batch_are_recorded_as_any_others(project: Project, service: Service, name: str) -> None:
    questions = [ask(str(n), model) for n in range(3) for model in ("m", "other")]
    got = answers(project, questions)
    assert [answer.text for answer in got] == ["0!", "0!", "1!", "1!", "2!", "2!"]
    assert got[0].completion_tokens == 7
    assert sorted(len({line["body"]["model"] for line in lines}) for lines in service.desk.asked()) == [1, 1]
    line = service.desk.asked()[0][0]
    assert line["body"] == {
        "model": "m",
        "messages": [{"role": "user", "content": "0"}],
        "temperature": 0.0,
        "max_tokens" if name == "together" else "max_completion_tokens": 9,
    }
    assert ("url" in line) == (name == "openai")
    assert len(line["custom_id"]) <= 64
    plain = open_provider(name, Settings(project=project.path))
    replayed = dict(recordings.answers(plain, questions, folder=project.recordings_path, mode="replay"))
    assert [replayed[place].text for place in range(6)] == [answer.text for answer in got]
    assert answers(project, questions) == got
    assert len(service.desk.batches) == 2, "what is recorded is in no further batch"
    assert list((project.state_path / "batches").glob("*.json*")) == []


@pytest.mark.parametrize(
    "fault",
    [reset, reset_after_commit, cut, status(500), *BUSY.values(), raw(b"", commit=True)],
    ids=["reset", "reset after commit", "cut", "500", *BUSY, "empty after commit"],
)
def test_one_batch_whatever_happens_to_its_creation(
    project: Project, service: Service, server: Server, fault: object
) -> None:
    server.fail(CREATE, fault)  # type: ignore[arg-type]
    assert [answer.text for answer in answers(project, [ask("a"), ask("b")])] == ["a!", "b!"]
    assert len(service.desk.batches) == 1


def test_a_batch_whose_fate_is_unclear_is_found_at_the_next_call(
    project: Project, service: Service, server: Server
) -> None:
    server.fail(CREATE, reset_after_commit)
    good = {"data": [], "has_more": False}
    server.fail("GET /v1/batches", *[status(200, good)] * 2, *[status(503)] * 4)
    with pytest.raises(ConnectionFailed, match="not clear whether"):
        answers(project, [ask("a")])
    assert [answer.text for answer in answers(project, [ask("a")])] == ["a!"]
    assert len(service.desk.batches) == 1


def test_an_interrupted_wait_goes_on_with_the_same_batch_and_sends_only_what_is_new(
    project: Project, service: Service, server: Server
) -> None:
    service.desk.stages = ("validating", "in_progress", "in_progress", "completed")
    provider = by_batch(project)
    stream = recordings.answers(provider, [ask("a"), ask("b")], folder=project.recordings_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interrupts.time, "sleep", interrupt)
        with pytest.raises(
            interrupts.Interrupted,
            match=rf"^0 of 2 answers are kept; \S+ goes on at {provider.name}; run it again for the other 2$",
        ):
            next(stream)
    provider.close()
    got = answers(project, [ask("b"), ask("c"), ask("a")])
    assert [answer.text for answer in got] == ["b!", "c!", "a!"]
    asked = [[line["body"]["messages"][0]["content"] for line in lines] for lines in service.desk.asked()]
    assert asked == [["a", "b"], ["c"]]


def test_what_failed_inside_is_told_in_its_place_and_asked_again(project: Project, service: Service) -> None:
    refused = {"response": {"status_code": 400, "body": {"error": {"message": "too long"}}}, "error": None}
    service.desk.told = {
        "b": refused,
        "c": {"error": {"code": "batch_expired", "message": "not in time"}},
        "d": None,
        "e": {"error": "plain words"},
        "f": {"response": {"status_code": 200, "body": {"choices": [{"finish_reason": "stop"}]}}},
    }
    service.desk.stages = ("in_progress", "expired")
    got = answers(project, [ask(text) for text in "abcdef"])
    assert got[0].text == "a!"
    told = [answer.error or "" for answer in got[1:]]
    for words, error in zip(
        ("HTTP 400: too long", "not in time", "(expired)", "plain", "a choice"), told, strict=True
    ):
        assert words in error
    service.desk.told = {}
    assert [answer.text for answer in answers(project, [ask(text) for text in "abcdef"])][3] == "d!"
    assert [len(lines) for lines in service.desk.asked()] == [6, 5]


def test_a_batch_that_is_refused_as_a_whole_says_why_and_is_not_waited_for_again(
    project: Project, service: Service
) -> None:
    service.desk.stages = ("validating", "failed")
    said = {"data": [{"line": 2, "message": "the model takes no batches", "code": "x"}]}
    service.desk.faults = (
        {"errors": said} if isinstance(service, OpenAIService) else {"error": "the model takes no batches"}
    )
    with pytest.raises(ProviderError, match=r"refuses the batch: .*the model takes no batches"):
        answers(project, [ask("a")])
    service.desk.stages = ("completed",)
    assert [answer.text for answer in answers(project, [ask("a")])] == ["a!"]
    assert len(service.desk.batches) == 2


def test_looks_and_downloads_that_fail_are_borne(project: Project, service: Service, server: Server) -> None:
    server.fail("GET /v1/batches/.*", reset, *[status(500)] * 6, raw(b"<html>", 502, "text/html"))
    server.fail("GET /v1/files/[^/]+/content", cut, reset)
    assert [answer.text for answer in answers(project, [ask("a")])] == ["a!"]
    assert len(service.desk.batches) == 1


def test_large_sets_are_parted(project: Project, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    where = "together" if isinstance(service, TogetherService) else "openai"
    monkeypatch.setattr(f"aitelier_nb.providers.{where}.provider.MOST_REQUESTS", 4)
    assert [a.text for a in answers(project, [ask(str(n)) for n in range(10)])] == [
        f"{n}!" for n in range(10)
    ]
    assert [len(lines) for lines in service.desk.asked()] == [4, 4, 2]


def test_drafts_and_evaluations_go_by_batch(project: Project, service: Service, server: Server) -> None:
    with pytest.raises(ConfirmationNeeded, match=r"as a batch .at up to half the price"):
        ait.draft(["a"], batch=True, project=project)
    told = ait.draft(["a", "b"], n=2, batch=True, confirm=True, project=project)
    assert told.to_json()["added"] == 2, "equal answers are one example"
    rows = [
        {
            "messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": "a"}],
            "rating": 9,
            "split": "val",
        }
        for n in range(3)
    ]
    project.dataset.add(rows)
    run = {"jobId": "j-1", "provider": project.config.provider, "startedAt": "2026-11-22T10:00:00.000Z"}
    run |= {"status": "completed", "modelId": "ft:mine"}
    project.change_config(lambda config: config["runs"].append(run))
    evaluated = ait.evaluate(checks=["exact"], batch=True, confirm=True, project=project)
    assert [row["text"] for row in evaluated.answers] == ["q0!", "q0!", "q1!", "q1!", "q2!", "q2!"]
    again = ait.evaluate(checks=["exact"], mode="replay", project=project)
    assert again.path == evaluated.path, "the results are the same file"
    assert server.count("POST /v1/chat/completions") == 0


def test_no_key_is_kept_with_a_batch(
    project: Project, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.desk.stages = ("in_progress",)
    stream = by_batch(project).answers([ask("a")])
    with monkeypatch.context() as patch:
        patch.setattr(interrupts.time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            next(stream)
    kept = list((project.state_path / "batches").glob("*.json*"))
    assert len(kept) == 2
    assert json.loads(min(kept).read_text())["provider"] == project.config.provider
    for file in project.path.rglob("*"):
        assert not file.is_file() or not {KEY, OPENAI_KEY} & set(file.read_text(errors="replace").split('"'))


def test_a_provider_without_batches_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="local takes no batches"):
        batched(open_provider("local", Settings(project=tmp_path)), tmp_path)
