"""Rows that are Python objects already: frames of pandas and polars, Arrow tables, datasets, lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aitelier_nb.errors import UsageError
from aitelier_nb.formats import documents

__all__ = ["rows_of"]


def rows_of(source: Any) -> Iterable[Any]:
    """Return the rows of an object, whatever library it is of.

    Raises
    ------
    UsageError
        It holds no rows.
    """
    if hasattr(source, "collect") and hasattr(source, "collect_schema"):  # polars, lazily
        source = source.collect()
    for method in ("to_dicts", "to_pylist"):  # a frame of polars, a table of Arrow
        if hasattr(source, method):
            return list(getattr(source, method)())
    if hasattr(source, "to_dict") and hasattr(source, "columns"):
        return list(_labelled(source).to_dict("records"))
    if isinstance(source, Mapping):
        return _of_mapping(source)
    if not isinstance(source, Iterable):
        raise UsageError(
            f"{type(source).__name__} holds no rows to import",
            hint="give a path, a DataFrame, a list of dicts or a dataset",
        )
    return source


def _labelled(frame: Any) -> Any:
    """Return a frame of pandas whose named index is a column like the others."""
    return frame.reset_index() if any(name is not None for name in frame.index.names) else frame


def _of_mapping(source: Mapping[Any, Any]) -> Iterable[Any]:
    """Return the rows of datasets by their split, of columns, or of one row."""
    if source and all(hasattr(side, "column_names") for side in source.values()):
        several = len(source) > 1
        return [{"split": name, **row} if several else row for name, side in source.items() for row in side]
    found = documents.unwrapped(dict(source))
    return [dict(source)] if found is None else found
