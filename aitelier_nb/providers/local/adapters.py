"""A LoRA adapter on disk: PEFT's two files, written whole or not at all, the same bytes for the same run."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from aitelier_nb.errors import NotCallable
from aitelier_nb.providers.local.library import sha256

__all__ = ["CONFIG", "WEIGHTS", "base_of", "digest", "is_whole", "write"]

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


def write(model: Any, folder: Path, base: str) -> str:
    """Write the adapter of a PEFT model into `folder` in one step, and return its digest.

    `base` is the public name of the base model; paths of this machine stay out of the file.
    """
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    temporary = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    weights = {name: value.contiguous().cpu() for name, value in get_peft_model_state_dict(model).items()}
    save_file(weights, temporary / WEIGHTS, metadata={"format": "pt"})
    (temporary / CONFIG).write_text(_config(model, base), "utf-8")
    for file in temporary.iterdir():
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
    return digest(folder)


def is_whole(folder: Path) -> bool:
    """Say whether both files of an adapter are there."""
    return (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file()


def base_of(folder: Path) -> str:
    """Return the name of the base model that an adapter says it goes with.

    Raises
    ------
    NotCallable
        It does not say.
    """
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        base = str(config.get("base_model_name_or_path") or "")
    except (ValueError, AttributeError) as error:
        raise NotCallable(f"{folder.name}/{CONFIG} cannot be read", hint="bring it home again") from error
    if not base:
        raise NotCallable(
            f"{folder.name}/{CONFIG} names no base model",
            hint="write its name or folder there as base_model_name_or_path",
        )
    return base.removesuffix("-Reference")  # a hosted service's own name for weights that it trains


def digest(folder: Path) -> str:
    """Return the SHA-256 of the adapter's weights, in hex: what identifies a tuned model."""
    return sha256(folder / WEIGHTS)


def _config(model: Any, base: str) -> str:
    """Return adapter_config.json; sets are sorted, because their order differs from process to process."""
    config = model.peft_config["default"].to_dict()
    config["base_model_name_or_path"] = base or None
    config["inference_mode"] = True
    plain = {
        key: sorted(value) if isinstance(value, (set, frozenset)) else value for key, value in config.items()
    }
    return json.dumps(plain, indent=2, sort_keys=True, default=str) + "\n"
