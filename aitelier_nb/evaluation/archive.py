"""The folder data/evals: a file of its own for each evaluation, written once, never overwritten."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aitelier_nb.errors import EvaluationError
from aitelier_nb.storage import javascript
from aitelier_nb.storage.files import replace
from aitelier_nb.storage.locks import lock
from aitelier_nb.storage.project import Project

__all__ = ["FORMAT", "identical", "latest", "load", "paths", "rewrite", "version_of", "votes_path", "write"]

FORMAT = 1
HEAD = 4096  # bytes; kind, identity and time stand before everything that can be long
STAMP = re.compile(rb'"(?:createdAt|timestamp)": "([^"]+)"')
IDENTITY = re.compile(rb'"identity": "([0-9a-f]{64})"')


def paths(project: Project, kind: str = "*") -> list[Path]:
    """Return the files of one kind ("eval", "compare") or of all, oldest first."""
    found = [path for path in project.evals_path.glob(f"{kind}-*.json") if not path.name.startswith(".")]
    return sorted(found, key=lambda path: (_first(STAMP, path), path.name))


def _first(pattern: re.Pattern[bytes], path: Path) -> str:
    """Return what a pattern finds in the first lines of a file, without parsing the whole of it."""
    try:
        with path.open("rb") as file:
            found = pattern.search(file.read(HEAD))
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be read: {error.strerror}", hint="check its permissions"
        ) from error
    return found[1].decode("utf-8", "replace") if found else ""


def load(path: Path) -> dict[str, Any]:
    """Return the content of an evaluation file."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be read: {error.strerror}", hint="`ait eval` writes one"
        ) from error
    except ValueError as error:
        raise EvaluationError(f"{path} is not JSON: {error}", hint="restore it from git") from error
    if not isinstance(content, dict):
        raise EvaluationError(f"{path} is no evaluation", hint="restore it from git")
    return content


def write(project: Project, kind: str, version: str, content: Mapping[str, Any]) -> Path:
    """Write a new file under the next free name and return its path."""
    with lock(project.state_path / "evals.lock"):
        name = f"{kind}-{version}-{str(content['createdAt'])[:10]}"
        names = _names(project.evals_path, name)
        path = next(path for path in names if not (path.exists() or votes_path(path).exists()))
        replace(path, [javascript.dumps(dict(content)).encode("utf-8") + b"\n"])
    return path


def rewrite(path: Path, content: Mapping[str, Any]) -> None:
    """Put a study with something added in the place of the study; the caller holds its lock."""
    replace(path, [javascript.dumps(dict(content)).encode("utf-8") + b"\n"])


def _names(folder: Path, name: str) -> Iterator[Path]:
    yield folder / f"{name}.json"
    number = 2
    while True:
        yield folder / f"{name}-{number}.json"
        number += 1


def identical(project: Project, kind: str, identity: str) -> tuple[Path, dict[str, Any]] | None:
    """Return the latest file that was made from the same things, or None."""
    for path in reversed(paths(project, kind)):
        if _first(IDENTITY, path) == identity:
            return path, load(path)
    return None


def latest(project: Project, kind: str) -> Path | None:
    """Return the newest file of a kind, or None."""
    found = paths(project, kind)
    return found[-1] if found else None


def votes_path(path: Path) -> Path:
    """Return where the votes or scores of an evaluation file are appended."""
    return path.with_name(f"{path.stem}.votes.jsonl")


def version_of(project: Project, job_id: str | None) -> str:
    """Return `v{n}`, the run's place among the runs, or "base"."""
    places = {run.job_id: place for place, run in enumerate(project.runs, 1)}
    return f"v{places[job_id]}" if job_id in places else "base"
