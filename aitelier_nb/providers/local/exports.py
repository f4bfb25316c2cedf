"""A tuned model for elsewhere: the adapter, merged weights, GGUF for llama.cpp and Ollama, a recipe for TRL.

What needs torch runs in a process of its own: `python -m aitelier_nb.providers.local.exports`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from aitelier_nb.errors import AitelierError, ProviderError, UsageError
from aitelier_nb.providers.local import adapters, recipes

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


def recipe(model: Path, job: Path, path: Path) -> list[Path]:
    """Write a local run as TRL reads it: sft.yaml (or dpo.yaml) and data; its first line starts it."""
    return _in_its_own_process("recipe", model, job, path)


def main(words: list[str]) -> int:
    """Write in a process of its own: KIND, base folder, adapter or job folder, new folder."""
    kind, model, source, path = words[0], *map(Path, words[1:])
    try:
        {"merged": _merge, "gguf": _write_gguf, "recipe": recipes.write}[kind](model, source, path)
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
