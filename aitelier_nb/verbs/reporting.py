"""The report of a project: written, verified, shared, run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aitelier_nb.verbs.current import Where, current

if TYPE_CHECKING:
    from aitelier_nb.reports.publication import Report

__all__ = ["report"]


def report(path: str | Path = "report.html", project: Where = None) -> Report:
    """Write what the project holds and what its evaluations show, as one page and as JSON beside it.

    Nobody is asked: every number comes from the project's files.

    Parameters
    ----------
    path
        The page; a relative path lies in the project's folder. `.md` gives Markdown.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.report(project=project).path.name
    'report.html'
    """
    from aitelier_nb.reports import publication

    place = current(project)
    place.dataset.fold()
    return publication.write(place, path)
