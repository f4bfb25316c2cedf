"""The report of a project: written, verified, shared, run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aitelier_nb.verbs.current import Where, current, fold_all

if TYPE_CHECKING:
    from aitelier_nb.reports.environment import Environment
    from aitelier_nb.reports.notebooks import Rerun
    from aitelier_nb.reports.publication import Report
    from aitelier_nb.reports.sharing import Shared
    from aitelier_nb.reports.verification import Verification

__all__ = ["freeze", "report", "rerun", "share", "verify"]


def report(path: str | Path = "report.html", project: Where = None) -> Report:
    """Write what the project holds and what its evaluations show, as one page and as JSON beside it.

    Nobody is asked: every number comes from the project's files.

    Parameters
    ----------
    path
        The page; a relative path lies in the project's folder. `.md` and `.qmd` give Markdown,
        README.md a model card for the Hugging Face Hub.

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


def verify(path: str | Path | None = None, project: Where = None) -> Verification:
    """Recompute every number of a report from raw data, votes and recordings, and compare all hashes.

    Parameters
    ----------
    path
        The report; the project's latest when not given.

    Raises
    ------
    ReportError
        There is no report.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.verify(project=project).ok
    True
    """
    from aitelier_nb.reports import verification

    return verification.verify(current(project), path)


def rerun(notebook: str | Path, timeout: float = 600, loopback: bool = False) -> Rerun:
    """Run a notebook again in a fresh kernel without network, and compare every table and figure.

    Parameters
    ----------
    notebook
        The .ipynb with its saved outputs; it is not changed.
    timeout
        Seconds for the whole notebook.
    loopback
        Allow connections to this machine itself, for a notebook that starts a server.

    Raises
    ------
    ReportError
        There is no such notebook, it has no saved outputs, a cell fails, or the time is up.
    """
    from aitelier_nb.reports import notebooks

    fold_all()
    return notebooks.rerun(notebook, timeout=timeout, loopback=loopback)


def share(notebook: str | Path, out: str | None = None, redact: bool = False) -> Shared:
    """Write a clean copy of a notebook, and a zip of all that a colleague needs to run it again.

    Parameters
    ----------
    notebook
        The .ipynb; it is not changed.
    out
        Where the zip goes; beside the notebook when not given.
    redact
        Also replace mail addresses, phone and card numbers.

    Raises
    ------
    ReportError
        There is no such notebook.
    """
    from aitelier_nb.reports import sharing

    fold_all()
    return sharing.share(notebook, out=out, redact_personal=redact)


def freeze(project: Where = None) -> Environment:
    """Write down which versions of which packages the project's results come from.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> "aitelier-nb" in ait.freeze(project=project).text()
    True
    """
    from aitelier_nb.reports import environment

    return environment.freeze(current(project).path)
