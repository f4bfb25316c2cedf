"""A tuned model for elsewhere: the adapter, merged weights, GGUF for llama.cpp and Ollama, a recipe for TRL.

What needs torch runs in a process of its own: `python -m aitelier_nb.providers.local.exports`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from aitelier_nb.errors import AitelierError, ProviderError, UsageError
from aitelier_nb.providers.local import adapters
from aitelier_nb.providers.local.folders import read_json
from aitelier_nb.providers.local.hyperparameters import Hyperparameters

__all__ = ["adapter", "gguf", "main", "merged", "recipe"]

GGUF = "model.gguf"


def adapter(source: Path, path: Path) -> list[Path]:
    """Copy an adapter (PEFT's two files) into a new folder and return its files."""
    _free(path)
    path.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copy2(source / name, path / name)) for name in (adapters.CONFIG, adapters.WEIGHTS)]


def merged(model: Path, source: Path, path: Path) -> list[Path]:
    """Write base and adapter as one model folder (safetensors, tokenizer, chat template)."""
    return _in_its_own_process("merged", model, source, path)


def gguf(model: Path, source: Path, path: Path) -> list[Path]:
    """Write base and adapter as model.gguf with a Modelfile: `ollama create NAME -f Modelfile` takes it."""
    return _in_its_own_process("gguf", model, source, path)


def recipe(job: Path, path: Path) -> list[Path]:
    """Write a local run as TRL reads it: sft.yaml (or dpo.yaml), its data and a line that starts it."""
    _free(path)
    asked = read_json(job / "job.json") or {}
    given = Hyperparameters.model_validate(asked["hyperparameters"])
    kind = "dpo" if asked["kind"] == "preference" else "sft"
    path.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(job / "train.jsonl", path / "train.jsonl")
    lines = [
        f"# torchrun --standalone --nproc_per_node N -m trl.scripts.{kind} --config {kind}.yaml",
        f"model_name_or_path: {json.dumps(asked['base'])}",
        "datasets:",
        "  - path: json",
        "    data_files:",
        "      train: train.jsonl",
        *(f"{name}: {json.dumps(value)}" for name, value in _trl(given, asked["examples"], kind).items()),
    ]
    (path / f"{kind}.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    return [path / f"{kind}.yaml", path / "train.jsonl"]


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
    return {**names, "beta": given.dpo_beta} if kind == "dpo" else {**names, "assistant_only_loss": True}


def main(words: list[str]) -> int:
    """Merge in a process of its own: KIND, base folder, adapter folder, new folder."""
    kind, model, source, path = words[0], *map(Path, words[1:])
    try:
        if kind == "merged":
            _merge(model, source, path)
        else:
            _write_gguf(model, source, path)
    except AitelierError as error:
        print(error, error.hint, sep="\n", file=sys.stderr)  # noqa: T201 - the parent reads it
        return 1
    return 0


def _merge(model: Path, source: Path, path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    whole = PeftModel.from_pretrained(base, source).merge_and_unload()
    whole.save_pretrained(path)
    AutoTokenizer.from_pretrained(model).save_pretrained(path)


def _write_gguf(model: Path, source: Path, path: Path) -> None:
    from transformers import AutoTokenizer

    from aitelier_nb.providers.local.gguf_files import write_gguf

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        _merge(model, source, Path(folder))
        path.mkdir(exist_ok=True)
        write_gguf(Path(folder), path / GGUF)
        end = AutoTokenizer.from_pretrained(folder).eos_token
    (path / "Modelfile").write_text(f'FROM ./{GGUF}\nPARAMETER stop "{end}"\n', "utf-8")


def _in_its_own_process(kind: str, model: Path, source: Path, path: Path) -> list[Path]:
    """Write into a temporary folder beside the last place, and move it there when it is whole."""
    _free(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        made = Path(folder) / "made"
        words = [sys.executable, "-m", "aitelier_nb.providers.local.exports", kind, model, source, made]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["its process was killed", "free memory"]
            message, hint = lines[-2:] if len(lines) > 1 else (lines[0], "")
            raise ProviderError(f"the model could not be written: {message}", hint=hint)
        if path.exists():
            path.rmdir()
        made.rename(path)
    return sorted(path.iterdir())


def _free(path: Path) -> None:
    """Refuse to write into a folder that holds something."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} is there already", hint="name a new folder, or delete this one")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
