"""All examples in a table that holds the rows on screen and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aitelier_nb.errors import DataError
from aitelier_nb.widgets.decks import OnEdit
from aitelier_nb.widgets.sources import script, style
from aitelier_nb.widgets.surface import Message, Static, Surface, whole

__all__ = ["Table"]

FIRST = 100  # rows of the first page
MOST = 500  # rows of one page
PREVIEW = 200  # characters of a text in a row
KINDS = ("rate", "rewrite", "split", "delete", "undo")


class Table(Surface):
    """Examples to search, filter, sort, open, edit and delete; pages come from disk.

    Parameters
    ----------
    page
        Called with (query, start, n); returns {"total": n, "rows": [{"id", "rating", "split",
        "input", "output", "n_chars"}]}. A query has `text`, `rated` ("", "yes", "no", "low",
        "high", "flagged"), `split` ("", "train", "val", "none"), `sort` (a column) and
        `descending`; any of them may be missing.
    example
        Called with an id; returns {"example": the example as a dict, "history": [its edits]}.
    on_edit
        Called with one decision: rate (`value`), rewrite (`text`; `value` is None), split (`value`),
        delete, undo.
    threshold
        The lowest rating that is trained on.
    splits
        Whether an example's side can be chosen here.
    static
        Returns the text and the HTML that stay readable without a kernel; the HTML is escaped.
    """

    name = "Examples"
    _esm = script("table.js")
    _css = style("surface.css")

    def __init__(
        self,
        page: Callable[[dict[str, Any], int, int], Mapping[str, Any]],
        example: Callable[[int], Mapping[str, Any]],
        on_edit: OnEdit,
        *,
        threshold: float = 8,
        splits: bool = True,
        static: Callable[[], tuple[str, str]] | None = None,
    ) -> None:
        super().__init__()
        self._page, self._example, self._on_edit = page, example, on_edit
        self._settings, self._static = {"threshold": threshold, "splits": splits}, static

    def welcome(self, _: Message) -> Message:
        """Return the first page, in the order of the file."""
        return {**self._rows({}, 0, FIRST), "settings": self._settings}

    def fetch(self, message: Message) -> Message:
        """Return a page of rows, or one example with its history."""
        if "id" in message:
            return dict(self._example(whole(message, "id", 1, 2**53)))
        query, start = message.get("query"), whole(message, "start", 0, 2**53)
        if not isinstance(query, dict):
            raise DataError(f"a query is a dict, not {query!r}", hint="run the cell again")
        return self._rows(query, start, whole(message, "n", 1, MOST))

    def _rows(self, query: dict[str, Any], start: int, n: int) -> Message:
        found = self._page(query, start, n)
        return {"total": found["total"], "rows": [_preview(row) for row in found["rows"]]}

    def decide(self, edit: Message) -> Mapping[str, Any] | None:
        """Hand one decision to `on_edit`."""
        if edit.get("kind") not in KINDS:
            raise DataError(f"there is no decision {edit.get('kind')!r}", hint="run the cell again")
        if edit["kind"] == "rate":
            whole(edit, "value", 1, 10)
        if edit["kind"] == "rewrite" and not str(edit.get("text") or "").strip():
            raise DataError("the answer is empty", hint="write an answer, or close the example")
        if edit["kind"] == "split" and edit.get("value") not in (None, "train", "val"):
            raise DataError(f"a split is train or val, not {edit.get('value')!r}", hint="choose one of them")
        return self._on_edit(edit)

    def lines(self) -> list[str]:
        """Return how many examples there are."""
        return [f"{self._page({}, 0, 1)['total']} examples"]

    def static(self) -> Static:
        """Return the table that the person asked for, or how many examples there are."""
        if self._static is None:
            return super().static()
        text, markup = self._static()
        return Static(text.split("\n"), markup)


def _preview(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: " ".join(v[:PREVIEW].split()) if isinstance(v, str) else v for key, v in row.items()}
