"""A folder of data files, as Hugging Face saves datasets: its files, and the split that each is of."""

from __future__ import annotations

from pathlib import Path

__all__ = ["files_of"]

ENDINGS = (".arrow", ".parquet", ".jsonl", ".ndjson", ".csv", ".tsv")
SPLITS = ("train", "training", "validation", "valid", "val", "dev", "test")


def files_of(folder: Path) -> list[tuple[str | None, Path]]:
    """Return the data files of a folder with their splits; None where names tell of one split or none.

    What is hidden, or kept in a folder named cache, is none of them.
    """
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.name.removesuffix(".gz").endswith(ENDINGS)
        and path.is_file()
        and not _is_hidden(path.relative_to(folder))
    ]
    splits = [_split_of(path.relative_to(folder)) for path in found]
    several = len({split for split in splits if split}) > 1
    return [(split if several else None, path) for split, path in zip(splits, found, strict=True)]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "cache")) for part in path.parts)


def _split_of(path: Path) -> str | None:
    """Return the split that a folder or the begin of a file's name tells."""
    words = [*path.parts[:-1], path.name.split("-")[0].split(".")[0].split("_")[0]]
    return next((word.lower() for word in words if word.lower() in SPLITS), None)
