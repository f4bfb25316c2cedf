"""Where examples come from: a file, a frame, a list, a dataset, another project."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aitelier_nb.errors import DataError
from aitelier_nb.formats import readers
from aitelier_nb.progress import Progress
from aitelier_nb.storage.project import Project
from aitelier_nb.storage.scanning import collector_paused
from aitelier_nb.verbs.current import current

__all__ = ["parse"]

LONG = 20 * 2**20  # bytes from which reading shows how far it is


def parse(
    source: Any, named: str, columns: Mapping[str, str] | None, scale: str | None
) -> tuple[str, readers.Parsed]:
    """Return the source's name and what its rows say; `named` is the format, or "auto"."""
    if isinstance(source, Project):
        source = source.path
    if isinstance(source, (str, Path)):
        return _of_file(Path(source).expanduser(), named, columns, scale)
    name = type(source).__name__
    is_frame = hasattr(source, "to_dict") and hasattr(source, "columns")
    rows = source.to_dict("records") if is_frame else source
    return name, readers.read_rows(rows, name=name, format=named, columns=columns, scale=scale)


def _of_file(
    path: Path, named: str, columns: Mapping[str, str] | None, scale: str | None
) -> tuple[str, readers.Parsed]:
    if path.is_dir():
        project = current(path)
        project.dataset.fold()
        path = path / "data" / "examples.jsonl"
    data = _bytes_of(path)
    with collector_paused(), _progress(len(data)) as reached:
        found = readers.read(
            data, name=path.name, format=named, columns=columns, scale=scale, reached=reached
        )
    return path.name, found


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
