"""Training, status, cancel, evaluation and comparison from the terminal, on a tiny real model."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import time
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the extra `local` is not installed")

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    spec = importlib.util.spec_from_file_location("tiny_model", HERE.parent / "tiny_model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def ready(ait, result, project, tiny_folder):
    """Return a project with a split and a tiny base model."""
    path = project / ".aitelier.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["model"] = str(tiny_folder)
    path.write_text(json.dumps(config), encoding="utf-8")
    result("split", "--seed", "1")
    return project


def test_a_run_is_started_once_and_its_model_answers(ait, result, ready):
    run = result("train", "--epochs", "1", "--seed", "3", "--wait", "--yes")
    assert run["status"] == "completed"
    assert run["modelId"] == f"local/{run['jobId']}"
    assert result("train", "--epochs", "1.0", "--seed", "3")["jobId"] == run["jobId"]
    assert [r["jobId"] for r in result("status", "--all")["runs"]] == [run["jobId"]]
    kept = json.loads((ready / ".aitelier.json").read_text(encoding="utf-8"))["runs"][0]
    assert kept["hyperparameters"]["epochs"] == 1
    assert kept["aitelierNb"]["losses"][0][0] == 1
    answers = result("eval", "--max-tokens", "4", "--check", "exact")
    assert answers["n"] == 2
    assert {row["model"] for row in answers["answers"]} == {str(tiny_folder_of(ready)), run["modelId"]}
    assert result("eval", "--max-tokens", "4", "--check", "exact")["file"] == answers["file"]


def tiny_folder_of(project):
    return json.loads((project / ".aitelier.json").read_text(encoding="utf-8"))["model"]


def test_a_cancelled_run_says_so_and_leaves_no_process(ait, result, ready):
    run = result("train", "--epochs", "1000", "--yes")
    assert run["status"] in ("pending", "running")
    cancelled = result("cancel")
    assert cancelled["status"] == "cancelled"
    assert not processes(ready)
    assert result("status", "--all")["runs"][0]["status"] == "cancelled"


def test_a_killed_run_is_told_as_failed_and_the_same_words_continue_it(ait, result, ready):
    run = result("train", "--epochs", "40", "--yes")
    wait_for_step(ready, run["jobId"])
    for process in processes(ready):
        os.kill(process, signal.SIGKILL)
    while processes(ready):
        time.sleep(0.02)
    assert result("status")["runs"][0]["status"] == "failed"
    again = result("train", "--epochs", "40", "--yes", "--wait")
    assert (again["jobId"], again["status"]) == (run["jobId"], "completed")


def wait_for_step(project, job_id):
    events = project / ".aitelier" / "jobs" / job_id / "events.jsonl"
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if events.exists() and '"step":' in events.read_text(encoding="utf-8"):
            return
        time.sleep(0.1)
    raise AssertionError("no step was made")


def processes(project):
    """Return the ids of the processes whose command line names the project's folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if str(project).encode() in words and b"trainer" in words:
            found.append(int(folder.name))
    return found


def test_a_training_file_that_is_out_of_date_is_refused(ait, result, ready):
    result("format")
    trained_on = result("list", "--split", "train")["examples"][0]["id"]
    ait("rate", "--id", trained_on, "--rating", "2")
    done = ait("train", "--yes")
    assert done.returncode == 1
    assert "train.jsonl" in done.stderr
    assert "ait format" in done.stderr
    assert result("status", "--all")["runs"] == []
