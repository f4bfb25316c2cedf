"""Tables with edits on them: some rows replaced, taken out or added, the others not touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aitelier_nb.storage import batches, heads
from aitelier_nb.storage.growing import Numbers
from aitelier_nb.storage.index import Index
from aitelier_nb.storage.pending import Pending
from aitelier_nb.storage.scanning import Columns

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["listed", "overlaid", "replaced", "spliced"]


def overlaid(
    index: Index, pending: Mapping[int, bytes | None], names: Sequence[str], *, doubles: bool = False
) -> pa.Table:
    """Return the scalars of an index's visible rows with the edited lines in place of the old ones.

    `start` of a row stays that of the old file; with `doubles` second lines of an id stay too.
    """
    import pyarrow as pa

    table = index.table(names)
    cells, edited, gone, new = _sorted_out(index, pending, names)
    for name, values in cells.items():
        table = _with_cells(table, name, values) if values else table
    if edited:
        table = replaced(table, list(edited), _scalars(list(edited.values()), names))
    gone = gone if doubles else [*gone, *index.places.doubles]
    if gone:
        table = table.take(np.delete(np.arange(table.num_rows), gone))
    return pa.concat_tables([table, _scalars(new, names)]) if new else table


def listed(
    index: Index, pending: Mapping[int, bytes | None], names: Sequence[str]
) -> dict[str, list[Any]] | None:
    """Return the same as lists, without Arrow; None where some of it is in Arrow already."""
    found = index.listed(names)
    if found is None:
        return None
    cells, edited, gone, new = _sorted_out(index, pending, names)
    changed, added = Columns(), Columns()
    changed.extend(batches.of_lines(list(edited.values())))
    added.extend(batches.of_lines(new))
    out = {*gone, *index.places.doubles}
    for name, values in found.items():
        for row, value in [*cells[name].items(), *zip(edited, changed.listed(name), strict=True)]:
            values[row] = value
        if out:
            values[:] = [value for row, value in enumerate(values) if row not in out]
        values.extend(added.listed(name))
    return found


def _sorted_out(
    index: Index, pending: Mapping[int, bytes | None], names: Sequence[str]
) -> tuple[dict[str, dict[int, Any]], dict[int, bytes], list[int], list[bytes]]:
    """Return values by column and row, lines that are to be read by row, deleted rows, and new lines."""
    told = pending.cells if isinstance(pending, Pending) else None
    row_of = pending.row if isinstance(pending, Pending) else index.row
    cells: dict[str, dict[int, Any]] = {name: {} for name in names}
    edited: dict[int, bytes] = {}
    gone, new = [], []
    for example in pending:
        row = row_of(example)
        found = told(example) if told else None
        if row is not None and found is not None:
            for name, value in found.items():
                if name in cells:
                    cells[name][row] = value
            if "length" in cells:
                cells["length"][row] = len(pending[example] or b"")
            continue
        body = pending[example]
        if row is None:
            new += [] if body is None else [body]
        elif body is None:
            gone.append(row)
        else:
            edited[row] = body
    return cells, edited, gone, new


def _scalars(bodies: Sequence[bytes], names: Sequence[str]) -> pa.Table:
    columns = Columns()
    columns.extend(batches.of_lines(bodies))
    return heads.table(columns, names)


def replaced(table: pa.Table, rows: Sequence[int], edited: pa.Table) -> pa.Table:
    """Return the table with other values in some rows; columns that stay the same are not copied."""
    order = np.argsort(rows)
    places = np.asarray(rows, np.int64)[order]
    for number, name in enumerate(table.column_names):
        old, new = table[name], edited[name].take(order)
        if not old.take(places).cast(new.type).equals(new):
            plain = new.type.value_type if hasattr(new.type, "value_type") else new.type
            column = _patched(old, places, new.cast(plain).combine_chunks())
            table = table.set_column(number, name, column)
    return table


def _with_cells(table: pa.Table, name: str, values: Mapping[int, Any]) -> pa.Table:
    """Return the table with other values in some rows of a column."""
    import pyarrow as pa

    column = table[name]
    plain = column.type.value_type if hasattr(column.type, "value_type") else column.type
    places = np.array(sorted(values), np.int64)
    new = pa.array([values[row] for row in places.tolist()], plain)
    return table.set_column(table.column_names.index(name), name, _patched(column, places, new))


def _patched(column: pa.ChunkedArray, places: Numbers, new: pa.Array) -> pa.Array:
    """Return a column with new values in some places, which rise."""
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = np.zeros(len(column), bool)
    mask[places] = True
    if not hasattr(column.type, "value_type"):
        return pc.replace_with_mask(column.combine_chunks(), mask, new)
    whole = column.unify_dictionaries().combine_chunks()
    words = dict.fromkeys([*whole.dictionary.to_pylist(), *filter(None, new.to_pylist())])
    codes = {word: code for code, word in enumerate(words)}
    fresh = pa.array([codes.get(word) for word in new.to_pylist()], whole.indices.type)
    return pa.DictionaryArray.from_arrays(
        pc.replace_with_mask(whole.indices, mask, fresh), pa.array(codes, new.type)
    )


def spliced(table: pa.Table, pieces: Mapping[int, pa.Table | None], end: Sequence[pa.Table] = ()) -> pa.Table:
    """Return the table with some rows replaced by others, or taken out, and further ones at its end.

    Made of slices: no text is copied.
    """
    import pyarrow as pa

    found, place = [], 0
    for row in sorted(pieces):
        piece = pieces[row]
        found.append(table.slice(place, row - place))
        if piece is not None:
            found.append(piece)
        place = row + 1
    return pa.concat_tables([*found, table.slice(place), *end])
