"""Whether a report is what its project gives: every file, every number, every recorded answer.

The facts are gathered again from the files and compared with report.json; the page is rendered
again and compared byte for byte. The first place that differs is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aitelier_nb.errors import AitelierError, ReportError
from aitelier_nb.reports import comparing, environment, fingerprints, recounting
from aitelier_nb.reports.comparing import Difference
from aitelier_nb.reports.facts import SCHEMA, encode, gather
from aitelier_nb.reports.publication import CARD, NAME, encoded, renderer
from aitelier_nb.storage.project import Project
from aitelier_nb.views import View

__all__ = ["Verification", "verify"]

SECTION = re.compile(r'<h2 id="([\w-]+)">|^## (.+)$', re.MULTILINE)
SHOWN = 20


@dataclass(frozen=True, repr=False)
class Verification(View):
    """The outcome: `ok`, or the differences, the first of which names the row."""

    path: Path
    differences: tuple[Difference, ...]
    told: tuple[str, ...]
    files: int
    lines: int
    answers: int

    @property
    def ok(self) -> bool:
        """Whether the report verifies."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return ok, the differences, and what was checked."""
        return {
            "ok": self.ok,
            "report": self.path.name,
            "differences": [difference.to_json() for difference in self.differences],
            "files": self.files,
            "lines": self.lines,
            "answers": self.answers,
            "notes": list(self.told),
        }

    def headline(self) -> str:
        """Say that it verifies, or name the first row that differs."""
        if self.ok:
            return (
                f"{self.path.name} verifies: {self.files} files, {self.lines} lines, "
                f"{self.answers} recorded answers, every number"
            )
        return f"{self.path.name} does not verify: {self.differences[0]}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("file", "line", "example", "field", "difference")

    def rows(self) -> list[Sequence[object]]:
        """Return the differences, the first ones."""
        return [(d.file, d.line, d.id, d.field, d.told) for d in self.differences[:SHOWN]]

    def notes(self) -> Sequence[str]:
        """Say what else was seen."""
        more = len(self.differences) - SHOWN
        return [*([f"{more} more differences"] if more > 0 else []), *self.told]

    def failed(self) -> bool:
        """Tell whether a command that shows this has failed."""
        return not self.ok


def verify(project: Project, path: str | Path | None = None) -> Verification:
    """Check a report against the files of its project.

    Parameters
    ----------
    path
        The report (.html, .md) or its values (.json), from the project's folder; `report.html` when None.

    Raises
    ------
    ReportError
        There is no report.
    """
    page, values = _places(project, path)
    written = values.read_bytes()
    before, broken = _values(values, written)
    if broken is not None or before is None:
        return Verification(page, (broken,) if broken else (), (), 0, 0, 0)
    inputs, grown = _inputs(project.path, before)
    told = [*grown.values(), *_forgotten(project)]
    try:
        after = gather(project)
        answers, forged = recounting.check(project)
    except Exception as error:  # a file that is not as it was written can break whatever reads it
        if not inputs and not isinstance(error, AitelierError):
            raise
        unread = Difference(project.path.name, f"the project cannot be read: {error}")
        return _outcome(page, (*inputs, unread), told, before, 0)
    after, notes = _same_maker(before, _without_growth(before, after, grown))
    numbers = _numbers(values, written, before, after, follows=bool(inputs))
    pages = _page(page, before if inputs else after)
    differing = environment.differences(project.path)
    return _outcome(page, (*inputs, *forged, *numbers, *pages), [*told, *notes, *differing], before, answers)


def _forgotten(project: Project) -> list[str]:
    """Say which examples were erased: what held them is not as a report from before knows it."""
    return [
        f"example {edit.id} was forgotten on {edit.at[:10]} by {edit.by}: files that held it have changed"
        for edit in project.dataset.forgotten()
    ]


def _outcome(
    page: Path, found: tuple[Difference, ...], told: list[str], before: Mapping[str, Any], answers: int
) -> Verification:
    inputs = before["inputs"]
    return Verification(page, found, tuple(told), len(inputs), sum(one["lines"] for one in inputs), answers)


def _places(project: Project, path: str | Path | None) -> tuple[Path, Path]:
    page = project.path / Path(path or NAME).expanduser()
    if page.suffix == ".json":
        found = [page.with_suffix(suffix) for suffix in (".html", ".md", ".qmd")]
        page = next((one for one in found if one.is_file()), page)
    values = page.with_name("report.json") if page.name == CARD else page.with_suffix(".json")
    for wanted in (values, page):
        if not wanted.is_file():
            raise ReportError(f"there is no report at {wanted}", hint="write one with ait report")
    return page, values


def _values(path: Path, written: bytes) -> tuple[dict[str, Any] | None, Difference | None]:
    try:
        before = json.loads(written)
    except json.JSONDecodeError as error:
        return None, Difference(path.name, f"it is not JSON any more: {error.msg}", line=error.lineno)
    except UnicodeDecodeError as error:
        line = written[: error.start].count(b"\n") + 1
        return None, Difference(path.name, "it is not UTF-8 any more", line=line)
    if not isinstance(before, dict) or before.get("schema") != SCHEMA or not _usable(before.get("inputs")):
        line = next((n for n, text in enumerate(written.split(b"\n"), 1) if b'"schema"' in text), 1)
        return None, Difference(path.name, f"it is no report of schema {SCHEMA}", line=line)
    return before, None


def _usable(inputs: Any) -> bool:
    """Tell whether the list of inputs can be compared at all."""
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        return False
    texts = all(isinstance(one.get(key), str) for one in inputs for key in ("path", "rows", "sha256"))
    return texts and all(
        isinstance(one.get("fields"), list) and isinstance(one.get("lines"), int) for one in inputs
    )


def _inputs(project: Path, before: Mapping[str, Any]) -> tuple[tuple[Difference, ...], dict[str, str]]:
    """Return the first difference of each file, and a note by name on each file that only grew."""
    found: list[Difference] = []
    grown: dict[str, str] = {}
    known = {str(one["path"]) for one in before["inputs"]}
    here = {path.relative_to(project).as_posix() for path in fingerprints.sources(project)}
    misspelt = len(known - here) == len(here - known) > 0 and _same_hashes(project, before, here - known)
    for one in before["inputs"]:
        if misspelt and one["path"] not in here:
            continue
        difference, note = comparing.of_input(one, project / one["path"])
        found += [difference] if difference else []
        grown |= {one["path"]: note} if note else {}
    if not misspelt:
        found += [Difference(name, "the file is new since the report") for name in sorted(here - known)]
    return tuple(found), grown


def _without_growth(
    before: Mapping[str, Any], after: dict[str, Any], grown: Mapping[str, str]
) -> dict[str, Any]:
    """Return the new facts with the files that only grew as the report knew them."""
    known = {one["path"]: one for one in before["inputs"] if one["path"] in grown}
    return {**after, "inputs": [known.get(one["path"], one) for one in after["inputs"]]}


def _same_hashes(project: Path, before: Mapping[str, Any], names: set[str]) -> bool:
    """Tell whether files that the report does not name are there under their hashes: it misspells them."""
    hashes = {one["sha256"] for one in before["inputs"]}
    return all(fingerprints.of_file(project / name, name)["sha256"] in hashes for name in names)


def _same_maker(before: Mapping[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the new facts as the old version would sign them, and a note when it was another one."""
    old, new = before.get("generator"), after["generator"]
    version = old.get("version") if isinstance(old, dict) else None
    if (
        not isinstance(version, str)
        or not re.fullmatch(r"\d+(\.\d+)+\S*", version)
        or version == new["version"]
    ):
        return after, []
    return {**after, "generator": {**new, "version": version}}, [
        f"the report was made with version {version}, this is {new['version']}"
    ]


def _numbers(
    path: Path, written: bytes, before: Mapping[str, Any], after: Mapping[str, Any], *, follows: bool
) -> list[Difference]:
    """Return the values that come out otherwise; those of the inputs only when no input changed."""
    expected = encode(after)
    if written == expected:
        return []
    changed = comparing.of_values(before, json.loads(expected))
    if follows:
        changed = [one for one in changed if not one[0].startswith("inputs")]
        return [Difference(path.name, _told(old, new), field=name) for name, old, new in changed]
    line = comparing.first_line(written, expected)
    if not changed:
        return [Difference(path.name, "it is spelt otherwise than it was written", line=line)]
    (name, old, new), *_ = changed
    owner = _example_of(before, name)
    return [Difference(path.name, _told(old, new), line=line, id=owner, field=name)]


def _told(old: Any, new: Any) -> str:
    return f"says {comparing.shown(old)}, comes out as {comparing.shown(new)}"


def _example_of(facts: Any, name: str) -> int | None:
    """Return the id of the innermost object on the way to a value that has one."""
    found = None
    for part in re.findall(r"[^.\[\]]+", name):
        if isinstance(facts, dict):
            facts = facts.get(part)
        elif isinstance(facts, list) and part.isdigit() and int(part) < len(facts):
            facts = facts[int(part)]
        if isinstance(facts, dict) and isinstance(facts.get("id"), int):
            found = facts["id"]
    return found


def _page(path: Path, facts: Mapping[str, Any]) -> list[Difference]:
    if path.suffix == ".json":
        return []
    written = path.read_bytes()
    try:
        expected = encoded(renderer(path)(facts))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        return [Difference(path.name, f"cannot be made from its values: {type(error).__name__}: {error}")]
    if written == expected:
        return []
    line = comparing.first_line(written, expected)
    before = b"\n".join(written.split(b"\n")[:line]).decode("utf-8", "replace")
    sections = [one or two for one, two in SECTION.findall(before)]
    return [
        Difference(
            path.name, "not what its values give", line=line, field=sections[-1] if sections else "verdict"
        )
    ]
