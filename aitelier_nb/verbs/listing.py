"""Examples are found by rating, split and text, and shown a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

from aitelier_nb.consent import in_kernel
from aitelier_nb.errors import UsageError
from aitelier_nb.schema import Example
from aitelier_nb.storage.editing import example as example_of
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.browsing import picked, table
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.views import View

__all__ = ["Examples", "examples"]

SHOWN = 20
HIGHEST = 10


@dataclass(frozen=True, repr=False)
class Examples(View):
    """The examples that match; a table shows the first twenty, `to_frame` and `--json` hold all."""

    found: Sequence[Example]
    total: int
    problems: tuple[str, ...] = ()
    source: tuple[Project, dict[str, Any]] | None = None  # where the table of a notebook finds its pages

    def _ipython_display_(self) -> None:
        """Show a table to search, sort and edit in a notebook; elsewhere the text is enough."""
        if self.source is None or not in_kernel():
            raise NotImplementedError
        from IPython.display import display

        project, filters = self.source
        display(table(project, filters, lambda: (self.text(), self._repr_html_())))

    def __len__(self) -> int:
        return len(self.found)

    def __getitem__(self, place: int) -> Example:
        return self.found[place]

    def to_json(self) -> dict[str, Any]:
        """Return every example that matches, as it lies on disk."""
        return {"examples": [example.to_json() for example in self.found], "total": self.total}

    def headline(self) -> str:
        """Count them."""
        return f"{len(self.found)} of {self.total} examples"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("id", "rating", "split", "input", "output")

    def rows(self) -> list[Sequence[object]]:
        """Return the first rows."""
        return [self._row(example) for example in self.found[:SHOWN]]

    @staticmethod
    def _row(example: Example) -> tuple[object, ...]:
        return (example.id, example.rating, example.split, example.input, example.output)

    def to_frame(self) -> Any:
        """Return all that match as a new DataFrame."""
        import pandas as pd

        return pd.DataFrame([self._row(example) for example in self.found], columns=list(self.columns()))

    def notes(self) -> Sequence[str]:
        """Say what the table leaves out."""
        more = len(self.found) - SHOWN
        return [f"{more} more: .to_frame() holds them all"] if more > 0 else []

    def warnings(self) -> Sequence[str]:
        """Name the lines that could not be read."""
        return self.problems


def examples(
    rated: bool | None = None,
    below: int | None = None,
    at_least: int | None = None,
    split: str | None = None,
    query: str | None = None,
    project: Where = None,
) -> Examples:
    """Show the examples that match all of the filters.

    Parameters
    ----------
    rated
        True for rated ones, False for unrated ones.
    below
        Only ratings under this (1-10).
    at_least
        Only this rating and above.
    split
        "train", "val", or "none" for those not yet assigned.
    query
        Only where a turn contains this text, in any case.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> len(ait.examples(at_least=9, project=project))
    2
    """
    place = current(project)
    for limit in (below, at_least):
        if limit is not None and not 1 <= limit <= HIGHEST:
            raise UsageError(f"there is no rating {limit}", hint="ratings go from 1 to 10")
    filters: dict[str, Any] = {
        "rated": rated,
        "below": below,
        "at_least": at_least,
        "split": split,
        "query": query,
    }
    names, total = picked(place, **filters), len(place.dataset)
    lines = place.dataset.raw(names if len(names) < total else None)
    problems = tuple(str(problem) for problem in place.dataset.problems())
    return Examples(Lines(tuple(lines)), total, problems, (place, filters))


class Lines(Sequence[Example]):
    """Examples as they stood, read from their lines one by one when they are looked at."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, place: int) -> Example: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Example]: ...
    def __getitem__(self, place: int | slice) -> Example | Sequence[Example]:
        if isinstance(place, slice):
            return Lines(self._lines[place])
        return example_of(self._lines[place])
