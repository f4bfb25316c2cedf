"""A local run as TRL reads it, for torchrun on a rented machine: a YAML file and the data beside it.

Conversations go out as token ids with a mark on what is learnt, so TRL learns from the very same tokens:
its own masks need a chat template with marks of its own, which most models' templates lack.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from aitelier_nb.providers.local.conversations import IGNORED, encode
from aitelier_nb.providers.local.folders import read_examples, read_json
from aitelier_nb.providers.local.hyperparameters import Hyperparameters

__all__ = ["write"]

DATA, TOKENS = "train.jsonl", "tokens.jsonl"


def write(model: Path, job: Path, path: Path) -> None:
    """Write the run of a job folder into a new folder; `model` is its base, for the tokens."""
    asked = read_json(job / "job.json") or {}
    given = Hyperparameters.model_validate(asked["hyperparameters"])
    kind = "dpo" if asked["kind"] == "preference" else "sft"
    path.mkdir(parents=True, exist_ok=True)
    if kind == "dpo":
        _write_pairs(job, path)
    else:
        shutil.copyfile(job / DATA, path / DATA)
        _write_tokens(model, given, job, path)
    lines = [
        f"# torchrun --standalone --nproc_per_node N -m trl.scripts.{kind} --config {kind}.yaml",
        f"model_name_or_path: {json.dumps(asked['base'])}",
        "datasets:",
        "  - path: json",
        "    data_files:",
        f"      train: {DATA if kind == 'dpo' else TOKENS}",
        *(f"{name}: {json.dumps(value)}" for name, value in _trl(given, asked["examples"], kind).items()),
    ]
    (path / f"{kind}.yaml").write_text("\n".join(lines) + "\n", "utf-8")


def _write_tokens(model: Path, given: Hyperparameters, job: Path, path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    with (path / TOKENS).open("w", encoding="utf-8") as stream:
        for row in read_examples(job / DATA):
            one = encode(tokenizer, row["messages"], longest=given.max_length, tools=row.get("tools"))
            if one.learnt:
                mask = [int(label != IGNORED) for label in one.labels]
                stream.write(json.dumps({"input_ids": one.ids, "assistant_masks": mask}) + "\n")


def _write_pairs(job: Path, path: Path) -> None:
    with (path / DATA).open("w", encoding="utf-8") as stream:
        for row in read_examples(job / DATA, preference=True):
            pair: dict[str, Any] = {side: row[side] for side in ("prompt", "chosen", "rejected")}
            stream.write(json.dumps(pair, ensure_ascii=False) + "\n")


def _trl(given: Hyperparameters, examples: int, kind: str) -> dict[str, object]:
    """Return a run's hyperparameters by TRL's names."""
    processes = given.workers * given.nodes
    micro = given.micro_batch_size or max(1, given.batch_size // processes)
    modules = given.lora_trainable_modules
    names = {
        "output_dir": "adapter",
        "use_peft": True,
        "lora_r": given.lora_r,
        "lora_alpha": int(given.lora_alpha),
        "lora_dropout": given.lora_dropout,
        "lora_target_modules": modules
        if modules == "all-linear"
        else [n.strip() for n in modules.split(",")],
        "learning_rate": given.learning_rate,
        "lr_scheduler_type": "constant_with_warmup" if given.scheduler == "constant" else given.scheduler,
        "warmup_steps": round(given.steps(examples) * given.warmup_ratio),
        "weight_decay": given.weight_decay,
        "max_grad_norm": given.max_grad_norm,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": max(1, given.batch_size // (micro * processes)),
        "max_steps": given.steps(examples),
        "max_length": given.max_length,
        "seed": given.seed,
        "bf16": given.precision == "bf16",
        "gradient_checkpointing": False,
        "report_to": "none",
    }
    return {**names, "beta": given.dpo_beta} if kind == "dpo" else names
