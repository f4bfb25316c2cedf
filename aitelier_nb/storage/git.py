"""What git has to know so that two people's ratings merge without a conflict."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from aitelier_nb.errors import ProjectError
from aitelier_nb.storage import files

__all__ = ["driver", "is_in_repository", "is_merged", "merging_is_set_up", "set_up_merging"]

ATTRIBUTES = (
    "data/examples.jsonl merge=aitelier",
    "data/examples/*.jsonl merge=aitelier",
    "data/history.jsonl merge=union",
)


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=30
    )


def is_in_repository(folder: Path) -> bool:
    """Say whether a folder lies in a git repository, at its top or below."""
    try:
        return _git(folder, "rev-parse", "--is-inside-work-tree").stdout.strip() == "true"
    except OSError:  # there is no git here
        return False


def merging_is_set_up(folder: Path) -> bool:
    """Say whether git merges this project's examples with our driver."""
    return is_merged(folder) and _git(folder, "config", "merge.aitelier.driver").returncode == 0


def is_merged(folder: Path) -> bool:
    """Say whether a project asks git to merge its examples: several people then work in their own clones."""
    name = f"{folder}/.gitattributes"
    if not os.access(name, os.F_OK):  # asked at every rating, and most projects have none
        return False
    return set(ATTRIBUTES) <= set(Path(name).read_text(encoding="utf-8").split("\n"))


def driver() -> str:
    """Return the command that git is to call: this very Python, which need not be on git's path."""
    return f'"{Path(sys.executable).as_posix()}" -m aitelier_nb merge-driver %O %A %B'


def set_up_merging(folder: Path) -> None:
    """Write .gitattributes, which travels with the project, and name the driver to this clone.

    ProjectError when the folder is in no git repository.
    """
    answer = _git(folder, "config", "merge.aitelier.driver", driver())
    if answer.returncode:
        raise ProjectError(f"{folder} is in no git repository", hint="git init, then set it up again")
    _git(folder, "config", "merge.aitelier.name", "examples, line by line and key by key")
    path = folder / ".gitattributes"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [line for line in ATTRIBUTES if line not in text.split("\n")]
    if missing:
        start = text if not text or text.endswith("\n") else text + "\n"
        files.replace(path, [(start + "\n".join(missing) + "\n").encode()])
