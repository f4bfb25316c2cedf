from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from aitelier_nb.errors import UsageError
from aitelier_nb.providers.base import JobRequest
from aitelier_nb.providers.local import exports, jobs, trainer

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")  # peft's


@pytest.fixture(scope="module")
def job(tiny, tmp_path_factory):
    from tiny_model import training_file

    folder = tmp_path_factory.mktemp("exports")
    words = {"learning_rate": 0.05, "max_steps": 6, "lora_trainable_modules": "all-linear"}
    request = JobRequest(str(tiny), training_file(folder / "train.jsonl"), "a" * 64, hyperparameters=words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AITELIER_CACHE", str(folder / "cache"))
        made = jobs.prepare(folder / "jobs", request)
        assert trainer.main([str(made)]) == 0
    return made


@pytest.fixture(scope="module")
def ollama(tiny, job, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf") / "ollama"
    assert [file.name for file in exports.gguf(tiny, job / "adapter", folder)] == ["Modelfile", "model.gguf"]
    return folder


@pytest.fixture
def recipe(tiny, job, tmp_path):
    exports.recipe(tiny, job, tmp_path / "recipe")
    return tmp_path / "recipe"


def logits(model):
    import torch

    with torch.no_grad():
        return model.eval()(torch.tensor([list(range(3, 40))])).logits


def tuned(tiny, job):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    return PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny), job / "adapter")


def test_merged_weights_answer_like_the_adapter_and_not_like_the_base(tiny, job, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    exports.merged(tiny, job / "adapter", tmp_path / "merged")
    whole = logits(AutoModelForCausalLM.from_pretrained(tmp_path / "merged"))
    assert torch.allclose(whole, logits(tuned(tiny, job)), atol=1e-4)
    assert not torch.allclose(whole, logits(AutoModelForCausalLM.from_pretrained(tiny)), atol=1e-2)
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template


def test_a_gguf_file_is_read_back_with_the_same_logits_tokens_and_template(tiny, job, ollama):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    read = AutoModelForCausalLM.from_pretrained(ollama, gguf_file="model.gguf", dtype=torch.float32)
    assert torch.allclose(logits(read), logits(tuned(tiny, job)), atol=1e-4)
    theirs = AutoTokenizer.from_pretrained(ollama, gguf_file="model.gguf")
    ours = AutoTokenizer.from_pretrained(tiny)
    assert theirs.chat_template == ours.chat_template
    assert theirs("Hello 123, ünïcode")["input_ids"] == ours("Hello 123, ünïcode")["input_ids"]
    assert (ollama / "Modelfile").read_text() == 'FROM ./model.gguf\nPARAMETER stop "<|im_end|>"\n'


def test_our_own_reader_reads_the_gguf_file_too(tiny, job, ollama, tmp_path, monkeypatch):
    import torch
    from transformers import AutoModelForCausalLM

    from aitelier_nb.providers.local import library

    monkeypatch.setenv("AITELIER_CACHE", str(tmp_path / "cache"))
    model = library.find(str(ollama / "model.gguf"))
    assert torch.equal(
        logits(AutoModelForCausalLM.from_pretrained(model.folder)),
        logits(AutoModelForCausalLM.from_pretrained(library.find(str(ollama)).folder)),
    )
    assert torch.allclose(
        logits(AutoModelForCausalLM.from_pretrained(model.folder)), logits(tuned(tiny, job)), atol=1e-4
    )


def test_an_adapter_is_copied_as_peft_reads_it(job, tmp_path):
    files = exports.adapter(job / "adapter", tmp_path / "adapter")
    assert [file.name for file in files] == ["adapter_config.json", "adapter_model.safetensors"]
    assert files[1].read_bytes() == (job / "adapter" / "adapter_model.safetensors").read_bytes()


def test_a_recipe_holds_the_run_by_trls_names_with_the_effective_batch_kept(tiny, job, recipe):
    from transformers import AutoTokenizer

    told = dict(
        line.split(": ", 1) for line in (recipe / "sft.yaml").read_text().splitlines()[1:] if ": " in line
    )
    assert json.loads(told["learning_rate"]) == 0.05
    assert json.loads(told["max_steps"]) == 6
    assert told["      train"] == "tokens.jsonl"
    assert (
        json.loads(told["per_device_train_batch_size"]) * json.loads(told["gradient_accumulation_steps"]) == 4
    )
    assert "torchrun" in (recipe / "sft.yaml").read_text().splitlines()[0]
    assert (recipe / "train.jsonl").read_bytes() == (job / "train.jsonl").read_bytes()
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    rows, conversations = (
        [json.loads(line) for line in (recipe / name).read_text().splitlines()]
        for name in ("tokens.jsonl", "train.jsonl")
    )
    for row, told in zip(rows, conversations, strict=True):
        learnt = [token for token, mask in zip(row["input_ids"], row["assistant_masks"], strict=True) if mask]
        assert tokenizer.decode(learnt) == told["messages"][1]["content"] + "<|im_end|>"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("trl") is None, reason="TRL is not installed")
def test_torchrun_trains_the_recipe_with_trl(tiny, job, recipe):
    """Two processes take TRL's own script through the file, and learn what the run learnt."""
    text = (recipe / "sft.yaml").read_text().replace('"tiny"', json.dumps(str(tiny)))
    text = text.replace("per_device_train_batch_size: 4", "per_device_train_batch_size: 2")
    (recipe / "sft.yaml").write_text(text + "logging_steps: 1\nuse_cpu: true\nddp_backend: gloo\n")
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [sys.executable, *words, "-m", "trl.scripts.sft", "--config", "sft.yaml"],
        cwd=recipe, capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_DATASETS_CACHE": str(recipe / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    state = json.loads(next((recipe / "adapter").rglob("trainer_state.json")).read_text())
    theirs = [entry["loss"] for entry in state["log_history"] if "loss" in entry]
    ours = [json.loads(line) for line in (job / "events.jsonl").read_text().splitlines()]
    assert len(theirs) == 6
    assert theirs[0] == pytest.approx(
        next(event["loss"] for event in ours if event.get("step") == 1), rel=0.2
    )
    assert theirs[-1] < theirs[0]
    assert (recipe / "adapter" / "adapter_model.safetensors").is_file()


def test_a_folder_that_holds_something_is_never_written_into(job, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        exports.adapter(job / "adapter", tmp_path / "full")


def test_the_verb_exports_the_latest_local_run(job, tmp_path):
    import shutil

    import aitelier_nb as ait
    from aitelier_nb.schema import Run

    ait.init("shop", path=tmp_path)
    project = ait.open(tmp_path / "shop" if (tmp_path / "shop").is_dir() else tmp_path)
    with pytest.raises(UsageError, match="there is no run to export"):
        ait.export("adapter", tmp_path / "out", project=project.path)
    shutil.copytree(job, project.path / ".aitelier" / "jobs" / job.name)
    started = "2026-01-01T00:00:00.000Z"
    project.add_run(Run(job_id=job.name, provider="local", started_at=started, status="completed"))
    made = ait.export("adapter", tmp_path / "out", project=project.path)
    assert made.headline() == "the latest local run exported as adapter"
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
