from __future__ import annotations

import json
import math

import pytest
import torch

from aitelier_nb.errors import UsageError
from aitelier_nb.providers.base import JobRequest, Settings, open_provider
from aitelier_nb.providers.local import jobs, machine, trainer

pytestmark = [
    pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning"),  # peft's
    pytest.mark.skipif(torch.cuda.is_available(), reason="what a CPU does"),
]
LARGE = 135_000_000


@pytest.fixture(params=[True, False], ids=["bf16", "no bf16"])
def has_bf16(request, monkeypatch):
    monkeypatch.setattr(machine, "_cpu_has_bf16", lambda: request.param)
    return request.param


def test_bf16_is_used_where_the_processor_has_it_and_the_model_is_large_enough(has_bf16):
    assert machine.precision("auto", LARGE) == ("bf16" if has_bf16 else "fp32")
    assert machine.precision("auto", 1000) == "fp32"
    assert machine.precision("fp32", LARGE) == "fp32"


def test_bf16_without_its_instructions_is_refused(monkeypatch):
    monkeypatch.setattr(machine, "_cpu_has_bf16", lambda: False)
    with pytest.raises(UsageError, match="no bf16 instructions"):
        machine.precision("bf16", LARGE)


def test_attention_in_fp32_is_the_same_attention_masks_included(model):
    from aitelier_nb.providers.local.attention import stay_exact

    ids = torch.tensor([[5, 6, 7, 8, 9], [7, 8, 9, 2, 2]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]])
    before = model(ids, attention_mask=mask).logits
    stay_exact(model)
    assert model.config._attn_implementation != "sdpa"
    assert torch.equal(model(ids, attention_mask=mask).logits, before)


def pair(asked, chosen, rejected):
    line = {"prompt": [{"role": "user", "content": asked}]}
    line |= {"chosen": [{"role": "assistant", "content": chosen}]}
    return json.dumps(line | {"rejected": [{"role": "assistant", "content": rejected}]}) + "\n"


@pytest.mark.parametrize("kind", ["chat", "preference"])
def test_a_run_in_bf16_follows_the_one_in_fp32_and_repeats_to_the_byte(tmp_path, tiny, monkeypatch, kind):
    from tiny_model import training_file

    monkeypatch.setattr(machine, "_cpu_has_bf16", lambda: True)
    monkeypatch.setenv("AITELIER_CACHE", str(tmp_path / "cache"))
    file = training_file(tmp_path / "train.jsonl")
    if kind == "preference":
        texts = [
            (letter * 3**place, "yes" * (1 + place), "no" * 5) for place, letter in enumerate("abcd")
        ] * 2
        file.write_text("".join(pair(*text) for text in texts))
    curves, digests = [], []
    for place, precision in enumerate(("fp32", "bf16", "bf16")):
        provider = open_provider("local", Settings(project=tmp_path / str(place)))
        words = {"learning_rate": 0.02, "max_steps": 8, "precision": precision}
        request = JobRequest(str(tiny), file, f"{place}" * 64, hyperparameters=words, kind=kind)
        folder = jobs.prepare(provider._jobs(), request)
        assert trainer.main([str(folder)]) == 0
        events = provider.events(folder.name)
        curves.append([event.loss for event in events if event.step])
        digests.append(provider.job(folder.name).adapter_sha256)
        assert any((event.message or "").endswith(f"in {precision}") for event in events)
    assert curves[1] == pytest.approx(curves[0], rel=0.05, abs=0.02)
    assert curves[1] != curves[0]
    assert digests[1] == digests[2] != digests[0]
    if kind == "preference":
        assert [curve[0] for curve in curves] == pytest.approx([math.log(2)] * 3, abs=1e-5)
