"""Archives that come from outside: unpacked beside their place, checked, and put there in one step."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from aitelier_nb.errors import DataError, StorageError
from aitelier_nb.storage.files import refusals

__all__ = ["unpacked_into"]

KINDS = {b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b": "gzip", b"BZh": "bz2"}
"""The first bytes of what packs a tar archive, and its name."""


@contextmanager
def unpacked_into(folder: Path) -> Iterator[Path]:
    """Give a path for an archive (tar, packed or not); at the end its files lie in the folder.

    A folder inside the archive that holds everything is left out. When the block or the unpacking
    fails, nothing is there.

    Raises
    ------
    StorageError
        The folder is there and holds something, or the disk refuses.
    DataError
        What came is no archive.
    """
    if folder.exists() and any(folder.iterdir()):
        raise StorageError(f"{folder} is not empty", hint="name a new folder")
    work = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(work, ignore_errors=True)
    try:
        with refusals(folder):
            (work / "out").mkdir(parents=True)
            packed = work / "archive"
            yield packed
            _unpack(packed, work / "out")
            shutil.rmtree(folder, ignore_errors=True)
            _single(work / "out").rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _unpack(packed: Path, folder: Path) -> None:
    with packed.open("rb") as file:
        start = file.read(4)
    kind = next((name for magic, name in KINDS.items() if start.startswith(magic)), None)
    try:
        with (
            pa.input_stream(str(packed), compression=kind) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, pa.ArrowException, EOFError) as error:
        raise DataError("what was downloaded is no archive of weights", hint="run it again") from error


def _single(folder: Path) -> Path:
    """Return the folder that holds the files: the one inside where there is nothing else."""
    inside = list(folder.iterdir())
    return _single(inside[0]) if len(inside) == 1 and inside[0].is_dir() else folder
