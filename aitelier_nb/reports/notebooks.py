"""A notebook run again: fresh kernel, copied folder, no network, no key, a time limit; outputs compared.

Every saved table and figure must come out with the same SHA-256. The notebook and its project
stay as they are: what runs is a copy.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aitelier_nb.errors import ReportError
from aitelier_nb.reports import offline
from aitelier_nb.reports.execution import execute
from aitelier_nb.storage.project import is_project, open_project
from aitelier_nb.views import View

__all__ = ["Output", "Rerun", "outputs", "read", "rerun", "root_of"]

LEFT_OUT = (
    ".aitelier",
    ".git",
    ".venv",
    "venv",
    "node_modules",
    "__pycache__",
    ".ipynb_checkpoints",
    "parquet",
)
UNCOMPARED = ("application/vnd.jupyter.widget-view+json",)  # holds a new id each time
SHOWN = 20


@dataclass(frozen=True)
class Output:
    """One thing that a cell shows, in one form: cell (from 1), place, kind, and its SHA-256."""

    cell: int
    place: int
    kind: str
    sha256: str
    start: str


@dataclass(frozen=True, repr=False)
class Rerun(View):
    """What came out: `ok` when every output is the same, otherwise the cells that differ."""

    notebook: str
    same: int
    differing: tuple[tuple[int, str, str, str], ...]
    seconds: float = field(compare=False)

    @property
    def ok(self) -> bool:
        """Whether every saved output came out again."""
        return not self.differing

    def to_json(self) -> dict[str, Any]:
        """Return ok, how many outputs are the same, and those that are not."""
        keys = ("cell", "kind", "before", "now")
        rows = [dict(zip(keys, row, strict=True)) for row in self.differing]
        return {"ok": self.ok, "notebook": self.notebook, "same": self.same, "different": rows}

    def headline(self) -> str:
        """Count the outputs that came out again."""
        total = self.same + len(self.differing)
        if self.ok:
            return f"{self.notebook} comes out again: {total} of {total} outputs are the same"
        told = f"{self.same} of {total} outputs are the same, first in cell {self.differing[0][0]}"
        return f"{self.notebook} comes out otherwise: {told}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("cell", "kind", "saved", "now")

    def rows(self) -> list[Sequence[object]]:
        """Return the outputs that differ, the first ones."""
        return list(self.differing[:SHOWN])

    def failed(self) -> bool:
        """Tell whether a command that shows this has failed."""
        return not self.ok


def rerun(path: str | Path, *, timeout: float = 600, loopback: bool = False) -> Rerun:
    """Run a notebook again without a network and compare every saved output.

    Parameters
    ----------
    timeout
        Seconds for the whole notebook.
    loopback
        Allow connections to this machine itself: a notebook that starts a test server needs them.

    Raises
    ------
    ReportError
        There is no such notebook, a cell has no saved outputs to compare with, a cell fails, or
        the time is up.
    """
    source = Path(path).expanduser().resolve()
    saved = read(source)
    _check_saved(source, saved)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rerun-") as folder:
        root = root_of(source)
        copy = Path(folder) / "copy"
        _copy(root, copy)
        hooked = offline.hook(Path(folder) / "start", loopback=loopback)
        place = (copy / source.relative_to(root)).parent
        environment = offline.environment(hooked)
        again = execute(source.name, saved, place, seconds=timeout, environment=environment)
    same, differing = _compared(list(outputs(saved)), list(outputs(again)))
    return Rerun(source.name, same, tuple(differing), time.monotonic() - begun)


def read(path: Path) -> dict[str, Any]:
    """Return a notebook's content; ReportError when it is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ReportError(
            f"{path} cannot be read: {error.strerror}", hint="name a notebook (.ipynb)"
        ) from error
    except ValueError as error:
        raise ReportError(f"{path.name} is no notebook: {error}", hint="name a notebook (.ipynb)") from error
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise ReportError(f"{path.name} is no notebook: it has no cells", hint="name a notebook (.ipynb)")
    return content


def root_of(notebook: Path) -> Path:
    """Return what a notebook needs around it: the project's folder that it lies in, else its own."""
    return next((folder for folder in notebook.parents if is_project(folder)), notebook.parent)


def outputs(notebook: Mapping[str, Any]) -> Iterator[Output]:
    """Yield every output of every code cell in every form, with its SHA-256; streams of a cell are joined."""
    for number, cell in enumerate(notebook["cells"], 1):
        if cell.get("cell_type") != "code":
            continue
        for place, (kind, text) in enumerate(_forms(cell.get("outputs", []))):
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            yield Output(number, place, kind, digest, text[:80])


def _forms(found: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    streams: dict[str, str] = {}
    for output in found:
        if output["output_type"] == "stream":
            streams[output["name"]] = streams.get(output["name"], "") + _text(output["text"])
    yield from streams.items()
    for output in found:
        if output["output_type"] == "error":
            yield "error", f"{output['ename']}: {output['evalue']}"
        for kind, value in sorted(output.get("data", {}).items()):
            if kind not in UNCOMPARED:
                yield kind, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    lines = isinstance(value, list) and all(isinstance(line, str) for line in value)
    return "".join(value) if lines else json.dumps(value, sort_keys=True)


def _check_saved(source: Path, saved: Mapping[str, Any]) -> None:
    cells = [
        cell for cell in saved["cells"] if cell.get("cell_type") == "code" and _text(cell["source"]).strip()
    ]
    if not any(cell.get("outputs") for cell in cells):
        raise ReportError(
            f"{source.name} has no saved outputs to compare with",
            hint="run it once and save it, outputs included",
        )


def _copy(root: Path, copy: Path) -> None:
    if is_project(root):
        open_project(root).close()
    shutil.copytree(root, copy, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT))


def _compared(
    before: Sequence[Output], after: Sequence[Output]
) -> tuple[int, list[tuple[int, str, str, str]]]:
    """Return how many outputs are the same, and (cell, kind, saved, now) of those that are not."""
    old = {(one.cell, one.place, one.kind): one for one in before}
    new = {(one.cell, one.place, one.kind): one for one in after}
    differing = [
        (key[0], key[2], _start(old.get(key)), _start(new.get(key)))
        for key in sorted({*old, *new})
        if key not in old or key not in new or old[key].sha256 != new[key].sha256
    ]
    return len({*old, *new}) - len(differing), differing


def _start(output: Output | None) -> str:
    return "nothing" if output is None else " ".join(output.start.split())
