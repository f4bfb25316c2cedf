"""A report as files: the page, its values, and on request Markdown and a model card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aitelier_nb.errors import ReportError
from aitelier_nb.reports import markdown, page
from aitelier_nb.reports.facts import encode, gather
from aitelier_nb.storage import files
from aitelier_nb.storage.project import Project
from aitelier_nb.views import View

__all__ = ["CARD", "NAME", "Report", "encoded", "renderer", "write"]

NAME, CARD = "report.html", "README.md"
WRITERS = {".html": page.render, ".htm": page.render, ".md": markdown.render, ".qmd": markdown.render}


@dataclass(frozen=True, repr=False)
class Report(View):
    """A report that was written: the page at `path`, its values (`facts`) at `json_path`."""

    path: Path
    json_path: Path
    facts: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return where the report lies and what it says."""
        return {"path": self.path.name, "json_path": self.json_path.name, "verdict": self.facts["verdict"]}

    def headline(self) -> str:
        """Say the verdict."""
        return str(self.facts["verdict"]["sentence"])

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("file", "holds")

    def rows(self) -> list[Sequence[object]]:
        """Return the files that were written."""
        return [
            (self.path.name, "the report"),
            (self.json_path.name, "its values and the hashes of all inputs"),
        ]

    def notes(self) -> Sequence[str]:
        """Say what the verdict rests on."""
        return [self.facts["verdict"]["basis"]]


def write(project: Project, path: str | Path | None = None) -> Report:
    """Write the report of a project, and its values beside it.

    Parameters
    ----------
    path
        Where the page goes, from the project's folder: .html, or .md and .qmd for Markdown;
        `report.html` when None. A file named README.md becomes a model card. The values go
        beside it as .json.

    Raises
    ------
    ReportError
        The name ends in something that is no kind of report.
    """
    target = project.path / Path(path or NAME).expanduser()
    render = renderer(target)
    project.dataset.fold()
    facts = gather(project)
    json_path = target.with_name("report.json") if target.name == CARD else target.with_suffix(".json")
    values, rendered = encode(facts), encoded(render(facts))
    target.parent.mkdir(parents=True, exist_ok=True)
    files.replace(json_path, [values])
    files.replace(target, [rendered])
    return Report(target, json_path, facts)


def renderer(path: Path) -> Callable[[Mapping[str, Any]], str]:
    """Return what renders a report of that name."""
    found = markdown.card if path.name == CARD else WRITERS.get(path.suffix.lower())
    if found is None:
        raise ReportError(f"{path.name} is no kind of report", hint="end the name in .html, .md or .qmd")
    return found


def encoded(text: str) -> bytes:
    """Return a rendered report as the bytes of its file."""
    return text.encode("utf-8", "backslashreplace")
