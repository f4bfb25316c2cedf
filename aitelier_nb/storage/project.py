"""A project: its folder, its settings and runs, its dataset."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import ValidationError

from aitelier_nb.errors import ProjectError
from aitelier_nb.schema import Config, Run
from aitelier_nb.storage import files, javascript
from aitelier_nb.storage.dataset import Dataset
from aitelier_nb.storage.editing import now
from aitelier_nb.storage.index import Signature, signature
from aitelier_nb.storage.locks import lock
from aitelier_nb.views import counted

__all__ = ["Project", "create", "find", "is_project", "now", "open_project", "rater_name"]

CONFIG_NAMES = (".aitelier.json", ".ftpipeline.json")
IGNORED = (".env", ".aitelier/", "data/parquet/")


def rater_name(folder: Path) -> str:
    """Return who rates here: AITELIER_RATER, else git's user.name, else "me"."""
    named = os.environ.get("AITELIER_RATER", "").strip()
    if named:
        return named
    try:
        answer = subprocess.run(
            ["git", "config", "user.name"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "me"
    return answer.stdout.strip() or "me"


class Project:
    """One project on disk.

    Attributes
    ----------
    path
        Its folder.
    dataset
        Its examples.
    closed
        Whether `close` was called; a read after it opens the files again.
    """

    def __init__(self, config_path: Path) -> None:
        self.config_path = config_path
        self.path = config_path.parent
        self._named = os.environ.get("AITELIER_RATER", "").strip()
        self.closed = False
        self._read: tuple[Signature, Config] | None = None
        self.dataset = Dataset(
            self.path, rater=lambda: self.rater, last_id=self._last_id, remember_id=self._remember_id
        )

    train_path = property(lambda self: self.path / "data" / "train.jsonl")
    val_path = property(lambda self: self.path / "data" / "val.jsonl")
    evals_path = property(lambda self: self.path / "data" / "evals")
    recordings_path = property(lambda self: self.path / "data" / "recordings")
    state_path = property(lambda self: self.path / ".aitelier")

    @cached_property
    def rater(self) -> str:
        """Who makes edits here; git is asked when the first one is made."""
        return self._named or rater_name(self.path)

    @property
    def config(self) -> Config:
        """The settings and runs as they stand in the file now."""
        now = self._signature()
        if self._read is None or self._read[0] != now:
            self._read = now, self._validated(self._raw())
        return self._read[1]

    @property
    def runs(self) -> list[Run]:
        """The fine-tunes of this project, oldest first."""
        return self.config.runs

    def _signature(self) -> Signature:
        try:
            return signature(self.config_path.stat())
        except FileNotFoundError as error:
            raise ProjectError(
                f"{self.config_path} is gone", hint="restore it, or `ait init NAME`"
            ) from error

    def _raw(self) -> dict[str, Any]:
        try:
            found = json.loads(self.config_path.read_bytes().decode("utf-8-sig"))
        except OSError as error:
            raise ProjectError(f"{self.config_path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            line = bytes(error.object)[: error.start].count(b"\n") + 1
            raise ProjectError(
                f"{self.config_path}:{line} is not UTF-8: byte {error.object[error.start]:#04x}",
                hint="repair that line, or restore it from git",
            ) from error
        except ValueError as error:
            where = f":{error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            raise ProjectError(
                f"{self.config_path}{where} is not JSON: {error}",
                hint="repair that line, or restore it from git",
            ) from error
        if not isinstance(found, dict):
            raise ProjectError(
                f"{self.config_path} is no object", hint="restore it from git, or `ait init NAME` elsewhere"
            )
        return found

    def _validated(self, raw: dict[str, Any]) -> Config:
        try:
            return Config.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise ProjectError(
                f"{self.config_path}: {key}: {first['msg'].lower()}", hint=f'correct "{key}" in that file'
            ) from error

    def change_config(self, change: Callable[[dict[str, Any]], None]) -> Config:
        """Change the settings: `change` gets the file's object, in its order and with all its keys."""
        with lock(self.state_path / "lock"):
            raw = self._raw()
            before = javascript.dumps(raw)
            change(raw)
            after = javascript.dumps(raw)
            config = self._validated(raw)
            if after != before:
                files.replace(self.config_path, [after.encode() + b"\n"])
        return config

    def add_run(self, run: Run) -> Run:
        """Write a new run down."""
        self.change_config(lambda raw: raw.setdefault("runs", []).append(run.to_json()))
        return run

    def change_run(self, job_id: str, **fields: Any) -> Run:
        """Set fields of a run by their names in Run; None leaves one as it is."""
        keys = {name: field.alias or name for name, field in Run.model_fields.items()}
        values = {keys.get(name, name): value for name, value in fields.items() if value is not None}

        def change(raw: dict[str, Any]) -> None:
            for run in raw.get("runs", []):
                if run.get("jobId") == job_id:
                    run.update(values)
                    return
            raise ProjectError(f"there is no run {job_id}", hint="`ait status --all` shows them")

        config = self.change_config(change)
        return next(run for run in config.runs if run.job_id == job_id)

    def _last_id(self) -> int:
        return int(self.config.aitelier_nb.get("highWaterMark", 0))

    def _remember_id(self, last: int) -> None:
        self.change_config(lambda raw: raw.setdefault("aitelierNb", {}).update(highWaterMark=last))

    def close(self) -> None:
        """Fold all edits and let go of the files."""
        self.dataset.close()
        self.closed = True

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the project against all other writers, threads and processes; re-entrant."""
        with lock(self.state_path / "lock"):
            yield

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Project {self._told()}>"

    def __str__(self) -> str:
        """Return what a terminal prints of a project."""
        empty = "" if len(self.dataset) else "\nNext: `ait import FILE` for what you have, or `ait add`"
        return f"Project {self._told()} in {self.path}{empty}"

    def _told(self) -> str:
        examples, runs = counted(len(self.dataset), "example"), counted(len(self.runs), "run")
        return f"{self.config.name}: {examples}, {runs}"


def create(path: Path | str, config: Config) -> Project:
    """Make a new project in a folder; ProjectError when one is there."""
    folder = Path(path).expanduser()
    for name in CONFIG_NAMES:
        if (folder / name).exists():
            raise ProjectError(f"a project is already in {folder}", hint="open it, or choose another folder")
    raw = config.model_dump(by_alias=True, exclude_none=True, exclude_unset=False)
    if not raw.get("aitelierNb"):
        raw.pop("aitelierNb", None)
    with files.refusals(folder, "made"):
        (folder / "data" / "evals").mkdir(parents=True, exist_ok=True)
        for name in ("examples.jsonl", "train.jsonl", "val.jsonl"):
            (folder / "data" / name).touch()
    _ignore(folder / ".gitignore")
    order = ("name", "provider", "model", "systemPrompt", "qualityThreshold", "runs")
    ordered = {key: raw[key] for key in order if key in raw} | raw
    files.replace(folder / CONFIG_NAMES[0], [javascript.dumps(ordered).encode() + b"\n"])
    return open_project(folder)


def _ignore(path: Path) -> None:
    with files.refusals(path):
        text = path.read_text() if path.exists() else ""
    missing = [line for line in IGNORED if line not in text.split("\n")]
    if missing:
        start = text if not text or text.endswith("\n") else text + "\n"
        files.replace(path, [(start + "\n".join(missing) + "\n").encode()])


def is_project(path: Path | str) -> bool:
    """Say whether a folder holds a project."""
    return any((Path(path) / name).is_file() for name in CONFIG_NAMES)


def open_project(path: Path | str = ".") -> Project:
    """Open the project of a folder; ProjectError when there is none."""
    folder = Path(path).expanduser().resolve()
    if folder.name in CONFIG_NAMES:
        folder = folder.parent
    for name in CONFIG_NAMES:
        if (folder / name).is_file():
            project = Project(folder / name)
            _ = project.config
            return project
    raise ProjectError(f"there is no project in {folder}", hint="ait init NAME")


def find(start: Path | None = None) -> Project:
    """Open the project of a folder or of the nearest one above it."""
    here = (start or Path.cwd()).expanduser().resolve()
    for folder in (here, *here.parents):
        if is_project(folder):
            return open_project(folder)
    raise ProjectError(f"there is no project in {here} or above it", hint="ait init NAME")
