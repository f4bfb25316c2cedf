"""Tables with edits on them: some rows replaced, taken out or added, the others not touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from aitelier_nb.storage import batches, heads
from aitelier_nb.storage.index import Index
from aitelier_nb.storage.scanning import Columns

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["overlaid", "replaced", "spliced"]


def overlaid(
    index: Index, pending: Mapping[int, bytes | None], names: Sequence[str], *, doubles: bool = False
) -> pa.Table:
    """Return the scalars of an index's visible rows with the edited lines in place of the old ones.

    `start` of a row stays that of the old file; with `doubles` second lines of an id stay too.
    """
    import pyarrow as pa

    table = index.table(names)
    rows: list[int] = []
    edited: list[bytes] = []
    new: list[bytes] = []
    gone = [] if doubles else list(index.places.doubles)
    for example, body in pending.items():
        row = index.row(example)
        if row is None:
            if body is not None:
                new.append(body)
        elif body is None:
            gone.append(row)
        else:
            rows.append(row)
            edited.append(body)
    if rows:
        table = replaced(table, rows, _scalars(edited, names))
    if gone:
        table = table.take(np.delete(np.arange(table.num_rows), gone))
    return pa.concat_tables([table, _scalars(new, names)]) if new else table


def _scalars(bodies: Sequence[bytes], names: Sequence[str]) -> pa.Table:
    columns = Columns()
    columns.extend(batches.of_lines(bodies))
    return heads.table(columns).select(list(names))


def replaced(table: pa.Table, rows: Sequence[int], edited: pa.Table) -> pa.Table:
    """Return the table with other values in some rows; columns that stay the same are not copied."""
    import pyarrow.compute as pc

    order = np.argsort(rows)
    places = np.asarray(rows, np.int64)[order]
    mask = np.zeros(table.num_rows, bool)
    mask[places] = True
    for number, name in enumerate(table.column_names):
        old, new = table[name], edited[name].take(order)
        if old.take(places).cast(new.type).equals(new):
            continue
        plain = new.type.value_type if hasattr(new.type, "value_type") else new.type
        values = old.cast(plain).combine_chunks()
        column = pc.replace_with_mask(values, mask, new.cast(plain).combine_chunks()).cast(new.type)
        table = table.set_column(number, name, column)
    return table


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
