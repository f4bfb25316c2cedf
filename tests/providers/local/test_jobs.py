from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from aitelier_nb.errors import NotCallable, NotFound, ProjectError, UsageError
from aitelier_nb.providers.base import ChatRequest, JobRequest, Settings, Trainer, open_provider
from aitelier_nb.providers.local import jobs, library, trainer
from aitelier_nb.schema import Parameters

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # peft's
QUESTIONS = ["ba", "bebe", "dodo", "fufufu"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AITELIER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def provider(tmp_path):
    local = open_provider("local", Settings(project=tmp_path))
    yield local
    for folder in (tmp_path / ".aitelier" / "jobs").glob("local-*"):
        local.cancel(folder.name)
    local.close()


@pytest.fixture
def request_(tmp_path, tiny):
    from tiny_model import training_file

    return JobRequest(
        str(tiny),
        training_file(tmp_path / "train.jsonl"),
        identity="ab12cd34" + "0" * 56,
        hyperparameters={"learning_rate": 0.02, "epochs": 2},
    )


def changed(request, **hyperparameters):
    digest = f"{abs(hash(tuple(sorted(hyperparameters.items())))):016x}" + "0" * 48
    return replace(request, identity=digest, hyperparameters={**request.hyperparameters, **hyperparameters})


def finished(provider, job):
    return jobs.wait(provider._jobs(), job.id)


def trained(provider, request):
    """Train in this process: the same code as the run's own, without the seconds that a process takes to start."""
    folder = jobs.prepare(provider._jobs(), request)
    trainer.main([str(folder)])
    return provider.job(folder.name)


def answers(provider, model):
    asked = [
        ChatRequest(model, [{"role": "user", "content": text}], Parameters(temperature=0, max_tokens=8))
        for text in QUESTIONS
    ]
    return [answer.text for _, answer in sorted(provider.answers(asked), key=lambda pair: pair[0])]


def test_the_local_provider_trains_and_answers(provider):
    assert isinstance(provider, Trainer)
    assert provider.default_model == "SmolLM2-135M-Instruct"
    assert not provider.costs_money


def test_a_run_ends_with_an_adapter_that_answers_in_its_own_way(provider, request_, tiny):
    job = finished(provider, provider.create_job(request_))
    assert (job.status, job.error) == ("completed", None)
    assert job.model_id == f"local/{job.id}" == "local/local-ab12cd34"
    steps = [event for event in provider.events(job.id) if event.step]
    assert [event.step for event in steps] == list(range(1, 13))
    assert steps[-1].loss < steps[0].loss
    assert {event.total_steps for event in steps} == {12}
    assert answers(provider, job.model_id) != answers(provider, str(tiny))
    assert provider.identify(job.model_id) != provider.identify(str(tiny))
    assert provider.create_job(request_) == job
    assert provider.find_job(request_) == job


def test_the_adapter_is_what_peft_reads_and_holds_no_path(provider, request_, tiny):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    job = trained(provider, request_)
    folder = provider.adapter(job.id)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["target_modules"] == sorted(config["target_modules"])
    assert str(tiny.parent) not in (folder / "adapter_config.json").read_text()
    PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny), folder)


def test_base_answers_are_the_same_before_and_after_an_adapter_was_used(provider, request_, tiny):
    before = answers(provider, str(tiny))
    job = trained(provider, request_)
    tuned = answers(provider, job.model_id)
    assert answers(provider, str(tiny)) == before
    assert answers(provider, job.model_id) == tuned


def test_the_same_run_gives_the_same_bytes_and_another_seed_others(provider, request_):
    digests = []
    for words in ({"seed": 1}, {"seed": 1, "max_length": 500}, {"seed": 2}):
        job = trained(provider, changed(request_, **words))
        digests.append(job.adapter_sha256)
    assert digests[0] == digests[1] != digests[2]


def test_cancel_leaves_no_process(provider, request_):
    job = provider.create_job(changed(request_, epochs=900))
    folder = provider._jobs() / job.id
    pid = json.loads((folder / "process.json").read_text())["pid"]
    while not (standing := provider.job(job.id)).step:
        assert standing.status in ("pending", "running")
        time.sleep(0.05)
    assert provider.cancel(job.id).status == "cancelled"
    assert not psutil.pid_exists(pid)
    assert provider.cancel(job.id).status == "cancelled"
    assert not list(folder.glob("adapter*"))


def test_a_run_is_found_again_after_the_clock_was_set_and_no_other_process_is_taken_for_it(
    provider, request_
):
    job = provider.create_job(changed(request_, epochs=900))
    note = provider._jobs() / job.id / "process.json"
    noted = json.loads(note.read_text())
    note.write_text(json.dumps({**noted, "started": noted["started"] - 7200}))
    assert provider.job(job.id).status in ("pending", "running")
    note.write_text(json.dumps({**noted, "pid": os.getpid()}))
    assert provider.job(job.id).status == "failed"
    note.write_text(json.dumps(noted))
    provider.cancel(job.id)
    assert not psutil.pid_exists(noted["pid"])


def test_a_killed_run_says_so_and_goes_on_to_the_same_bytes(provider, request_, tmp_path):
    long = changed(request_, epochs=20)
    job = provider.create_job(long)
    folder = provider._jobs() / job.id
    while not list((folder / "checkpoints").glob("checkpoint-*/whole.json")):
        assert provider.job(job.id).status in ("pending", "running")
        time.sleep(0.02)
    os.kill(json.loads((folder / "process.json").read_text())["pid"], signal.SIGKILL)
    while (broken := provider.job(job.id)).status != "failed":
        time.sleep(0.02)
    assert "killed" in broken.error
    whole = finished(provider, provider.create_job(long))
    assert whole.status == "completed"
    assert any(event.kind == "resume" for event in provider.events(job.id))
    other = open_provider("local", Settings(project=tmp_path / "other"))
    unbroken = trained(other, long)
    assert whole.adapter_sha256 == unbroken.adapter_sha256


def test_a_broken_checkpoint_is_noticed_and_the_one_before_it_used(provider, request_):
    job = trained(provider, changed(request_, epochs=20))
    folder = provider._jobs() / job.id
    checkpoints = sorted((folder / "checkpoints").iterdir(), key=lambda path: int(path.name.split("-")[1]))
    newest = checkpoints[-1] / "adapter_model.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1] + b"x")
    (folder / "result.json").unlink()
    again = trained(provider, changed(request_, epochs=20))
    said = [event.message for event in provider.events(job.id)]
    assert f"{checkpoints[-1].name} is broken and was not used" in said
    assert f"going on from {checkpoints[-2].name}" in said
    assert again.adapter_sha256 == job.adapter_sha256


def test_micro_batches_change_the_memory_and_not_the_loss(provider, request_):
    curves = []
    for words in ({"micro_batch_size": 4}, {"micro_batch_size": 1}):
        job = trained(provider, changed(request_, **words))
        curves.append([event.loss for event in provider.events(job.id) if event.step])
    assert curves[0] == pytest.approx(curves[1], rel=1e-4)


def test_two_runs_queue(provider, request_):
    first = provider.create_job(changed(request_, epochs=900))
    while not provider.job(first.id).step:
        time.sleep(0.05)
    second = provider.create_job(request_)
    while not any(event.kind == "queued" for event in provider.events(second.id)):
        time.sleep(0.05)
    assert provider.job(second.id).status == "pending"
    provider.cancel(first.id)
    assert finished(provider, second).status == "completed"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"epochs": "abc"}, "epochs = 'abc'"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"lora_r": -3}, "lora_r = -3"),
        ({"learning_rate": 9}, "learning_rate = 9"),
        ({"learning_rte": 1e-3}, "learning_rte"),
    ],
)
def test_a_hyperparameter_that_will_not_do_is_refused_before_anything_is_written(
    provider, request_, words, message
):
    with pytest.raises(UsageError, match=message) as caught:
        provider.create_job(changed(request_, **words))
    assert caught.value.hint
    assert provider.find_job(changed(request_, **words)) is None


def test_an_empty_training_file_is_refused(provider, request_):
    request_.training_file.write_text("")
    with pytest.raises(UsageError, match="no examples"):
        provider.create_job(request_)


def test_a_loss_that_is_no_number_ends_the_run_with_a_reason(provider, request_, tmp_path, tiny):
    import shutil

    from safetensors.torch import load_file, save_file

    broken = shutil.copytree(tiny, tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    weights["model.norm.weight"][0] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    job = trained(provider, replace(request_, model=str(broken)))
    assert job.status == "failed"
    assert job.error == "the loss is no number at step 1"
    assert job.hint == "lower the learning rate"


def test_an_unknown_run_is_named(provider):
    with pytest.raises(NotFound, match="local-00000000"):
        provider.job("local-00000000")
    with pytest.raises(NotFound):
        provider.job("../../etc")


def test_a_run_without_an_adapter_cannot_be_asked(provider, request_):
    job = provider.create_job(changed(request_, epochs=900))
    with pytest.raises(NotCallable, match=job.id):
        answers(provider, f"local/{job.id}")


def test_runs_need_a_project(request_):
    with pytest.raises(ProjectError):
        open_provider("local").create_job(request_)


def test_an_untrained_adapter_changes_nothing(tiny, tmp_path, model, tokenizer):
    import torch

    from aitelier_nb.providers.local import adapters
    from aitelier_nb.providers.local.hyperparameters import Hyperparameters
    from aitelier_nb.providers.local.trainer import with_adapter

    ids = torch.tensor([[5, 6, 7, 8]])
    before = model(ids).logits.detach().clone()
    torch.manual_seed(0)
    wrapped = with_adapter(model, Hyperparameters()).eval()
    assert torch.equal(wrapped(ids).logits, before)
    adapters.write(wrapped, tmp_path / "adapter", "tiny")
    assert adapters.is_whole(tmp_path / "adapter")


def test_a_small_data_set_gets_enough_steps():
    from aitelier_nb.providers.local.hyperparameters import resolve

    assert [resolve({}, count).steps(count) for count in (20, 120, 500)] == [90, 90, 125]


def test_the_cache_folder_is_the_one_that_was_set(tmp_path):
    assert library.cache_folder() == Path(tmp_path / "cache")
