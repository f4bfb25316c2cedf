"""The split by rating as a picture, with a slider that shows a ratio before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aitelier_nb.errors import DataError
from aitelier_nb.views import text_table
from aitelier_nb.widgets.sources import script, style
from aitelier_nb.widgets.surface import Message, Static, Surface

__all__ = ["SplitView"]


class SplitView(Surface):
    """Strata by rating with their counts, quota and what is locked; the same as a table.

    A state is a dict {"train", "val", "unassigned", "ratio", "strata": [{"rating", "train", "val",
    "unassigned", "quota"}], "notes": [text]}; a previewed one also has `changes`, whether splitting
    would assign anything.

    Parameters
    ----------
    state
        Called with a ratio (0 to 1) for a preview, or None for what is on disk.
    on_split
        Called with a ratio; splits, and returns the new state.
    static
        Returns the text and the HTML that stay readable without a kernel; the HTML is escaped.
    preview
        Whether a view begins with what the ratio would give instead of what is on disk.
    """

    name = "Split"
    _esm = script("splitter.js")
    _css = style("surface.css")

    def __init__(
        self,
        state: Callable[[float | None], Mapping[str, Any]],
        on_split: Callable[[float], Mapping[str, Any]],
        *,
        static: Callable[[], tuple[str, str]] | None = None,
        preview: bool = False,
    ) -> None:
        super().__init__()
        self._state, self._on_split = state, on_split
        self._static, self._preview = static, preview

    def welcome(self, _: Message) -> Message:
        """Return the split on disk."""
        return {"state": {**self._state(None), "preview": False}, "settings": {"preview": self._preview}}

    def fetch(self, message: Message) -> Message:
        """Return what a ratio would give."""
        return {"state": {**self._state(_ratio(message)), "preview": True}}

    def decide(self, edit: Message) -> Mapping[str, Any]:
        """Split with the ratio that was chosen."""
        if edit.get("kind") != "split":
            raise DataError(f"there is no decision {edit.get('kind')!r}", hint="run the cell again")
        return {"state": {**self._on_split(_ratio(edit)), "preview": False}}

    def static(self) -> Static:
        """Return what the verb shows, or the lines."""
        if self._static is None:
            return super().static()
        text, markup = self._static()
        return Static(text.split("\n"), markup)

    def lines(self) -> list[str]:
        """Return the split on disk, with a line for each rating."""
        state = self._state(None)
        head = f"{state['train']} train, {state['val']} validation, {state['unassigned']} unassigned"
        rows = [[one["rating"], one["train"], one["val"], one["unassigned"]] for one in state["strata"]]
        table = text_table(["rating", "train", "validation", "unassigned"], rows).split("\n") if rows else []
        return [head, *table, *state.get("notes", [])]


def _ratio(message: Message) -> float:
    ratio = message.get("ratio")
    if isinstance(ratio, (int, float)) and not isinstance(ratio, bool) and 0 < ratio < 1:
        return float(ratio)
    raise DataError(f"ratio {ratio!r} is not between 0 and 1", hint="0.8 gives four fifths to train")
