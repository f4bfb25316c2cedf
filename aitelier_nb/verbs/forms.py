"""The form for new examples in a notebook: what `ait.add()` shows when nothing is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitelier_nb.errors import DataError
from aitelier_nb.formats import readers, transcripts
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.current import fold_soon

if TYPE_CHECKING:
    from aitelier_nb.widgets.adder import Adder

__all__ = ["form"]


def form(project: Project) -> Adder:
    """Return a form that adds what is typed or pasted to the project."""
    from aitelier_nb.verbs.collecting import added, turns
    from aitelier_nb.widgets.adder import Adder

    def typed(messages: list[dict[str, Any]], rating: int | None) -> str:
        return f"{added(project, turns(project, messages=messages), rating).headline()}."

    return Adder(
        typed,
        lambda text: pasted(project, text),
        threshold=project.config.quality_threshold,
        summary=lambda: [f"{len(project.dataset)} examples"],
    )


def pasted(project: Project, text: str) -> str:
    """Add every example in a pasted text; return one sentence that counts them.

    Raises
    ------
    DataError
        Nothing in the text is an example; the message names the first reason.
    """
    from aitelier_nb.verbs.collecting import added, turns

    if transcripts.SPEAKER.match(text.strip()):
        return f"{added(project, turns(project, messages=transcripts.parse(text)), None).headline()}."
    parsed = readers.read(text.encode(), name="what was pasted")
    if not parsed.examples:
        first = parsed.rejected[0] if parsed.rejected else None
        reason = f": line {first.line}: {first.reason}" if first else ""
        raise DataError(
            f"no example was found in what was pasted{reason}", hint="paste JSON lines, CSV or turns"
        )
    rows = project.dataset.add(parsed.examples)
    fold_soon(project)
    known = sum(one.existed for one in rows)
    return f"{len(rows) - known} added, {known} were there, {len(parsed.rejected)} left out."
