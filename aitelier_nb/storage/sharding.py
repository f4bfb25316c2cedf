"""Examples in several files: one file cut into shards, and a Parquet file for each of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from aitelier_nb.storage import bodies, files, heads
from aitelier_nb.storage.files import Span
from aitelier_nb.storage.index import Index, scanned
from aitelier_nb.storage.streams import Place

__all__ = ["SIZE", "cut", "finish", "mirror", "next_path", "place_of"]

SIZE = 256 << 20  # bytes of a shard; a fold copies the shards that it changes
BLOCK = 1 << 22


def place_of(path: Path, folder: Path) -> Place:
    """Return where the examples lie: in one file, or in it and the shards of a folder by name."""
    if not os.access(folder, os.F_OK):  # asked at every look, and most projects have none
        return path
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".jsonl"))  # noqa: PTH208 - fast
    except (FileNotFoundError, NotADirectoryError):
        return path
    if not names:
        return path
    first = (path,) if path.exists() and path.stat().st_size else ()
    return (*first, *(folder / name for name in names))


def next_path(last: Path) -> Path:
    """Return the file that comes after the last shard."""
    number = int(last.stem) + 1 if last.stem.isdigit() else 1
    found = last.with_name(f"{number:05}.jsonl")
    return found if found.name > last.name else last.with_name(f"{last.stem}-{number:05}.jsonl")


def cut(path: Path, folder: Path, marker: Path, size: int) -> list[Path]:
    """Cut a file into shards of whole lines, each a little over a size. The caller holds the lock.

    Killed on the way the file is as it was, or `finish` completes what was begun.
    """
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    with files.refusals(folder, "made"):
        new.mkdir(parents=True)
        source = files.Opened(path)
        for number, span in enumerate(_spans(source.descriptor, path.stat().st_size, size), 1):
            files.replace(new / f"{number:05}.jsonl", [span])
        files.replace(marker, [b""])
        if folder.exists():
            folder.rmdir()
        new.rename(folder)
        files.sync_folder(folder.parent)
    finish(path, folder, marker)
    return sorted(folder.glob("*.jsonl"))


def finish(path: Path, folder: Path, marker: Path) -> None:
    """Empty the file that was cut, if its shards hold its very bytes; then nothing is under way any more."""
    if _is_cut(path, folder):
        files.replace(path, [])
    marker.unlink()


def _is_cut(path: Path, folder: Path) -> bool:
    whole = files.Opened(path)
    place = 0
    for shard in sorted(folder.glob("*.jsonl")):
        data = files.Opened(shard)
        size = shard.stat().st_size
        for start in range(0, size, BLOCK):
            block = files.read_at(data.descriptor, start, min(BLOCK, size - start))
            if block != files.read_at(whole.descriptor, place, len(block)):
                return False
            place += len(block)
    return place == path.stat().st_size


def _spans(descriptor: int, length: int, size: int) -> Iterator[Span]:
    start = 0
    while start < length:
        stop = min(start + size, length)
        while stop < length:
            block = files.read_at(descriptor, stop - 1, 1 << 16)
            found = block.find(b"\n")
            stop = min(stop + (found if found >= 0 else len(block) - 1), length)
            if found >= 0 or len(block) <= 1:
                break
        yield Span(descriptor, start, stop)
        start = stop


def mirror(place: tuple[Path, ...], folder: Path) -> None:
    """Bring a folder of Parquet files up to date: one for each shard, with scalars and texts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    wanted = {folder / f"{path.stem}.parquet": path for path in place}
    for other in set(folder.glob("*.parquet")) - set(wanted):
        other.unlink()
    for target, path in wanted.items():
        mark = repr(files.signature(path.stat())).encode()
        try:
            known = (pq.read_schema(target).metadata or {}).get(b"aitelier")
        except (OSError, pa.ArrowException):
            known = None
        if known != mark:
            _write(scanned(path, path.name), target, mark)


def _write(index: Index, target: Path, mark: bytes) -> None:
    import pyarrow as pa

    head = index.table(heads.FRAME)
    texts = pa.concat_tables([bodies.schema().empty_table(), *map(bodies.table, index.batches())])
    for name in ("messages", "input", "output", "odd", "rest"):
        head = head.append_column(name, texts[name])
    options = {"compression": "ZSTD", "compression_level": 1, "row_group_size": bodies.GROUP_ROWS}
    heads.write_parquet(target, head.replace_schema_metadata({"aitelier": mark}), options)
