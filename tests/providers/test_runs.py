"""A hosted run as a person starts it: one job whatever breaks, its price first, watched with patience."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai_service import BASE as OPENAI_BASE
from openai_service import KEY as OPENAI_KEY
from openai_service import OpenAIService
from server import Server, raw, reset, reset_after_commit, slow, status
from together_service import BASE, KEY, QUICK, TogetherService

import aitelier_nb as ait
from aitelier_nb import interrupts
from aitelier_nb.errors import (
    AuthenticationError,
    ConfirmationNeeded,
    ConnectionFailed,
    DataError,
    ServiceFailed,
    TrainingError,
    UsageError,
)
from aitelier_nb.providers import hosted
from aitelier_nb.providers.together import provider as together_provider
from aitelier_nb.providers.watching import Watch
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs import following
from aitelier_nb.verbs.previews import Preview

CREATE = "POST /v1/fine-tunes"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosted, "Patience", lambda: QUICK)
    monkeypatch.setattr(together_provider, "POLL", 0.01)
    monkeypatch.setattr(following, "POLL_HOSTED", 0.01)
    monkeypatch.setenv("AITELIER_RATER", "tester")


@pytest.fixture
def shop(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("TOGETHER_BASE_URL", server.url)
    project = ait.init("shop", provider="together", model=BASE, path=tmp_path / "shop")
    fill(project)
    yield project
    project.close()


def fill(project: Project) -> None:
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"where is parcel {n}"},
                {"role": "assistant", "content": f"on its way to house {n}"},
            ],
            "rating": 9,
            "split": "val" if n > 11 else "train",
        }
        for n in range(14)
    ]
    project.dataset.add(rows)
    project.dataset.fold()


def run_of(project: Project, **words: Any) -> following.Run:
    run = ait.train(confirm=True, project=project, **words)
    assert isinstance(run, following.Run)
    return run


def test_a_run_is_started_once_and_followed_to_its_end(shop: Project, server: Server) -> None:
    run = run_of(shop, epochs=2)
    assert shop.runs[0].model_id is None, "the name is there from the start, the model is not"
    assert run_of(shop, epochs=2).job_id == run.job_id
    assert run.wait().status == "completed"
    kept = json.loads((shop.path / ".aitelier.json").read_text())["runs"][0]
    assert kept["modelId"].startswith("acct/")
    assert kept["aitelierNb"]["callable"] is False
    assert kept["aitelierNb"]["losses"] == [[7, 0.5, None], [14, 0.45, None]]
    assert server.count(CREATE) == 1
    assert run_of(shop, epochs=2, force=True).job_id != run.job_id


@pytest.mark.parametrize("words", [{"confirm": False}, {}])
def test_money_needs_a_yes_and_the_question_names_the_price(
    shop: Project, server: Server, words: dict[str, Any]
) -> None:
    with pytest.raises(ConfirmationNeeded, match=r"12 examples \(about \$4.20, 1,200 tokens\)"):
        ait.train(project=shop, **words)
    assert server.count(CREATE) == 0
    assert shop.runs == []


def test_a_dry_run_shows_price_and_limits_and_starts_nothing(shop: Project, server: Server) -> None:
    told = ait.train(epochs=3, dry_run=True, project=shop)
    assert isinstance(told, Preview)
    shown = told.to_json()
    assert (shown["price"], shown["tokens"], shown["limits"]["lora_r"]) == (4.2, 3600, [1, 64])
    assert ("epochs", "3", "1", "20") in told.rows()
    assert server.count(CREATE) == 0
    assert shop.runs == []


def test_a_crash_between_intent_and_id_is_resolved_at_the_next_call(
    shop: Project, server: Server, service: TogetherService
) -> None:
    server.fail(CREATE, reset_after_commit)
    server.fail("GET /v1/fine-tunes", *[status(200, {"data": []})], *[status(503)] * 4)
    with pytest.raises(ConnectionFailed, match="not clear whether the job was started"):
        run_of(shop)
    assert shop.runs == []
    assert list((shop.state_path / "intents").iterdir()) != []
    assert [run_of(shop).job_id] == list(service.jobs)
    assert list((shop.state_path / "intents").iterdir()) == []


def test_a_process_that_dies_after_the_request_leaves_one_job(
    shop: Project, server: Server, service: TogetherService
) -> None:
    code = f"""
    import os
    import aitelier_nb as ait
    from aitelier_nb.tuning import runs
    runs._record = lambda *_: os._exit(9)
    ait.train(confirm=True, project={str(shop.path)!r})
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, timeout=120)
    assert ended.returncode == 9
    assert shop.runs == []
    assert [run_of(shop).job_id] == list(service.jobs)


def test_two_processes_that_start_at_once_have_one_run(
    shop: Project, server: Server, service: TogetherService
) -> None:
    server.fail(CREATE, slow(0.5))
    code = f"import aitelier_nb as ait; print(ait.train(confirm=True, project={str(shop.path)!r}).job_id)"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [process.communicate(timeout=120)[0].strip() for process in both]
    assert told == [*service.jobs] * 2
    assert len(shop.runs) == 1


def test_a_failed_run_is_followed_by_one_other_not_by_two(shop: Project, service: TogetherService) -> None:
    service.stages = ("pending", "error")
    with pytest.raises(TrainingError, match="the loss is not a number"):
        run_of(shop).wait()
    service.stages = ("pending", "running")
    second = run_of(shop)
    assert run_of(shop).job_id == second.job_id
    assert len(service.jobs) == 2


def test_waiting_bears_faults_that_pass(shop: Project, server: Server, service: TogetherService) -> None:
    run = run_of(shop)
    look = f"GET /v1/fine-tunes/{run.job_id}"
    server.fail(look, *[reset] * 5, *[status(500)] * 5, *[raw(b"<html>", 502, "text/html")] * 5)
    assert run.wait().status == "completed"
    other = run_of(shop, epochs=2)
    server.fail(f"GET /v1/fine-tunes/{other.job_id}", status(401, {"error": {"message": "no"}}))
    with pytest.raises(AuthenticationError):
        other.wait()


def test_an_interrupted_wait_says_that_the_job_goes_on(shop: Project, service: TogetherService) -> None:
    service.stages = ("pending", "running")
    run = run_of(shop)
    stop = threading.Event()
    stop.set()
    told = rf"^{run.job_id} goes on at together; run it again for the result$"
    with interrupts.interrupted_by(stop), pytest.raises(interrupts.Interrupted, match=told):
        run.wait()
    service.stages = ("completed",)
    assert run.wait().status == "completed"


def test_faults_that_last_end_the_waiting() -> None:
    def fails() -> None:
        raise ServiceFailed("down")

    watch = Watch(borne=0.0)
    with pytest.raises(ServiceFailed, match="down"):
        watch.look(fails)
    patient = Watch()
    assert patient.look(fails) is None
    assert patient.fault == "down"
    assert patient.look(lambda: 7) == 7
    assert patient.fault == ""


def test_a_job_that_is_stuck_or_unknown_is_waited_for_as_long_as_was_said(
    shop: Project, service: TogetherService
) -> None:
    service.stages = ("pending", "warming_the_oven")
    run = run_of(shop)
    with pytest.raises(TrainingError, match=r"still running after 0.05 s"):
        run.wait(timeout=0.05)
    assert run.job is not None
    assert run.job.provider_status == "warming_the_oven"


def test_a_curve_that_cannot_be_had_costs_no_status(
    shop: Project, server: Server, service: TogetherService
) -> None:
    run = run_of(shop)
    server.fail(f"GET /v1/fine-tunes/{run.job_id}/events", *[status(500)] * 5)
    assert run.wait().status == "completed"
    assert "losses" not in run.record.aitelier_nb
    assert run.refresh().record.aitelier_nb["losses"] != []


def test_a_run_that_is_there_is_returned_without_a_network(
    shop: Project, server: Server, service: TogetherService
) -> None:
    run = run_of(shop)
    server.fail(f"GET /v1/fine-tunes/{run.job_id}", *[status(503)] * 9)
    assert run_of(shop).job_id == run.job_id


def test_another_provider_is_kept_in_the_project(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: TogetherService
) -> None:
    monkeypatch.setenv("TOGETHER_BASE_URL", server.url)
    project = ait.init("shop", path=tmp_path / "shop")
    fill(project)
    ait.format(project=project)
    with pytest.raises(UsageError, match="together needs a base model"):
        ait.train(provider="together", confirm=True, project=project)
    with pytest.raises(ConfirmationNeeded):
        ait.train(provider="together", model=BASE, project=project)
    assert project.config.provider == "local", "a no changes nothing"
    run = run_of(project, provider="together", model=BASE)
    assert (project.config.provider, project.config.model) == ("together", BASE)
    assert any("the project's provider is together now (it was local)" in note for note in run.notes())
    assert run_of(project).job_id == run.job_id
    assert len(service.jobs) == 1


def test_files_that_are_no_longer_what_the_examples_give_are_not_sent(shop: Project, server: Server) -> None:
    ait.format(project=shop)
    ait.set_rating(1, 2, project=shop)
    with pytest.raises(DataError, match=r"train.jsonl:1: this is not what the examples give now"):
        run_of(shop)
    assert server.count("POST .*") == 0


def test_the_terminal_has_the_same_words(
    shop: Project, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aitelier_nb import commands

    monkeypatch.chdir(shop.path)
    told = commands.run(["train", "--dry-run", "--epochs", "2"])
    assert told.to_json()["tokens"] == 2400
    run = commands.run(["train", "--epochs", "2", "--yes", "--provider", "together", "--wait"])
    assert run.status == "completed"
    assert server.count(CREATE) == 1


def test_an_openai_run_is_held_and_its_checkpoints_can_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", OPENAI_KEY)
    with Server(OpenAIService(), "/v1") as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        project = ait.init("shop", provider="openai", model=OPENAI_BASE, path=tmp_path / "shop")
        fill(project)
        run = run_of(project, epochs=2)
        assert run.pause().job is not None
        assert run.job is not None
        assert (run.status, run.job.provider_status) == ("running", "paused")
        assert run.resume().wait().status == "completed"
        (first, last) = run.checkpoints().found
        assert (first.step, last.step) == (5, 10)
        assert last.name.endswith(":ckpt-step-10")
        assert run.record.aitelier_nb["shutdownDate"] == "2027-01-14"
        assert "stops answering on 2027-01-14: ait record keeps its answers" in run.text()
        project.close()


def test_what_a_provider_cannot_do_is_said(shop: Project) -> None:
    with pytest.raises(UsageError, match="together knows no pause"):
        run_of(shop).pause()


def test_no_key_is_in_any_file_of_the_project(shop: Project, server: Server) -> None:
    server.fail(CREATE, status(403, {"error": {"message": f"key {KEY} may not"}}))
    with pytest.raises(Exception, match="may not") as caught:
        run_of(shop)
    assert KEY not in str(caught.value)
    run_of(shop).wait()
    leaking = [file for file in shop.path.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
    assert leaking == []
