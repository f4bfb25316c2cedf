"""Which content is there already: examples by the hash of their messages, rewritten ones by both texts."""

from __future__ import annotations

from typing import Any

import msgspec
import xxhash

from aitelier_nb.storage.index import Index, collector_paused
from aitelier_nb.storage.lines import decode
from aitelier_nb.storage.state import State

__all__ = ["Contents", "content_key"]

_encoder = msgspec.json.Encoder(order="sorted")


def content_key(messages: object) -> int:
    """Return a hash of messages that order of keys, spacing and escapes do not change."""
    return xxhash.xxh3_64_intdigest(_encoder.encode(messages))


def keys(body: bytes) -> set[int]:
    """Return the hashes under which a line's content is known: as it is, and with its first answer."""
    line = decode(body)
    found = {content_key(line["messages"])}
    if line.get("originalOutput") is not None:
        found.add(content_key(_with_original(line)))
    return found


def _with_original(line: dict[str, Any]) -> list[dict[str, Any]]:
    messages = [dict(turn) for turn in line["messages"]]
    for turn in reversed(messages):
        if turn["role"] == "assistant":
            turn["content"] = line["originalOutput"]
            break
    return messages


class Contents:
    """The known contents of a dataset, read in one pass when they are first asked for."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._index: Index | None = None
        self._ids: dict[int, int] = {}

    def key(self, body: bytes) -> int:
        """Return the hash of a new line's content: with the first answer, where there is one."""
        line = decode(body)
        return content_key(
            _with_original(line) if line.get("originalOutput") is not None else line["messages"]
        )

    def find(self, key: int) -> int | None:
        """Return the id of the example that has this content, or None. The caller holds the lock."""
        for example_id, body in self._state.pending.items():
            if body is not None and key in keys(body):
                return example_id
        found = self._known().get(key)
        if found is None or self._state.pending.get(found, b"") is None:
            return None
        return found

    def _known(self) -> dict[int, int]:
        index = self._state.index
        if self._index is not index:
            with collector_paused():
                self._ids = {
                    key: int(example_id)
                    for row, example_id in enumerate(index.ids)
                    for key in keys(index.body(row))
                }
            self._index = index
        return self._ids
