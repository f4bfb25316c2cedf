from __future__ import annotations

import json
import socket
from dataclasses import replace

import pytest

from aitelier_nb.errors import UsageError
from aitelier_nb.providers.base import JobRequest, Settings, open_provider
from aitelier_nb.providers.local import jobs


@pytest.fixture(autouse=True)
def quiet_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("AITELIER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def request_(tmp_path, tiny):
    from tiny_model import training_file

    words = {"learning_rate": 0.02, "max_steps": 6, "batch_size": 5}
    return JobRequest(str(tiny), training_file(tmp_path / "train.jsonl", 23), "a" * 64, hyperparameters=words)


def start(folder, request, identity, **words):
    provider = open_provider("local", Settings(project=folder))
    asked = replace(request, identity=identity * 64, hyperparameters={**request.hyperparameters, **words})
    return provider, provider.create_job(asked)


def curve(provider, job):
    ended = jobs.wait(provider._jobs(), job.id)
    log = (provider._jobs() / job.id / "log.txt").read_text()
    assert ended.status == "completed", (ended.error, log[-2000:])
    return [event.loss for event in provider.events(job.id) if event.step]


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one(tmp_path, request_):
    alone = curve(*start(tmp_path, request_, "b"))
    provider, job = start(tmp_path, request_, "c", workers=2)
    together = curve(provider, job)
    assert len(together) == 6
    assert together == pytest.approx(alone, rel=1e-4)
    [started] = [event for event in provider.events(job.id) if event.kind == "start"]
    assert started.world_size == 2


@pytest.mark.slow
def test_two_machines_that_meet_on_a_port_take_the_steps_of_one(tmp_path, request_, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = curve(*start(tmp_path / "alone", request_, "b"))
    machines = []
    for name in ("first", "second"):
        monkeypatch.setenv("AITELIER_CACHE", str(tmp_path / f"cache of {name}"))
        words = {"nodes": 2, "rendezvous": f"127.0.0.1:{port}"}
        machines.append(start(tmp_path / name, request_, "c", **words))
    first, second = (curve(*machine) for machine in machines)
    assert first == second == pytest.approx(alone, rel=1e-4)
    adapters = [provider.job(job.id).adapter_sha256 for provider, job in machines]
    assert adapters[0] == adapters[1]


def test_machines_need_a_place_to_meet(tmp_path, request_):
    with pytest.raises(UsageError, match="2 nodes need a place to meet"):
        start(tmp_path, request_, "c", nodes=2)


def test_fewer_processes_than_asked_for_are_no_success(tmp_path, request_):
    from aitelier_nb.providers.local import trainer

    provider = open_provider("local", Settings(project=tmp_path))
    words = {**request_.hyperparameters, "workers": 2}
    folder = jobs.prepare(provider._jobs(), replace(request_, hyperparameters=words))
    with pytest.warns(FutureWarning, match="gradient_checkpointing"):
        trainer.main([str(folder)])
    assert "2 processes were asked for and 1 train together" in provider.job(folder.name).error
    assert json.loads((folder / "result.json").read_text())["status"] == "failed"
