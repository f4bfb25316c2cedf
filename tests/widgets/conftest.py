"""A widget whose messages to the browser are kept instead of sent."""

from __future__ import annotations

from typing import Any

import pytest


class Line:
    """What the browser would see: the messages of a widget, and a way to answer as the browser does."""

    def __init__(self, widget: Any) -> None:
        self.widget = widget
        self.sent: list[dict[str, Any]] = []
        widget.send = lambda content, buffers=None: self.sent.append(content)

    def says(self, **message: Any) -> dict[str, Any]:
        """Hand a message to the widget as a browser does; return its answer."""
        self.widget._receive(self.widget, {"session": "s", **message}, [])
        return self.sent[-1]


@pytest.fixture
def line() -> type[Line]:
    return Line
