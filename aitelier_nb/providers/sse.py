"""Server-sent events out of bytes that are cut anywhere: inside a line, inside a letter."""

from __future__ import annotations

import codecs

__all__ = ["EventReader"]


class EventReader:
    """Takes bytes as they come and gives the data of each event that is complete."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._line = ""
        self._data: list[str] = []
        self._after_return = False

    def feed(self, block: bytes) -> list[str]:
        """Return the data of the events that end in this block."""
        return self._lines(self._decode(block))

    def end(self) -> list[str]:
        """Return the data of an event that the end of the stream closes."""
        return self._lines(self._decode(b"", final=True) + "\n\n")

    def _lines(self, text: str) -> list[str]:
        if self._after_return and text:
            text = text.removeprefix("\n")  # the second half of a line end that a block border had cut
            self._after_return = False
        self._after_return = self._after_return or text.endswith("\r")
        lines = (self._line + text).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._line = lines.pop()
        found = []
        for line in lines:
            if line.startswith("data:"):
                self._data.append(line[5:].removeprefix(" "))
            elif not line and self._data:
                found.append("\n".join(self._data))
                self._data = []
        return found
