"""The examples of a project as they stand now, whoever changed them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitelier_nb.errors import DataError
from aitelier_nb.schema import Example, Problem
from aitelier_nb.storage import arrays, editing, frames, mirrors, overlay, sides
from aitelier_nb.storage.counts import filled
from aitelier_nb.storage.sides import Assessed
from aitelier_nb.storage.state import Conflict, State

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Reading"]


class Reading:
    """The part of a dataset that looks and changes nothing."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "data" / "examples.jsonl"
        self.history_path = folder / "data" / "history.jsonl"
        self._folder = folder
        self._state = State(folder)

    def __len__(self) -> int:
        with self._state.reading():
            return len(self._state)

    def ids(self) -> list[int]:
        """Return the ids of all usable examples, in the order of the file."""
        with self._state.reading():
            return self._state.ids()

    def get(self, example_id: int) -> Example:
        """Return one example; DataError when there is none of this id."""
        with self._state.reading():
            return editing.example(self._body(example_id))

    def examples(self, ids: Iterable[int] | None = None) -> Iterator[Example]:
        """Yield the usable examples in the order of the file, or those of the ids in their order."""
        return map(editing.example, self.raw(ids))

    def raw(self, ids: Iterable[int] | None = None) -> Iterator[bytes]:
        """Yield the lines as they stand, without their line ends.

        Without ids they are those of the moment when the first one is taken.
        """
        if ids is not None:
            for example_id in list(ids):
                with self._state.reading():
                    body = self._body(example_id)
                yield body
            return
        with self._state.reading():
            index, pending = self._state.index, dict(self._state.pending)
        for example_id, standing in index.bodies():
            edited = pending.pop(example_id, standing)
            if edited is not None:
                yield edited
        yield from (body for body in pending.values() if body is not None)

    def page(self, start: int, n: int) -> list[Example]:
        """Return n examples from place `start` of the file on, read by their offsets."""
        with self._state.reading():
            ids = self._state.ids(max(start, 0), max(start, 0) + max(n, 0))
            return [editing.example(self._body(example_id)) for example_id in ids]

    def frame(self, *, text: bool = False) -> pd.DataFrame:
        """Return a copy of the examples as a DataFrame of Arrow-backed columns, one row each.

        id int64; rating int8; split as a dictionary of text; created_at in UTC milliseconds;
        version, n_turns, n_chars int32; flagged bool; group and source as text; hash uint64, the
        line that the row was made from (`update` looks at it). With `text` also input, the last
        user turn, output, the last assistant turn, and messages as a list of {role, content}.
        """
        return frames.to_frame(self._table(text=text))

    def columns(self, *names: str, hasty: bool = False) -> dict[str, list[Any]]:
        """Return columns of `frame` as plain lists, without pandas and without writing anything.

        What is only looked at once, such as the order of a list to rate, is there a second earlier
        in a new kernel. In haste a large file that was never read is read for these columns alone;
        the next fold makes the head of its mirror.
        """
        with self._state.hastily() if hasty else self._state.reading():
            if "created_at" not in names:  # its lines hold a text
                found = overlay.listed(self._state.index, self._state.pending, names)
                if found is not None:
                    return found
            table = overlay.overlaid(self._state.index, self._state.pending, names)
        return {name: _listed(table[name]) for name in names}

    def assessed(self) -> Assessed:
        """Return what a split looks at of each example, as arrays and without reading a line."""
        with self._state.reading():
            return sides.assessed(self._state.index, self._state.pending)

    def _table(self, *, text: bool) -> pa.Table:
        import pyarrow as pa

        self._state.texts_wanted |= text
        with self._state.reading():
            try:
                self._state.save_head()
                return mirrors.frame(self._state.index, self._state.pending, self._state.body_path, text=text)
            except (OSError, pa.ArrowException):  # a mirror that cannot be read is made again
                self._state.start_over()
                return mirrors.frame(self._state.index, self._state.pending, self._state.body_path, text=text)

    def token_counts(
        self, name: str, count: Callable[[list[Example]], Sequence[int]]
    ) -> tuple[list[int], list[int]]:
        """Return the ids of all examples and the tokens of each; only what is new or changed is counted.

        Parameters
        ----------
        name
            What counts, a tokenizer's name: counts of another one are not used.
        count
            Counts whole examples.
        """
        with self._state.reading():
            told = overlay.overlaid(self._state.index, self._state.pending, ["id", "content"])
            ids = told["id"].to_pylist()
            path = self._state.head_path.with_name("examples.tokens.parquet")
            counts = filled(
                path,
                name,
                told["content"].to_numpy(),
                lambda places: count(list(self.examples([ids[place] for place in places]))),
            )
        return ids, counts

    def problems(self) -> list[Problem]:
        """Return the lines that cannot be used, and the edits that met a change from outside."""
        with self._state.reading():
            return [*self._state.index.problems(), *map(self._told, self._state.conflicts)]

    def _told(self, conflict: Conflict) -> Problem:
        example_id, what = conflict.change.id, conflict.entry.kind
        row = self._state.index.row(example_id)
        file, line = self._state.index.located(0 if row is None else self._state.index.number(row))
        end = "both are kept in its history" if conflict.applied else f"the {what} waits in its history"
        return Problem(
            file=file,
            line=line,
            reason=f"example {example_id} was changed outside under a waiting {what}; {end}",
            remedy=f"look at `ait history {example_id}`, then set what you want",
        )

    def fingerprint(self) -> str:
        """Return the SHA-256 (hex) of all usable lines as they stand."""
        found = hashlib.sha256()
        for body in self.raw():
            found.update(body)
            found.update(b"\n")
        return found.hexdigest()

    def _body(self, example_id: int) -> bytes:
        body = self._state.body(example_id)
        if body is None:
            raise DataError(f"there is no example {example_id}", hint="`ait list` shows the ids")
        return body


def _listed(column: pa.ChunkedArray) -> list[Any]:
    """Return a column as a list; whole numbers by way of numpy, ten times as fast as value by value."""
    import pyarrow as pa

    if column.null_count == len(column):
        return [None] * len(column)
    if not pa.types.is_integer(column.type) and not pa.types.is_boolean(column.type):
        return list(column.to_pylist())
    values = arrays.without_gaps(column).tolist()
    if not column.null_count:
        return list(values)
    there = arrays.numbers(column.is_valid()).tolist()
    return [value if given else None for value, given in zip(values, there, strict=True)]
