"""An index carried over a fold: what a fold did to the file is known, so nothing is read line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import xxhash

from aitelier_nb.storage import files, heads, overlay
from aitelier_nb.storage.files import Opened, Signature, Source
from aitelier_nb.storage.growing import Numbers
from aitelier_nb.storage.heads import Facts
from aitelier_nb.storage.index import Index
from aitelier_nb.storage.parts import Part
from aitelier_nb.storage.pending import located
from aitelier_nb.storage.scanning import Block, Fault
from aitelier_nb.storage.streams import Stream

__all__ = ["carried"]


class _Moves(NamedTuple):
    """By how many bytes and by how many rows everything before a row has grown; one entry more than rows."""

    touched: Numbers
    gone: Numbers
    bytes: Numbers
    rows: Numbers


def carried(
    old: Index, pending: Mapping[int, bytes | None], opened: Opened | Stream, written: Signature
) -> Index | None:
    """Return the index of the file that `folding.chunks` made of an old one and the waiting edits.

    None where that cannot be told without looking: somebody else has written since, a deleted
    line did not begin where its line does, or lines were added behind one without an end.

    Parameters
    ----------
    opened
        The new file.
    written
        Its signature as it was put in place.
    """
    if opened.signature() != written:
        return None
    placed, new = located(old, pending)
    moves = _moves(old, placed)
    if moves is None or ((new or len(moves.gone)) and old.missing_end()):
        return None
    kept = np.delete(old.starts.values + moves.bytes[:-1], moves.gone)
    end = int(old.size + moves.bytes[-1])
    added = end + np.cumsum([0, *(len(body) + 1 for body in new)])
    if added[-1] != written[1]:
        return None
    import pyarrow as pa

    names = heads.schema().names
    table = overlay.overlaid(old, pending, names, doubles=True)
    starts = pa.array(np.concatenate([kept, added[:-1]]), pa.int64())
    table = table.set_column(names.index("start"), "start", starts)
    blocks = _blocks(old, moves, opened.descriptor, end)
    lines = old.facts.lines - len(moves.gone)
    if new:
        data = files.read_at(opened.descriptor, end, written[1] - end)
        blocks.append(Block(end, lines + 1, len(kept), xxhash.xxh3_64_intdigest(data)))
    facts = Facts(written, blocks, _faults(old, moves.gone), lines + len(new))
    return Index(opened, old.name, facts, [Part(table, 0, table.num_rows)])


def _moves(old: Index, placed: Sequence[tuple[int, bytes | None]]) -> _Moves | None:
    grown, fewer = np.zeros(len(old) + 1, np.int64), np.zeros(len(old) + 1, np.int64)
    touched = np.array([row for row, _ in placed], np.int64)
    sizes = np.array([len(body or b"") for _, body in placed], np.int64)
    grown[touched + 1] = sizes - old.lengths[touched]
    gone = [row for row, body in placed if body is None]
    for row in gone:
        start, stop = old.whole(row)
        if start and files.read_at(old.descriptor, start - 1, 1) != b"\n":
            return None
        grown[row + 1], fewer[row + 1] = start - stop, -1
    return _Moves(touched, np.array(gone, np.int64), grown.cumsum(), fewer.cumsum())


def _blocks(old: Index, moves: _Moves, descriptor: int | Source, end: int) -> list[Block]:
    """Return the blocks where they stand now; those with a changed line get a new hash."""
    first = np.array([block.row for block in old.facts.blocks], np.int64)
    touched = set((np.searchsorted(first, moves.touched, side="right") - 1).tolist())
    edges = [*(block.start + int(moves.bytes[block.row]) for block in old.facts.blocks), end]
    found = []
    for place, (block, (start, stop)) in enumerate(zip(old.facts.blocks, pairwise(edges), strict=True)):
        if start == stop:
            continue
        fewer, mark = int(moves.rows[block.row]), block.hash
        if place in touched:
            mark = xxhash.xxh3_64_intdigest(files.read_at(descriptor, start, stop - start))
        found.append(Block(start, block.number + fewer, block.row + fewer, mark))
    return found


def _faults(old: Index, gone: Numbers) -> list[Fault]:
    if not old.facts.faults or not len(gone):
        return old.facts.faults
    numbers = np.array([old.number(row) for row in gone.tolist()])
    return [
        Fault(fault.number - int(np.count_nonzero(numbers < fault.number)), fault.reason, fault.remedy)
        for fault in old.facts.faults
    ]
