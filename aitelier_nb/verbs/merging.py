"""Two people's examples become one file: what git calls when both sides changed data/examples.jsonl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aitelier_nb.errors import DataError, ProjectError
from aitelier_nb.storage import files, git, merging
from aitelier_nb.storage.project import find
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.views import View, counted

__all__ = ["Merge", "merge_driver", "set_up_merging"]


@dataclass(frozen=True, repr=False)
class Merge(View):
    """What a merge made of two sides; its questions are for a person."""

    path: str
    questions: tuple[str, ...]
    renumbered: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, Any]:
        """Return path, questions and the ids that changed."""
        return {
            "path": self.path,
            "questions": list(self.questions),
            "renumbered": [list(r) for r in self.renumbered],
        }

    def headline(self) -> str:
        """Say whether everything could be merged."""
        return f"merged with {counted(len(self.questions), 'question')}" if self.questions else "merged"

    def notes(self) -> Sequence[str]:
        """Name the examples that got another id."""
        return [
            f"new example {old} is now {new}: the other side had used its id" for old, new in self.renumbered
        ]

    def warnings(self) -> Sequence[str]:
        """Return the questions."""
        return self.questions

    def failed(self) -> bool:
        """Return whether a person has to decide something; git then calls it a conflict."""
        return bool(self.questions)


def merge_driver(base: str | Path, ours: str | Path, theirs: str | Path) -> Merge:
    """Merge two versions of examples.jsonl into the second path; git calls it with %O %A %B.

    Parameters
    ----------
    base
        The common ancestor.
    ours
        This side; the result is written here.
    theirs
        The other side.

    Raises
    ------
    DataError
        A file cannot be read.
    """
    merged = merging.merge(*(_bytes_of(Path(path)) for path in (base, ours, theirs)))
    files.replace(Path(ours), [merged.data])
    try:
        project = find()
    except ProjectError:
        project = None
    if project is not None:
        merging.record(project.path, merged.renumbered, project.rater)
    return Merge(str(ours), tuple(merged.questions), tuple((one.old, one.new) for one in merged.renumbered))


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", hint="git calls this with %O %A %B") from error


def set_up_merging(project: Where = None) -> None:
    """Tell git to merge the project's examples line by line and key by key.

    Raises
    ------
    ProjectError
        The project is in no git repository.
    """
    git.set_up_merging(current(project).path)
