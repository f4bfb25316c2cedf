"""The project that a verb works on: the one named, or the one found from the working directory upward.

A project that was opened stays open for the process. Edits are durable at once; they are folded
into examples.jsonl at the end of a cell or command, at exit, and a while after the last edit: two
seconds, and longer where the file is so large that copying it takes as long.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aitelier_nb.consent import in_kernel
from aitelier_nb.errors import AitelierError
from aitelier_nb.progress import Sink, otherwise_shown_by
from aitelier_nb.storage.project import Project, find, open_project
from aitelier_nb.views import View

__all__ = ["Where", "current", "fold_all", "fold_soon", "forget_open", "problems_of", "shown"]

Where = Project | str | Path | None

FOLD_AFTER = 2.0  # seconds without an edit
PACE = 5e7  # bytes of the file for each further second

_open: dict[Path, Project] = {}
_guard = threading.RLock()
_timers: dict[Path, threading.Timer] = {}
_due: dict[Path, float] = {}


def _sink() -> Sink | None:
    if not in_kernel():
        return None
    from aitelier_nb.widgets.bar import notebook

    return notebook()


otherwise_shown_by(_sink)


def current(project: Where = None) -> Project:
    """Return the project named, or the nearest one from the working directory upward.

    Raises
    ------
    ProjectError
        There is no project there.
    """
    if isinstance(project, Project):
        with _guard:
            _open.setdefault(project.path, project)
        return project
    with _guard:
        found = open_project(Path(project)) if project is not None else find()
        known = _open.get(found.path)
        if known is not None and not known.closed:
            return known
        _open[found.path] = found
        return found


def shown(view: View, widget: Callable[[], object] | None = None) -> None:
    """Show a view as a static output and, in a kernel, the widget that works on it beside it."""
    from IPython.display import display, publish_display_data

    publish_display_data({"text/plain": view.text(), "text/html": view._repr_html_()})
    if widget is not None and in_kernel():
        display(widget())


def problems_of(project: Project) -> tuple[str, ...]:
    """Return the project's unreadable lines, a sentence each; every verb that counts examples shows them."""
    return tuple(str(problem) for problem in project.dataset.problems())


def forget_open(project: Project) -> None:
    """Close the project and open it afresh the next time it is asked for."""
    with _guard:
        _open.pop(project.path, None)
    project.close()


def fold_soon(project: Project) -> None:
    """Fold the project's edits two seconds from now, later where the file is large, unless edits come."""
    with _guard:
        _due[project.path] = time.monotonic() + FOLD_AFTER + _size(project) / PACE
        if project.path not in _timers:
            _wait(project)


def _wait(project: Project) -> None:
    """Wait until the project's edits are due; an edit in between only moves the time."""
    timer = threading.Timer(max(0, _due[project.path] - time.monotonic()), _fold_if_due, [project])
    timer.daemon = True
    _timers[project.path] = timer
    timer.start()


def _fold_if_due(project: Project) -> None:
    with _guard:
        if _timers.get(project.path) is not threading.current_thread():
            return
        if time.monotonic() < _due[project.path]:
            _wait(project)
            return
        del _timers[project.path]
    with suppress(AitelierError):  # the next cell or command tries again, and says why
        _fold(project)


def _size(project: Project) -> int:
    try:
        return project.dataset.path.stat().st_size
    except OSError:
        return 0


def _fold(project: Project) -> None:
    if not project.closed:
        project.dataset.fold()


def fold_all() -> None:
    """Fold the edits of every open project now: the end of a cell, of a command, of the process."""
    with _guard:
        for timer in _timers.values():
            timer.cancel()
        _timers.clear()
        for folder in [folder for folder in _open if not folder.exists()]:
            del _open[folder]  # its edits went with it, and no other project is to suffer
        projects = list(_open.values())
    for project in projects:
        _fold(project)


def _fold_at_exit() -> None:
    """Fold what is left; what cannot be folded now waits in the journal, and its verb has said why."""
    with suppress(AitelierError):
        fold_all()


atexit.register(_fold_at_exit)
