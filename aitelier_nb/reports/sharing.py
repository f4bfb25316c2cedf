"""A clean copy of a notebook, and a zip of what a colleague needs to run it again.

Widget state, timestamps, keys and absolute paths are taken out; a widget's static view stays. The
same project gives the same zip, byte for byte.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aitelier_nb.curation import personal
from aitelier_nb.errors import ReportError
from aitelier_nb.redaction import PATTERN, redact
from aitelier_nb.reports import environment, fingerprints
from aitelier_nb.reports.notebooks import read, root_of
from aitelier_nb.storage import files
from aitelier_nb.storage.project import is_project, open_project
from aitelier_nb.views import View

__all__ = ["Shared", "clean", "share"]

WIDGET = "application/vnd.jupyter.widget-view+json"
MANIFEST, LOCK = "manifest.json", "requirements.txt"
DAY_ZERO = (1980, 1, 1, 0, 0, 0)
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEPT = ("tags", "slideshow")
HOMES = "home|Users|root|tmp|var|private|mnt|opt|srv|work|workspace|content|Volumes"
PATHS = re.compile(
    rf"""(?<![\w/.~:-])(?:/(?:{HOMES})(?=/)|[A-Za-z]:(?=\\))[^\s'"<>|*?]*[^\s'"<>|*?.,;:)\]}}]"""
)


@dataclass(frozen=True, repr=False)
class Shared(View):
    """What was written: the clean notebook, the zip, and what lies in it."""

    notebook: Path
    zip_path: Path
    contents: tuple[tuple[str, int, str], ...]
    told: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the two files and the contents with their hashes."""
        rows = [{"path": path, "bytes": size, "sha256": digest} for path, size, digest in self.contents]
        return {
            "notebook": self.notebook.name,
            "zip": self.zip_path.name,
            "files": rows,
            "notes": list(self.told),
        }

    def headline(self) -> str:
        """Name the zip and count what is in it."""
        return f"{self.zip_path.name}: {len(self.contents)} files; clean copy in {self.notebook.name}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("file", "bytes", "sha256")

    def rows(self) -> list[Sequence[object]]:
        """Return the files of the zip."""
        return list(self.contents)

    def notes(self) -> Sequence[str]:
        """Say what was left out."""
        return self.told


def share(path: str | Path, *, out: str | Path | None = None, redact_personal: bool = False) -> Shared:
    """Write a clean copy of a notebook, and a zip with what a colleague needs to run it again.

    Parameters
    ----------
    out
        The zip; beside the notebook and named like it when None. The clean copy goes beside the zip.
    redact_personal
        Mask mail addresses, phone, card and account numbers in the copy too. Examples, recordings
        and evaluations are then left out, since they hold them: such a copy is for reading.

    Raises
    ------
    ReportError
        A file that would go into the zip holds what looks like a key.
    """
    source = Path(path).expanduser().resolve()
    root = root_of(source)
    target = source.with_suffix(".zip") if out is None else Path(out).expanduser().resolve()
    copied = _encoded(clean(read(source), root, redact_personal=redact_personal))
    contents = {source.relative_to(root).as_posix(): copied, LOCK: _lock()}
    told = []
    if is_project(root):
        open_project(root).close()
        contents |= _project_files(root, redact_personal=redact_personal)
        if redact_personal:
            told.append(
                "examples, evaluations and recordings are left out: this copy is for reading, not for running"
            )
    rows = tuple(
        (name, len(data), hashlib.sha256(data).hexdigest()) for name, data in sorted(contents.items())
    )
    contents[MANIFEST] = _manifest(rows)
    notebook = target.with_name(f"{source.stem}.shared.ipynb")
    files.replace(notebook, [copied])
    files.replace(target, [_zip(contents)])
    return Shared(notebook, target, rows, tuple(told))


def clean(notebook: Mapping[str, Any], root: Path, *, redact_personal: bool = False) -> dict[str, Any]:
    """Return a notebook as it may be given away: static views, no widget state, times, keys or paths."""

    def safe(text: str) -> str:
        plain = redact(text.replace(str(root), ".").replace(str(Path.home()), "~"))
        masked = PATHS.sub(lambda match: "…/" + re.split(r"[\\/]", match[0])[-1], plain)
        return personal.masked(masked) if redact_personal else masked

    language = notebook.get("metadata", {}).get("language_info", {}).get("name", "python")
    return {
        "cells": [_cell(cell, safe) for cell in notebook["cells"]],
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": language}},
        "nbformat": notebook.get("nbformat", 4),
        "nbformat_minor": notebook.get("nbformat_minor", 5),
    }


def _cell(cell: Mapping[str, Any], safe: Callable[[str], str]) -> dict[str, Any]:
    metadata = {key: value for key, value in cell.get("metadata", {}).items() if key in KEPT}
    found = {
        **_texts({k: v for k, v in cell.items() if k not in ("metadata", "outputs", "attachments")}, safe)
    }
    found["metadata"] = metadata
    if "attachments" in cell:
        found["attachments"] = cell["attachments"]
    if cell.get("cell_type") == "code":
        found["outputs"] = [_output(output, safe) for output in cell.get("outputs", [])]
    return found


def _output(output: Mapping[str, Any], safe: Callable[[str], str]) -> dict[str, Any]:
    """Return an output without its widget; what the widget shows as text stays."""
    kept = {key: _texts(value, safe) for key, value in output.items() if key not in ("data", "metadata")}
    if "data" in output:
        data = {kind: value for kind, value in output["data"].items() if kind != WIDGET}
        texts = {
            kind: value if kind.startswith("image/png") else _texts(value, safe)
            for kind, value in data.items()
        }
        kept |= {"data": texts or {"text/plain": "(a widget)"}, "metadata": {}}
    return kept


def _texts(value: Any, safe: Callable[[str], str]) -> Any:
    """Return a JSON value with every text made safe; a text in lines is taken whole."""
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
        return safe("".join(value)).splitlines(keepends=True)
    if isinstance(value, list):
        return [_texts(inner, safe) for inner in value]
    if isinstance(value, dict):
        return {key: _texts(inner, safe) for key, inner in value.items()}
    return value


def _encoded(notebook: Mapping[str, Any]) -> bytes:
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _project_files(root: Path, *, redact_personal: bool) -> dict[str, bytes]:
    """Return the files of a project that a colleague needs; those with a key in them are refused."""
    reports = [root / name for name in ("report.html", "report.json", "report.md") if (root / name).is_file()]
    wanted = [*fingerprints.sources(root), *reports]
    if redact_personal:
        wanted = [path for path in wanted if path.name.startswith(".") or path.name == environment.FILE]
    found = {}
    for path in wanted:
        name, data = path.relative_to(root).as_posix(), path.read_bytes()
        _refuse_keys(name, data)
        found[name] = _masked(data) if redact_personal else data
    return found


def _masked(data: bytes) -> bytes:
    """Return a JSON file whose texts, a system prompt say, name no person any more."""
    return (
        json.dumps(_texts(json.loads(data), personal.masked), indent=2, ensure_ascii=False) + "\n"
    ).encode()


def _refuse_keys(name: str, data: bytes) -> None:
    for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
        if PATTERN.search(line):
            raise ReportError(
                f"{name}:{number}: this line holds what looks like a key, so nothing was written",
                hint="take it out (ait rewrite, ait forget) and withdraw the key",
            )


def _lock() -> bytes:
    """Return the versions that matter, as pip reads them."""
    packages = environment.current()["packages"]
    lines = [f"{name}=={packages[name]['version']}\n" for name in environment.MATTERS if name in packages]
    return "".join(lines).encode()


def _manifest(rows: Sequence[tuple[str, int, str]]) -> bytes:
    listed = [{"path": path, "bytes": size, "sha256": digest} for path, size, digest in rows]
    return (json.dumps({"schema": 1, "files": listed}, indent=2, ensure_ascii=False) + "\n").encode()


def _zip(contents: Mapping[str, bytes]) -> bytes:
    """Return the zip of named contents: sorted, one date, one mode: equal contents give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, DAY_ZERO)
            entry.compress_type, entry.external_attr, entry.create_system = (
                zipfile.ZIP_DEFLATED,
                0o644 << 16,
                3,
            )
            archive.writestr(entry, contents[name])
    return buffer.getvalue()
