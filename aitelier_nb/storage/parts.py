"""Scalars of a run of rows, wherever they are: just scanned, in Arrow, or in a head not yet read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aitelier_nb.storage import arrays, heads
from aitelier_nb.storage.batches import Batch
from aitelier_nb.storage.scanning import AS_READ, Columns, collector_paused

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["PACKED", "Changed", "Part", "cut", "gathered", "joined", "listed", "numbers"]

PACKED = 1 << 15  # rows; as Python objects so many take some ten megabytes, and in Arrow five


class Changed:
    """All rows of some parts, with other columns of numbers in the place of some of theirs."""

    def __init__(self, parts: Sequence[Part], columns: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self._parts, self.columns = parts, columns

    def select(self, names: Sequence[str]) -> pa.Table:
        """Return columns as Arrow."""
        import pyarrow as pa

        kinds, found = heads.schema(), {}
        for name in self.columns.keys() & set(names):
            values = self.columns[name]
            if name == "split":
                codes = pa.array(values.astype(np.int32) - 1, mask=values == 0)
                found[name] = pa.DictionaryArray.from_arrays(codes, pa.array(heads.SIDES[1:], pa.string()))
            else:
                found[name] = pa.array(values, kinds.field(name).type)
        rest = [name for name in names if name not in found]
        held = joined(self._parts, rest) if rest else {}
        return pa.table({name: found[name] if name in found else held[name] for name in names})


class Part(NamedTuple):
    """Rows `first` to `last` of a source; their lines stand `shift` bytes after where the source says."""

    source: Columns | Changed | pa.Table | pq.ParquetFile
    first: int
    last: int
    shift: int = 0

    def cut(self, first: int, last: int, shift: int) -> Part:
        """Return some of the rows, counted from the part's own first, moved by further bytes."""
        return Part(self.source, self.first + first, self.first + last, self.shift + shift)

    def numbers(self, name: str) -> npt.NDArray[Any]:
        """Return one column of whole numbers, 0 where there is none; sides are places in `heads.SIDES`."""
        found: npt.NDArray[Any]
        if isinstance(self.source, Columns):
            values = self.source.column(name)[self.first : self.last]
            kind = np.uint64 if name in heads.RAW else np.int64
            if name == "split":
                values = list(map(heads.CODES.__getitem__, values))
            if isinstance(values, np.ndarray):
                found = values.astype(kind)
            else:
                found = np.array([value or 0 for value in values], kind)
        elif isinstance(self.source, Changed) and name in self.source.columns:
            found = np.asarray(self.source.columns[name][self.first : self.last])
        else:
            column = _read(self.source, [name])[name].slice(self.first, self.last - self.first)
            if name == "split":
                return heads.side_codes(column)
            found = arrays.without_gaps(column)
        return found + np.int64(self.shift) if name == "start" and self.shift else found

    def read(self, names: Sequence[str]) -> pa.Table:
        """Return columns as Arrow."""
        rows = _read(self.source, names).slice(self.first, self.last - self.first)
        if self.shift and "start" in names:
            import pyarrow.compute as pc

            moved = pc.add(rows["start"], self.shift)
            rows = rows.set_column(rows.column_names.index("start"), "start", moved)
        return rows


def _read(source: Columns | Changed | pa.Table | pq.ParquetFile, names: Sequence[str]) -> pa.Table:
    if isinstance(source, Columns):
        return heads.table(source, names)
    if isinstance(source, Changed) or not hasattr(source, "metadata"):
        return source.select(list(names))
    return source.read(list(names))


def gathered(batches: Iterable[Batch], few: int = AS_READ) -> list[Part]:
    """Return the scalars of lines; a `few` stay as they are, many are packed as Arrow as they come."""
    found, columns = [], Columns(few)
    with collector_paused():
        for batch in batches:
            columns.extend(batch)
            if len(columns) >= max(PACKED, few):
                found.append(Part(heads.table(columns), 0, len(columns)))
                columns = Columns(few)
    return [*found, Part(columns, 0, len(columns))] if len(columns) or not found else found


def listed(parts: Sequence[Part], names: Sequence[str]) -> dict[str, list[Any]] | None:
    """Return columns as lists; None where some of the rows are in Arrow already."""
    found: dict[str, list[Any]] = {name: [] for name in names}
    for part in parts:
        if not isinstance(part.source, Columns):
            return None
        for name in names:
            found[name] += part.source.listed(name)[part.first : part.last]
    return found


def joined(parts: Sequence[Part], names: Sequence[str]) -> pa.Table:
    """Return the rows of all parts as one table."""
    import pyarrow as pa

    shape = heads.schema()
    wanted = pa.schema([shape.field(name) for name in names])
    tables = [part.read(names).cast(wanted) for part in parts if part.last > part.first]
    return pa.concat_tables(tables) if tables else wanted.empty_table()


def numbers(parts: Sequence[Part], name: str) -> npt.NDArray[np.generic]:
    """Return one column of whole numbers of all parts."""
    found = [part.numbers(name) for part in parts]
    return found[0] if len(found) == 1 else np.concatenate(found)


def several(parts: Sequence[Part], names: Sequence[str]) -> list[npt.NDArray[np.generic]]:
    """Return columns of whole numbers; those that stand in a file by one look into it."""
    if len(parts) == 1 and names and not isinstance(parts[0].source, Columns | Changed):
        parts = [parts[0]._replace(source=_read(parts[0].source, names))]
    return [numbers(parts, name) for name in names]


def cut(parts: Sequence[Part], first: int, last: int, shift: int = 0) -> list[Part]:
    """Return the parts of rows `first` to `last`, their lines moved by some bytes."""
    found, place = [], 0
    for part in parts:
        length = part.last - part.first
        begin, end = max(first - place, 0), min(last - place, length)
        if begin < end:
            found.append(part.cut(begin, end, shift))
        place += length
    return found
