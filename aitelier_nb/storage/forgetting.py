"""Real erasure: one example out of every file of the project, and word of what is out of reach."""

from __future__ import annotations

import html
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aitelier_nb.storage import edit_log, files
from aitelier_nb.storage.journal import Change
from aitelier_nb.storage.tombstones import tombstone
from aitelier_nb.views import counted

__all__ = ["Trace", "erase", "history_rows", "left_over", "trace"]

SEALED = ("pairs", "identical", "sides")  # the entries of a study that its commitments cover
TELLING = 20  # characters; a shorter answer ("ok") is said of many examples
LARGEST = 64 << 20  # bytes of a foreign file that is still searched
ARGUMENT = 4000  # characters of a text that git is asked for


class Trace:
    """What an example can be known by: its id and time, and every text that it ever had."""

    def __init__(self, example_id: int, created_at: str, texts: Iterable[str]) -> None:
        self.id, self.created_at = example_id, created_at
        self.texts = frozenset(texts)

    def marks(self, value: Any) -> bool:
        """Say whether a JSON value speaks of the example: by its id and time, or by one of its texts."""
        if isinstance(value, str):
            return value in self.texts
        if isinstance(value, Mapping):
            same_id = self.id in (value.get("id"), value.get("exampleId"))
            named = same_id and value.get("createdAt", self.created_at) == self.created_at
            return (named and ("createdAt" in value or "exampleId" in value)) or any(
                map(self.marks, value.values())
            )
        return isinstance(value, list) and any(map(self.marks, value))

    def without(self, value: Any, *, sealed: bool = False) -> Any:
        """Return a JSON value without the entries that speak of the example; a sealed one leaves a hash."""
        if isinstance(value, list):
            marked = [self.marks(each) for each in value]
            if sealed:
                return [tombstone(each) if mark else each for each, mark in zip(value, marked, strict=True)]
            return [self.without(each) for each, mark in zip(value, marked, strict=True) if not mark]
        if isinstance(value, dict):
            study = "commitments" in value or "salt" in value
            return {key: self.without(each, sealed=study and key in SEALED) for key, each in value.items()}
        return value


def trace(example_id: int, body: Mapping[str, Any] | None, changes: Iterable[Change]) -> Trace:
    """Return what an example can be known by, from its line and all its changes."""
    created_at = "" if body is None else str(body.get("createdAt", ""))
    states = [] if body is None else [body]
    for change in changes:
        states += [change.former, change.later]
        created_at = created_at or change.created_at
    texts = {text for state in states for text in _texts(state)}
    return Trace(example_id, created_at, texts)


def _texts(state: Mapping[str, Any]) -> Iterator[str]:
    for turn in state.get("messages") or []:
        text, role = turn.get("content"), turn.get("role")
        if isinstance(text, str) and (role == "user" or (role == "assistant" and len(text) >= TELLING)):
            yield text
    original = state.get("originalOutput")
    if isinstance(original, str) and len(original) >= TELLING:
        yield original


def erase(folder: Path, known: Trace) -> list[str]:
    """Take the example out of all that was derived from it; return what was erased, a sentence each."""
    told = []
    for path in sorted([*(folder / "data").rglob("*.jsonl"), *(folder / ".aitelier").rglob("*.jsonl")]):
        if path.name not in ("examples.jsonl", "history.jsonl", "journal.jsonl"):
            count = _erase_lines(path, known)
            if count:
                told.append(f"{counted(count, 'line')} of {path.relative_to(folder)}")
    evals = sorted((folder / "data" / "evals").glob("*.json"))
    told += [f"its entries in {path.relative_to(folder)}" for path in evals if _erase_entries(path, known)]
    for path in sorted((folder / "data" / "parquet").glob("*.parquet")):
        path.unlink()
        told.append(f"{path.relative_to(folder)}, which is made again")
    return told


def _erase_lines(path: Path, known: Trace) -> int:
    lines = path.read_bytes().split(b"\n")
    marked = [known.marks(_json(line)) for line in lines]
    kept = [_left(line) if mark else line for line, mark in zip(lines, marked, strict=True)]
    if any(marked):
        files.replace(path, [b"\n".join(line for line in kept if line is not None)])
    return sum(marked)


def _left(line: bytes) -> bytes | None:
    """Return what stays of an erased line: of a sealed one its seal, of any other nothing."""
    row = _json(line)
    return json.dumps(tombstone(row)).encode() if isinstance(row, dict) and "seal" in row else None


def _erase_entries(path: Path, known: Trace) -> bool:
    content = _json(path.read_bytes())
    kept = known.without(content)
    if kept == content:
        return False
    files.replace(path, [json.dumps(kept, indent=2, ensure_ascii=False).encode() + b"\n"])
    return True


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def history_rows(path: Path, example_id: int) -> int:
    """Take an example's lines out of the history; return how many there were."""
    if not path.exists():
        return 0
    lines = path.read_bytes().split(b"\n")
    rows = [(line, edit_log.parsed(line)) for line in lines]
    left = [line if row is None else edit_log.without(line, row, example_id) for line, row in rows]
    kept = [line for line in left if line is not None]
    if kept != lines:
        files.replace(path, [b"\n".join(kept)])
    return sum(line is not before for line, before in zip(left, lines, strict=True))


def left_over(folder: Path, known: Trace) -> list[str]:
    """Return where the example's texts still stand and nobody here may or can erase them."""
    told = [
        f"{path.relative_to(folder)} still holds its text: make it again, or take it out by hand"
        for path in _others(folder)
        if any(form in path.read_bytes() for text in known.texts for form in _forms(text))
    ]
    commits = {commit for text in known.texts for commit in _commits(folder, text)}
    if commits:
        named = ", ".join(sorted(commits)[:5]) + (" and more" if len(commits) > 5 else "")  # noqa: PLR2004
        told.append(
            f"git still holds it in {len(commits)} commits ({named}): "
            "rewrite them with git filter-repo, in every clone"
        )
    return told


def _others(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if ".git" not in inside and path.is_file() and path.stat().st_size <= LARGEST:
            yield path


def _forms(text: str) -> set[bytes]:
    """Return a text as it stands in plain, JSON and HTML files."""
    spelt = (text, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1], html.escape(text))
    return {form.encode(errors="replace") for form in spelt if len(text) >= TELLING}


def _commits(folder: Path, text: str) -> list[str]:
    spelt = json.dumps(text, ensure_ascii=False)[1:-1][:ARGUMENT]
    command = ["git", "log", "--all", "--format=%h", "-S", spelt, "--", "."]
    try:
        answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []
    return answer.stdout.split()
