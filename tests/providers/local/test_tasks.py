from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from aitelier_nb.errors import DataError
from aitelier_nb.providers.base import JobRequest, Settings, open_provider
from aitelier_nb.providers.local import jobs, trainer
from aitelier_nb.providers.local.training_data import held_back

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # peft's


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AITELIER_CACHE", str(tmp_path / "cache"))


def train(folder, request):
    provider = open_provider("local", Settings(project=folder))
    job = jobs.prepare(folder / ".aitelier" / "jobs", request)
    trainer.main([str(job)])
    return provider.job(job.name), provider.events(job.name)


def preference_file(path, shape):
    lines = []
    for letter in "abcdefgh":
        prompt = [{"role": "user", "content": letter * 2}]
        chosen, rejected = ([{"role": "assistant", "content": text}] for text in ("yes", "no"))
        if shape == "openai":
            line = {
                "input": {"messages": prompt},
                "preferred_output": chosen,
                "non_preferred_output": rejected,
            }
        else:
            line = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
        lines.append(json.dumps(line) + "\n")
    path.write_text("".join(lines), "utf-8")
    return path


@pytest.mark.parametrize("shape", ["openai", "trl"])
def test_preference_training_raises_the_margin_from_zero(tmp_path, tiny, shape):
    file = preference_file(tmp_path / "pairs.jsonl", shape)
    words = {"epochs": 10, "learning_rate": 0.01}
    job, events = train(
        tmp_path, JobRequest(str(tiny), file, "d" * 64, hyperparameters=words, kind="preference")
    )
    assert (job.status, job.error) == ("completed", None)
    steps = [event for event in events if event.step]
    assert steps[0].margin == pytest.approx(0, abs=1e-4)
    assert steps[0].loss == pytest.approx(math.log(2), abs=1e-4)
    assert steps[-1].margin > 1
    assert steps[-1].accuracy == 1


def test_a_preference_line_without_a_rejected_answer_is_named(tmp_path, tiny):
    file = preference_file(tmp_path / "pairs.jsonl", "trl")
    file.write_text(file.read_text() + '{"prompt": [], "chosen": []}\n')
    with pytest.raises(DataError, match=r"pairs\.jsonl:9"):
        train(tmp_path, JobRequest(str(tiny), file, "e" * 64, kind="preference"))


def test_early_stopping_watches_training_examples_and_keeps_the_best_adapter(tmp_path, tiny):
    from tiny_model import training_file

    file = training_file(tmp_path / "train.jsonl")
    words = {"epochs": 30, "learning_rate": 0.5, "early_stopping": True}
    job, events = train(tmp_path, JobRequest(str(tiny), file, "f" * 64, hyperparameters=words))
    assert job.status == "completed"
    assert "2 training examples are watched, not trained on" in [event.message for event in events]
    watched = [event for event in events if event.kind == "evaluation"]
    best = min(watched, key=lambda event: event.validation_loss)
    assert f"kept the adapter of step {best.at_step}" in [event.message for event in events]
    folder = tmp_path / ".aitelier" / "jobs" / job.id
    kept = (folder / "checkpoints" / "best" / "adapter_model.safetensors").read_bytes()
    assert (folder / "adapter" / "adapter_model.safetensors").read_bytes() == kept


def test_a_run_that_gets_worse_is_stopped_early(tmp_path, tiny):
    from tiny_model import training_file

    file = training_file(tmp_path / "train.jsonl")
    words = {"epochs": 30, "learning_rate": 1.0, "early_stopping": True, "scheduler": "constant"}
    job, _ = train(tmp_path, JobRequest(str(tiny), file, "f" * 64, hyperparameters=words))
    assert job.step < job.total_steps


def test_what_is_held_back_is_drawn_from_the_seed_and_never_trained_on():
    kept, watched = held_back(range(50), seed=3)
    assert (kept, watched) == held_back(range(50), seed=3)
    assert len(watched) == 5
    assert sorted([*kept, *watched]) == list(range(50))
    with pytest.raises(DataError, match="at least two"):
        held_back([1], seed=0)


def test_examples_that_are_cut_or_left_out_are_counted(tmp_path, tiny):
    file = tmp_path / "train.jsonl"
    turns = [("short", "ok"), ("short", "long answer " * 20), ("long question " * 20, "ok")]
    lines = [
        json.dumps({"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]})
        for q, a in turns
    ]
    file.write_text("\n".join(lines) + "\n")
    words = {"epochs": 1, "max_length": 80}
    job, events = train(tmp_path, JobRequest(str(tiny), file, "a" * 64, hyperparameters=words))
    said = " ".join(event.message for event in events)
    assert "1 examples were cut at 80 tokens" in said
    assert "1 examples were left out: nothing to learn in the first 80 tokens" in said
    assert job.total_steps == 1


def test_max_steps_ends_a_run_and_repeats_the_data_where_it_must(tmp_path, tiny):
    from tiny_model import training_file

    request = JobRequest(
        str(tiny), training_file(tmp_path / "train.jsonl"), "a" * 64, hyperparameters={"max_steps": 8}
    )
    job, _ = train(tmp_path, request)
    assert job.total_steps == 8
    job, _ = train(
        tmp_path, replace(request, identity="b" * 64, hyperparameters={"max_steps": 8, "epochs": 1})
    )
    assert job.total_steps == 6


def test_only_the_modules_that_were_named_get_an_adapter(tmp_path, tiny):
    from safetensors.torch import load_file
    from tiny_model import training_file

    words = {"max_steps": 1, "lora_trainable_modules": "q_proj, v_proj"}
    request = JobRequest(str(tiny), training_file(tmp_path / "train.jsonl"), "a" * 64, hyperparameters=words)
    job, _ = train(tmp_path, request)
    names = load_file(tmp_path / ".aitelier" / "jobs" / job.id / "adapter" / "adapter_model.safetensors")
    assert {name.split(".")[-3] for name in names} == {"q_proj", "v_proj"}


def test_modules_that_the_model_lacks_are_named(tmp_path, tiny):
    from tiny_model import training_file

    words = {"max_steps": 1, "lora_trainable_modules": "nonsense"}
    request = JobRequest(str(tiny), training_file(tmp_path / "train.jsonl"), "a" * 64, hyperparameters=words)
    job, _ = train(tmp_path, request)
    assert job.status == "failed"
    assert "nonsense" in job.error
    assert job.hint == "choose other lora_trainable_modules"


def test_a_machine_without_memory_says_what_to_change():
    failed = trainer._failure(
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
    )
    assert failed["error"] == "the machine ran out of memory"
    assert "micro_batch_size=1" in failed["hint"]
