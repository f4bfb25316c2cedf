"""Models of a Hugging Face hub: fetched into its own cache, found there again, and removed from it."""

from __future__ import annotations

import hashlib
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aitelier_nb.errors import ModelMissing

__all__ = ["checksum", "fetch", "kept", "license_of", "remove", "size_of"]

WANTED = ("*.json", "*.safetensors", "*.jinja", "*.model", "*.txt", "README.md")
DIGEST = re.compile(r"[0-9a-f]{64}")
LICENSE = re.compile(r"\A---\n(?:.*\n)*?license: *([\w.-]+)", re.MULTILINE)


def fetch(name: str) -> Path:
    """Return the folder of a model, from the cache or fetched now; progress is shown on stderr.

    Raises
    ------
    ModelMissing
        It is not here and cannot be fetched.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(WANTED)))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise ModelMissing(
            f"the model {name} is not on this machine and could not be fetched",
            hint="check the name and the network, or use the embedded model, which needs no hub",
        ) from error


def kept() -> dict[str, Path]:
    """Return the models in the hub's cache that can be loaded, each with its newest revision's folder."""
    found: dict[str, Path] = {}
    for repository in _repositories():
        newest = max(repository.revisions, key=lambda one: one.last_modified)
        folder = Path(newest.snapshot_path)
        if (folder / "config.json").is_file() and any(folder.glob("*.safetensors")):
            found[repository.repo_id] = folder
    return found


def remove(name: str) -> int:
    """Delete all revisions of a model from the hub's cache, and return the bytes freed."""
    from huggingface_hub import scan_cache_dir

    mine = [repository for repository in _repositories() if repository.repo_id == name]
    revisions = [revision.commit_hash for repository in mine for revision in repository.revisions]
    plan = scan_cache_dir().delete_revisions(*revisions)
    plan.execute()
    return int(plan.expected_freed_size)


def license_of(folder: Path) -> str | None:
    """Return the licence that a model's card names."""
    try:
        found = LICENSE.match((folder / "README.md").read_text("utf-8", "replace"))
    except OSError:
        return None
    return found[1] if found else None


def checksum(folder: Path) -> str | None:
    """Return what the hub's cache knows of the weights' SHA-256, of all files joined where there are several.

    A large file lies in the cache under its SHA-256; where one does not, nothing is computed.
    """
    names = [file.resolve().name for file in sorted(folder.glob("*.safetensors"))]
    if not names or not all(DIGEST.fullmatch(name) for name in names):
        return None
    return names[0] if len(names) == 1 else hashlib.sha256("".join(names).encode()).hexdigest()


def size_of(folder: Path) -> int:
    """Return the bytes of a folder's files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _repositories() -> list[Any]:
    if find_spec("huggingface_hub") is None:
        return []
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        return sorted(
            (one for one in scan_cache_dir().repos if one.repo_type == "model" and one.revisions),
            key=lambda one: one.repo_id,
        )
    except CacheNotFound:
        return []
