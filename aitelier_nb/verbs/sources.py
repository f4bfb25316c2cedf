"""Where examples come from: a file, a frame, a list, a dataset, another project."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.formats import own_keys, readers
from aitelier_nb.progress import Progress
from aitelier_nb.storage.project import Project, is_project
from aitelier_nb.storage.scanning import collector_paused
from aitelier_nb.verbs import folders, objects
from aitelier_nb.verbs.current import current

__all__ = ["parse"]

LONG = 20 * 2**20  # bytes from which reading shows how far it is


def parse(
    source: Any, named: str, columns: Mapping[str, str] | None, scale: str | None
) -> tuple[str, readers.Parsed]:
    """Return the source's name and what its rows say; `named` is the format, or "auto"."""
    if isinstance(source, Project):
        source = source.path
    if columns is not None and not isinstance(columns, Mapping):
        raise UsageError("map names a column for each of our fields", hint='map={"input": "question"}')
    if isinstance(source, (str, Path)):
        return _of_file(Path(source).expanduser(), named, columns, scale)
    name = type(source).__name__
    if isinstance(source, (bytes, bytearray)):
        return name, readers.read(bytes(source), format=named, columns=columns, scale=scale)
    rows = objects.rows_of(source)
    return name, readers.read_rows(rows, name=name, format=named, columns=columns, scale=scale)


def _of_file(
    path: Path, named: str, columns: Mapping[str, str] | None, scale: str | None
) -> tuple[str, readers.Parsed]:
    if path.is_dir() and not is_project(path):
        inside = folders.files_of(path)
        if inside:
            return path.resolve().name, _of_files(path, inside, named, columns, scale)
    if path.is_dir():
        project = current(path)
        project.dataset.fold()
        path = path / "data" / "examples.jsonl"
    return path.name, _read(path, path.name, named, columns, scale)


def _of_files(
    folder: Path,
    inside: Sequence[tuple[str | None, Path]],
    named: str,
    columns: Mapping[str, str] | None,
    scale: str | None,
) -> readers.Parsed:
    """Return what the files of a folder hold together; a row that is left out is told with its file."""
    whole = readers.Parsed(named)
    formats: dict[str, None] = {}
    for split, path in inside:
        name = path.relative_to(folder).as_posix()
        one = _read(path, name, named, columns, scale)
        formats |= {one.format: None} if one.examples else {}
        whole.examples += one.examples if split is None else _of_split(one, split, name)
        whole.lines += one.lines
        whole.notices += [notice for notice in one.notices if notice not in whole.notices]
        whole.rejected += [replace(row, reason=f"{name}: {row.reason}") for row in one.rejected]
    whole.format = " and ".join(formats) or "unknown"
    return whole


def _of_split(one: readers.Parsed, split: str, name: str) -> list[dict[str, Any]]:
    rows = [{"split": split, **row} for row in one.rows]
    told: Counter[str] = Counter()
    for row in rows:
        own_keys.mend(row, None, told)
    one.notices += [f"{name}: {what} ({count}x)" for what, count in told.items()]
    return rows


def _read(
    path: Path, name: str, named: str, columns: Mapping[str, str] | None, scale: str | None
) -> readers.Parsed:
    data = _bytes_of(path)
    with collector_paused(), _progress(len(data)) as reached:
        return readers.read(data, name=name, format=named, columns=columns, scale=scale, reached=reached)


@contextmanager
def _progress(size: int) -> Iterator[Callable[[int], None] | None]:
    """Give what shows how far a long file is read, None for a short one."""
    if size < LONG:
        yield None
        return
    with Progress("lines read", lasting=False) as progress:
        yield progress.reach


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file", hint="check the path") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", hint="check the file and its permissions") from error
