from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from aitelier_nb.errors import UsageError
from aitelier_nb.providers.base import JobRequest, Settings, open_provider
from aitelier_nb.providers.local import adapters, jobs


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


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory):
    """A Ray of two processors on this machine, gone with the tests; RAY_TEST_ADDRESS names one that stands."""
    pytest.importorskip("ray", reason="Ray is not installed")
    pytest.importorskip("grpc", reason="Ray's client is not installed")
    if standing := os.environ.get("RAY_TEST_ADDRESS"):
        yield standing
        return
    with socket.socket() as first, socket.socket() as second:
        for free in (first, second):
            free.bind(("127.0.0.1", 0))
        head, client = (str(free.getsockname()[1]) for free in (first, second))
    ray = [sys.executable, "-m", "ray.scripts.scripts"]
    words = ["start", "--head", "--num-cpus", "2", "--include-dashboard=false", "--port", head]
    words += ["--ray-client-server-port", client, "--min-worker-port", "0", "--max-worker-port", "0"]
    folder = tmp_path_factory.mktemp("ray")
    words += ["--temp-dir", str(folder), "--object-store-memory", "200000000", "--disable-usage-stats"]
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_raylet_start_wait_time_s": "120"}
    log = folder / "start.txt"
    with log.open("wb") as stream:
        head_process = subprocess.Popen(
            [*ray, *words, "--block"], stdout=stream, stderr=stream, env=environment
        )
    try:
        if not _answers(int(client), head_process):
            pytest.skip(f"no Ray came up here: {log.read_text()[-300:]}")
        yield f"ray://127.0.0.1:{client}"
    finally:
        head_process.terminate()  # with --block its own processes end with it, and no other Ray's
        head_process.wait(60)


def _answers(port, process, seconds=120):
    """Return whether something listens on a port before the process ends or the time is over."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.5)
    return False


@pytest.mark.slow
def test_a_run_on_ray_is_the_run_of_this_machine(tmp_path, request_, ray_cluster, monkeypatch):
    """Its steps and its adapter's bytes are those of a run here; cancelled, it leaves no trainer behind."""
    import psutil

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    here, alone = start(tmp_path, request_, "b")
    there, far = start(tmp_path, request_, "c", on=ray_cluster)
    assert curve(there, far) == curve(here, alone)
    far, alone = there.job(far.id), here.job(alone.id)
    assert far.adapter_sha256 == alone.adapter_sha256 == adapters.digest(there.adapter(far.id))
    _, long = start(tmp_path, request_, "d", on=ray_cluster, max_steps=100_000)
    while not any(event.step for event in there.events(long.id)):
        time.sleep(0.2)
    assert there.cancel(long.id).status == "cancelled"
    until = time.monotonic() + 60
    while left := [one for one in psutil.process_iter(["cmdline"]) if long.id in str(one.info["cmdline"])]:
        assert time.monotonic() < until, left
        time.sleep(0.2)


def test_a_cluster_that_does_not_answer_is_refused_before_anything_begins(tmp_path, request_, monkeypatch):
    from aitelier_nb.providers.local import clusters

    with pytest.raises(UsageError, match="on = 'dask://far' will not do"):
        jobs.prepare(tmp_path, replace(request_, hyperparameters={"on": "dask://far"}))
    words = {"on": "ray://far:1", "nodes": 2, "rendezvous": "far:2"}
    with pytest.raises(UsageError, match="workers of one machine"):
        jobs.prepare(tmp_path, replace(request_, hyperparameters=words))
    monkeypatch.setattr(clusters, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="needs Ray, which is not installed here"):
        start(tmp_path, request_, "c", on="ray://127.0.0.1:1")
    monkeypatch.setattr(clusters, "find_spec", lambda name: object())
    with pytest.raises(UsageError, match=r"no Ray cluster answers at ray://127\.0\.0\.1:1: .*refused"):
        start(tmp_path, request_, "c", on="ray://127.0.0.1:1")
    assert not (tmp_path / ".aitelier").exists()
