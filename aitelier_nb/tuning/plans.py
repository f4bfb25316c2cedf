"""What a run is to be: the files it is trained on, checked to be what the examples give now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.providers.base import JobRequest, Trainer
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import records, runs, training_files
from aitelier_nb.tuning.hyperparameters import checked

__all__ = ["checked", "make"]

KINDS = ("chat", "preference")
SPLITS = ("train", "val")


def make(
    project: Project,
    provider: Trainer,
    hyperparameters: Mapping[str, Any],
    *,
    kind: str = "chat",
    model: str | None = None,
    suffix: str | None = None,
    force: bool = False,
) -> records.Plan:
    """Return the plan of a run on the project's training file.

    A missing or empty file is written first, and so is one that is right for the provider that the
    project had. One that is not what the examples give now is refused, because a validation example
    may be in it.

    Raises
    ------
    DataError
        No example to train on, or files that are out of date.
    UsageError
        No base model, or a kind that does not exist.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r}", hint="chat or preference")
    own = project.config.model if project.config.provider == provider.name else None
    base = model or own or provider.default_model
    if not base:
        raise UsageError(f"{provider.name} needs a base model", hint="name one with model= (--model)")
    notes, contents = _current_files(project, provider.name, kind)
    training = contents.path_of("train")
    uploads = bool(hyperparameters.get("n_evals"))
    validation = contents.path_of("val") if uploads and contents.validation else None
    identity = _identity(project, provider.name, base, kind, contents, hyperparameters, force=force)
    known = frozenset(run.job_id for run in project.runs)
    request = JobRequest(base, training, identity, validation, hyperparameters, suffix, kind, known)
    told = (*notes, *_unread(project))
    return records.Plan(request, contents.train_ids, contents.validation_ids, validation is not None, told)


def _unread(project: Project) -> tuple[str, ...]:
    """Say how many lines no run can learn from because they cannot be read, and which is the first."""
    problems = project.dataset.problems()
    if not problems:
        return ()
    count = "1 line was" if len(problems) == 1 else f"{len(problems)} lines were"
    return (f"{count} left out because nobody can read them: {problems[0]}",)


def _current_files(
    project: Project, provider: str, kind: str
) -> tuple[tuple[str, ...], training_files.TrainingFiles]:
    contents = training_files.build(project, provider, kind=kind)
    if not contents.train:
        reason, remedy = contents.why_empty()
        raise DataError(reason, hint=remedy)
    path = contents.path_of("train")
    former = project.config.provider
    if not path.exists() or path.stat().st_size == 0 or _are_for(project, former, provider, kind):
        training_files.write(project, contents)
        return (f"wrote {_shown(project, path)} ({len(contents.train)} examples)",), contents
    for split in SPLITS:
        _refuse_stale(project, contents, split)
    return (), contents


def _are_for(project: Project, former: str, provider: str, kind: str) -> bool:
    """Return whether the files are what the examples give, written for the provider before this one."""
    if former == provider:
        return False
    contents = training_files.build(project, former, kind=kind)
    return all(_lines_in(contents.path_of(split)) == list(contents.lines_of(split)) for split in SPLITS)


def _lines_in(path: Path) -> list[bytes]:
    return [line + b"\n" for line in path.read_bytes().split(b"\n")[:-1]] if path.exists() else []


def _refuse_stale(project: Project, contents: training_files.TrainingFiles, split: str) -> None:
    path = contents.path_of(split)
    there = _lines_in(path)
    wanted = contents.lines_of(split)
    if there == list(wanted):
        return
    pairs = zip(there, wanted, strict=False)
    first = next((place for place, (a, b) in enumerate(pairs, 1) if a != b), min(len(there), len(wanted)) + 1)
    raise DataError(
        f"{_shown(project, path)}:{first}: this is not what the examples give now "
        f"({len(there)} lines there, {len(wanted)} now)",
        hint="write the files again with ait.format() (ait format)",
    )


def _identity(
    project: Project,
    provider: str,
    model: str,
    kind: str,
    contents: training_files.TrainingFiles,
    hyperparameters: Mapping[str, Any],
    *,
    force: bool,
) -> str:
    again = 0
    while True:
        training, validation = b"".join(contents.train), b"".join(contents.validation)
        identity = records.identify(provider, model, kind, training, validation, hyperparameters, again)
        if not force or runs.find(project, identity) is None:
            return identity
        again += 1


def _shown(project: Project, path: Path) -> str:
    return path.relative_to(project.path).as_posix()
