"""Connects the widgets to a project: pages come from the dataset, decisions go into it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.schema import Example
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.current import fold_soon
from aitelier_nb.verbs.insights import Insights

if TYPE_CHECKING:
    from aitelier_nb.widgets.table import Table

__all__ = ["Desk", "picked", "table"]

QUERIES = 8  # searches whose results are remembered while one scrolls


def picked(
    project: Project,
    *,
    rated: bool | None = None,
    below: float | None = None,
    at_least: float | None = None,
    split: str | None = None,
    query: str | None = None,
    flagged: bool = False,
) -> list[int]:
    """Return the ids of the examples that match all filters, in file order."""
    if split not in (None, "train", "val", "none"):
        raise UsageError(f"there is no split {split!r}", hint="train, val or none")
    if (rated, below, at_least, split, flagged) == (None, None, None, None, False):
        every: list[int] = project.dataset.columns("id")["id"]
        return every if not query else _with_text(project, every, query.casefold())
    wanted = None if split == "none" else split
    columns = project.dataset.columns("id", "rating", "split", "flagged")
    names: list[int] = [
        name
        for name, rating, side, mark in zip(*columns.values(), strict=True)
        if _rating_fits(rating, rated, below, at_least)
        and (split is None or side == wanted)
        and (mark or not flagged)
    ]
    return names if not query else _with_text(project, names, query.casefold())


def _rating_fits(rating: int | None, rated: bool | None, below: float | None, at_least: float | None) -> bool:
    if rating is None:
        return rated is not True and below is None and at_least is None
    return (
        rated is not False and (below is None or rating < below) and (at_least is None or rating >= at_least)
    )


def _with_text(project: Project, names: Sequence[int], needle: str) -> list[int]:
    return [
        example.id
        for example in project.dataset.examples(names)
        if any(needle in message.text.casefold() for message in example.messages)
    ]


class Desk:
    """A list of examples of a project: pages of it, and what a decision does on disk."""

    def __init__(self, project: Project, ids: Sequence[int] = (), insights: Insights | None = None) -> None:
        self.project, self.ids, self.insights = project, list(ids), insights
        self.places = {name: place for place, name in enumerate(self.ids)}

    def page(self, start: int, n: int) -> list[dict[str, Any]]:
        """Return the examples at these places as they stand now; a deleted one is left out."""
        return self.cards([found for found in map(self._found, self.ids[start : start + n]) if found])

    def _found(self, name: int) -> Example | None:
        try:
            return self.project.dataset.get(name)
        except DataError:
            return None

    def cards(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Return examples with their places in the list, and with what is known of them."""
        known = self.insights.of(examples) if self.insights is not None else [{} for _ in examples]
        return [
            {**one.to_json(), "position": self.places.get(one.id), **more}
            for one, more in zip(examples, known, strict=True)
        ]

    def card(self, example: Example) -> dict[str, Any]:
        """Return one example in the same way."""
        return self.cards([example])[0]

    def edit(self, decision: Mapping[str, Any]) -> dict[str, Any]:
        """Do what one key press says; return once it is on disk."""
        data, key = self.project.dataset, (str(decision["session"]), int(decision["seq"]))
        kind, name = decision["kind"], int(decision.get("id") or 0)
        if kind == "rate":
            data.set_rating(name, decision["value"], key=key, expected=decision.get("version"))
        elif kind == "rewrite":
            data.rewrite(name, decision["text"], decision["value"], key=key)
        elif kind == "annotate":
            given = {field: decision[field] for field in ("tags", "note", "flagged") if field in decision}
            data.annotate(name, **given, key=key)
        elif kind == "delete":
            data.delete(name, key=key)
        elif kind == "undo":
            of = decision.get("of")
            undone = data.undo(key=key, of=(key[0], int(of)) if of is not None else None)
            name = undone.id if undone is not None else name
        fold_soon(self.project)
        found = self._found(name)
        return {"example": self.card(found), "position": self.places.get(name)} if found else {}

    def opened(self, name: int) -> dict[str, Any]:
        """Return one example with every edit that was ever made to it."""
        data = self.project.dataset
        past = [edit.to_json() for edit in data.history(name)]
        return {"example": self.card(data.get(name)), "history": past}


def table(project: Project, filters: Mapping[str, Any], static: Callable[[], tuple[str, str]]) -> Table:
    """Return a table of the examples that match; `static` gives the text and HTML that stay."""
    from aitelier_nb.widgets.table import Table

    desk = Desk(project)
    pages = Pages(project, filters)
    threshold = project.config.quality_threshold
    return Table(pages.page, desk.opened, desk.edit, threshold=threshold, splits=False, static=static)


class Pages:
    """Pages of a table; the ids that a search found are kept until something is edited."""

    def __init__(self, project: Project, filters: Mapping[str, Any]) -> None:
        self.project, self.filters = project, dict(filters)
        self._found: OrderedDict[str, list[int]] = OrderedDict()

    def page(self, query: Mapping[str, Any], start: int, n: int) -> dict[str, Any]:
        """Return how many examples match and the rows of one page."""
        if start == 0 or repr(query) not in self._found:
            self._found[repr(query)] = self._search(query)
            while len(self._found) > QUERIES:
                self._found.popitem(last=False)
        names = self._found[repr(query)]
        cards = Desk(self.project, names[start : start + n]).page(0, n)
        return {"total": len(names), "rows": [_row(Example.model_validate(card)) for card in cards]}

    def _search(self, query: Mapping[str, Any]) -> list[int]:
        names = picked(self.project, **self.filters)
        chosen = _chosen(query, self.project.config.quality_threshold)
        if chosen:
            narrowed = set(picked(self.project, **chosen))
            names = [name for name in names if name in narrowed]
        return _ordered(self.project, names, str(query.get("sort") or "id"), bool(query.get("descending")))


def _chosen(query: Mapping[str, Any], threshold: float) -> dict[str, Any]:
    """Return the filters that a person chose in the table's head."""
    ratings: dict[str, dict[str, Any]] = {
        "yes": {"rated": True},
        "no": {"rated": False},
        "low": {"below": threshold},
        "high": {"at_least": threshold},
        "flagged": {"flagged": True},
    }
    chosen = dict(ratings.get(str(query.get("rated")), {}))
    if query.get("split"):
        chosen["split"] = query["split"]
    if str(query.get("text") or "").strip():
        chosen["query"] = str(query["text"]).strip()
    return chosen


def _ordered(project: Project, names: list[int], column: str, descending: bool) -> list[int]:
    if column == "id":
        return names[::-1] if descending else names
    if column in ("input", "output"):
        texts = {example.id: getattr(example, column) for example in project.dataset.examples(names)}
        return sorted(names, key=lambda name: texts.get(name, ""), reverse=descending)
    if column not in ("rating", "split", "n_chars"):
        raise UsageError(f"there is no column {column!r}", hint="sort by a column of the table")
    columns = project.dataset.columns("id", column)
    values = dict(zip(columns["id"], columns[column], strict=True))
    known = [name for name in names if values.get(name) is not None]
    rest = [name for name in names if values.get(name) is None]
    return sorted(known, key=values.__getitem__, reverse=descending) + rest


def _row(example: Example) -> dict[str, Any]:
    return {
        "id": example.id,
        "rating": example.rating,
        "split": example.split,
        "input": example.input,
        "output": example.output,
        "n_chars": sum(len(message.text) for message in example.messages),
    }
