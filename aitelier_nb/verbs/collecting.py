"""Examples come in: one at a time, from a file, from a model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitelier_nb.consent import in_kernel
from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.formats import readers
from aitelier_nb.progress import Progress
from aitelier_nb.schema import Conversation
from aitelier_nb.storage import editing, files
from aitelier_nb.storage.dataset import Added
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs import existing, sources
from aitelier_nb.verbs.current import Where, current, fold_soon
from aitelier_nb.views import View, counted

if TYPE_CHECKING:
    from aitelier_nb.widgets.adder import Adder

__all__ = ["Addition", "Imported", "add", "load"]

Row = Mapping[str, Any] | Conversation

SHOWN = 5
MANY = 20_000  # rows from which an import shows how far it is
STEP = 1000  # rows between two words about progress


@dataclass(frozen=True, repr=False)
class Addition(View):
    """What `add` did: the example's id, and whether it was there already."""

    id: int
    existed: bool

    def to_json(self) -> dict[str, Any]:
        """Return id and existed."""
        return {"id": self.id, "existed": self.existed}

    def headline(self) -> str:
        """Say which example it is."""
        return f"example {self.id} {'was there already' if self.existed else 'added'}"


@dataclass(frozen=True, repr=False)
class Imported(View):
    """What an import did: counts, the rows left out and why, what was assumed."""

    source: str
    format: str
    imported: int
    duplicates: int
    rejected: tuple[Mapping[str, Any], ...]
    notices: tuple[str, ...]
    reject_file: str | None = None
    preview: tuple[Mapping[str, Any], ...] = ()
    dry_run: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the keys of `ait import --json`."""
        result: dict[str, Any] = {
            "imported": self.imported,
            "duplicates": self.duplicates,
            "rejected": [dict(row) for row in self.rejected],
            "notices": list(self.notices),
            "format": self.format,
        }
        if self.reject_file:
            result["reject_file"] = self.reject_file
        if self.dry_run:
            result |= {"dry_run": True, "preview": [dict(row) for row in self.preview]}
        return result

    def headline(self) -> str:
        """Count what came in and what did not."""
        verb = "would import" if self.dry_run else "imported"
        there = f", {self.duplicates} already there" if self.duplicates else ""
        out = f", {len(self.rejected)} rejected" if self.rejected else ""
        return f"{verb} {counted(self.imported, 'example')} from {self.source} ({self.format}){there}{out}"

    def columns(self) -> Sequence[str]:
        """Return the columns of the rejected rows, or of the preview."""
        return ("role", "text") if self.preview else ("line", "reason", "remedy")

    def rows(self) -> list[Sequence[object]]:
        """Return the preview's turns in a dry run, else the rejected rows."""
        if self.preview:
            return [(turn["role"], turn.get("content")) for row in self.preview for turn in row["messages"]]
        return [(row["line"], row["reason"], row.get("remedy", "")) for row in self.rejected]

    def notes(self) -> Sequence[str]:
        """Return what was assumed, and where the rejected rows went."""
        where = (
            [f"rejected rows: {self.reject_file}; mend them and import that file"] if self.reject_file else []
        )
        return [*self.notices, *where]

    def warnings(self) -> Sequence[str]:
        """Name each rejected row in a dry run, whose table shows the preview."""
        return [f"{self.source}:{row['line']}: {row['reason']}" for row in self.rejected if self.preview]

    def failed(self) -> bool:
        """Return whether nothing could be imported."""
        return self.imported == 0 and self.duplicates == 0


def add(
    input: str | None = None,  # noqa: A002 - the field's word
    output: str | None = None,
    system: str | None = None,
    rating: int | None = None,
    messages: Sequence[Mapping[str, Any]] | None = None,
    project: Where = None,
) -> Addition | Adder:
    """Add one example: an input and its output, or a whole conversation; nothing given shows a form.

    Parameters
    ----------
    input
        What the user says.
    output
        What the assistant should answer.
    system
        The system prompt; the project's own when not given, none at all when "".
    rating
        1 to 10, or None for unrated.
    messages
        Turns of a longer conversation ({"role", "content"}), instead of input and output.

    Raises
    ------
    DataError
        An empty turn, a role that does not exist, no assistant turn, a rating outside 1 to 10.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.add("Where is my parcel?", "Please send me the order number.", rating=9, project=project)
    <Addition: example 4 added>
    """
    place = current(project)
    if input is None and output is None and messages is None and in_kernel():
        from aitelier_nb.verbs.forms import form

        return form(place)
    return added(place, turns(place, input, output, system, messages), rating)


def added(place: Project, messages: list[dict[str, Any]], rating: int | None) -> Addition:
    """Add one conversation to a project."""
    row: dict[str, Any] = {"messages": messages}
    parsed = readers.read_rows([row], name="the example", format="messages")
    if parsed.rejected:
        raise DataError(parsed.rejected[0].reason, hint=parsed.rejected[0].remedy)
    rows = [{**parsed.rows[0], "rating": rating}]
    [one] = place.dataset.add(rows)
    fold_soon(place)
    return Addition(one.id, one.existed)


def turns(
    project: Project,
    question: str | None = None,
    answer: str | None = None,
    system: str | None = None,
    messages: Sequence[Mapping[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """Return the turns of a new example, the project's system prompt first."""
    if messages is not None:
        if question is not None or answer is not None:
            raise UsageError("messages and input/output exclude each other", hint="give one of the two")
        found = [dict(message) for message in messages]
    elif question is None or answer is None:
        raise UsageError(
            "an example needs input and output, or messages", hint='ait.add("question", "answer")'
        )
    else:
        found = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    prompt = project.config.system_prompt if system is None else system
    if prompt and not (found and found[0].get("role") == "system"):
        found.insert(0, {"role": "system", "content": prompt})
    return found


def load(
    source: Any,
    format: str = "auto",  # noqa: A002 - the field's word
    map: Mapping[str, str] | None = None,  # noqa: A002 - DESIGN names it so
    dry_run: bool = False,
    map_ratings: str | None = None,
    project: Where = None,
) -> Imported:
    """Import examples; the good rows come in, the others are listed with line, reason and remedy.

    Parameters
    ----------
    source
        A path (JSONL, JSON, CSV, TSV, Parquet, Arrow, gzip of these, or a folder of them), a DataFrame,
        a list of dicts, a Hugging Face dataset, or another project.
    format
        "auto" looks at the rows and says what it found; or a name such as messages, sharegpt, alpaca.
    map
        Which column is what: {"input": "question", "output": "reply", "rating": "stars"}.
    dry_run
        Show the first rows as they would be, and change nothing.
    map_ratings
        "1-5" turns ratings of that scale into ours (1-10).

    Raises
    ------
    DataError
        The file is missing, or is not training data.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.load([{"input": "Hi", "output": "Hello, how can I help?"}], project=project).imported
    1
    """
    place = current(project)
    name, parsed = sources.parse(source, format, map, map_ratings)
    if dry_run:
        _sift(parsed)
        rows = tuple(replace(parsed, examples=parsed.examples[:SHOWN]).rows)
        added = place.dataset.recognised(parsed.examples)
    else:
        added = _added(place, parsed)
    fresh = sum(not one.existed for one in added)
    notices = (
        *parsed.notices,
        *_unprompted(place, parsed.examples),
        *existing.notices(place, parsed.examples, added),
    )
    rejected = _told(parsed.rejected)
    if dry_run:
        there = len(added) - fresh
        return Imported(name, parsed.format, fresh, there, rejected, notices, preview=rows, dry_run=True)
    place.dataset.fold(head=False)
    reject_file = _keep_rejected(place, name, parsed.rejected)
    return Imported(name, parsed.format, fresh, len(added) - fresh, rejected, notices, reject_file)


def _told(rejected: Sequence[readers.Rejection]) -> tuple[Mapping[str, Any], ...]:
    return tuple({"line": row.line, "reason": row.reason, "remedy": row.remedy} for row in rejected)


def _added(project: Project, parsed: readers.Parsed) -> list[Added]:
    """Add what was read; should the dataset refuse a row, this row is rejected and the others go in."""
    if not parsed.examples:
        return []
    try:
        return project.dataset.add(_shown(parsed.examples))
    except DataError:
        _sift(parsed)
    return project.dataset.add(parsed.examples) if parsed.examples else []


def _sift(parsed: readers.Parsed) -> None:
    """Move the rows that no line of a dataset can hold to the rejected ones."""
    kept = []
    for row, line in zip(parsed.examples, parsed.lines, strict=True):
        try:
            isinstance(row, Conversation) or editing.new_line(row, 1, "")
        except DataError as error:
            raw = json.dumps(row, ensure_ascii=True, default=str)
            parsed.rejected.append(
                readers.Rejection(line=line, reason=str(error), remedy=error.hint, raw=raw)
            )
        else:
            kept.append((row, line))
    parsed.examples = [row for row, _ in kept]
    parsed.lines = [line for _, line in kept]
    parsed.rejected.sort(key=lambda row: row.line)


def _shown(rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the rows; for many, show how many went in."""
    if len(rows) < MANY:
        yield from rows
        return
    with Progress("examples", len(rows), lasting=False) as progress:
        for place in range(0, len(rows), STEP):
            yield from rows[place : place + STEP]
            progress.reach(min(place + STEP, len(rows)))


def _unprompted(project: Project, rows: Sequence[Row]) -> list[str]:
    """Say how many conversations came without the system prompt that the project has."""
    if not project.config.system_prompt:
        return []
    without = sum(_first_role(row) not in ("system", "developer") for row in rows)
    if not without:
        return []
    return [f"{counted(without, 'conversation')} without a system prompt, imported as they are"]


def _first_role(row: Row) -> str | None:
    if isinstance(row, Conversation):
        return row.messages[0].role
    role: str | None = row["messages"][0].get("role")
    return role


def _keep_rejected(project: Project, name: str, rejected: Sequence[readers.Rejection]) -> str | None:
    if not rejected:
        return None
    path = project.path / "data" / "rejected" / f"{Path(name).stem}.jsonl"
    path.parent.mkdir(exist_ok=True)
    files.replace(path, (row.raw.encode("utf-8", "surrogatepass") + b"\n" for row in rejected))
    return path.relative_to(project.path).as_posix()
