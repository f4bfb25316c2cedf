"""What a cell shows and takes keys with; knows callbacks, no disk, no network."""

from __future__ import annotations

__all__ = ["Adder", "Comparator", "JobMonitor", "Rater", "Scorer", "SplitView", "Table"]

_HOMES = {
    "Adder": "adder",
    "Comparator": "comparator",
    "JobMonitor": "monitor",
    "Rater": "rater",
    "Scorer": "scorer",
    "SplitView": "splitter",
    "Table": "table",
}


def __getattr__(name: str) -> object:
    """Return a widget class; anywidget is loaded when the first one is asked for."""
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
