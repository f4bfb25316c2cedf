"""Many examples put on a side at once: one pass over the file, and one event.

A line without a `split` key gets it at its end without being decoded: the head says which ones
have none, and when each was made.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import xxhash

from aitelier_nb.storage import edit_log, editing, files, heads
from aitelier_nb.storage.files import Opened, Signature, Span
from aitelier_nb.storage.growing import Numbers
from aitelier_nb.storage.heads import SIDES, Facts
from aitelier_nb.storage.index import Index
from aitelier_nb.storage.journal import MARK, Entry, Group
from aitelier_nb.storage.parts import Changed, Part
from aitelier_nb.storage.scanning import Block
from aitelier_nb.storage.sides import Codes, Side, Wanted, standing, wanted
from aitelier_nb.storage.state import State

__all__ = ["place"]

KEYS = [b"{}", *(b'{"split":"%b"}' % side.encode() for side in SIDES if side)]
TAILS = [b"}", *(b"," + key[1:] for key in KEYS[1:])]
STRETCH = 1 << 17  # bytes that are changed at once, while they are in the processor's cache

Pair = tuple[bytes, bytes]


def place(
    state: State, history: Path, entry: Entry, ids: Numbers, sides: Codes, *, reshuffle: bool = False
) -> bool:
    """Put examples on their sides as one event, in the history and the file; False where all are there.

    The caller holds the lock and has folded what waited. Cut short, the journal tells the next
    fold what is missing.
    """
    state.index.learn("id", "rating", "asked", "start", "length", "hash", "split", "has_split")
    plan = wanted(state.index, ids, sides, reshuffle=reshuffle)
    if not len(plan.rows):
        return False
    placing = _Placing(state.index, plan)
    try:
        with files.replacing(state.path) as new:
            new.write(placing.chunks())
            entry.groups = placing.groups()
            state.journal.append(entry)
            state.journal.flush()
            edit_log.append(history, [entry])
    except BaseException:
        state.refresh(fresh=True)
        raise
    known = placing.index(Opened(state.path), files.signature(new.state))
    state.journal.clear()
    state.know(known)
    return True


class _Placing:
    """The file with sides in its lines: written block by block, then known as an index and as an event.

    Parameters
    ----------
    index
        The file as it is; one file.
    wanted
        What is to be changed.
    """

    def __init__(self, index: Index, wanted: Wanted) -> None:
        self._index, self._wanted = index, wanted
        self._begins = index.starts.values[wanted.rows]
        self._lasts = self._begins + index.lengths.values[wanted.rows] - 1  # where the final brace stands
        self._loose = np.flatnonzero(self._begins[1:] - self._lasts[:-1] != len("}\n")).tolist()
        self._tails = [TAILS[side] for side in wanted.sides.tolist()]
        self._had = np.flatnonzero(wanted.had).tolist()
        self._marks: list[int] = []
        self._blocks: list[Block] = []
        self._pairs: dict[Pair, int] = {(KEYS[0], key): code for code, key in enumerate(KEYS)}
        self._codes = wanted.sides.copy()
        self._grown = np.array([len(tail) - 1 for tail in TAILS])[wanted.sides]

    def chunks(self) -> Iterator[bytes | Span]:
        """Yield the new file."""
        index, down = self._index, 0
        firsts = np.array([*(block.row for block in index.facts.blocks), len(index)], np.int64)
        edges = np.searchsorted(self._wanted.rows, firsts).tolist()
        for number, (block, (low, high)) in enumerate(zip(index.facts.blocks, pairwise(edges), strict=True)):
            start, stop = index.span(number)
            mark, shift = block.hash, down
            if low == high:
                yield Span(index.descriptor, start, stop)  # type: ignore[arg-type]
            else:
                found = xxhash.xxh3_64()
                for data in self._changed(start, stop, low, high):
                    found.update(data)
                    yield data
                mark, down = found.intdigest(), down + int(self._grown[low:high].sum())
            self._blocks.append(Block(start + shift, block.number, block.row, mark))

    def _changed(self, start: int, stop: int, low: int, high: int) -> Iterator[bytes]:
        """Yield a block of the file with the rows from `low` to `high` of the plan changed."""
        several = max((high - low) * STRETCH // (stop - start), 1)
        for first in range(low, high, several):
            after = min(first + several, high)
            end = stop if after == high else self._lasts[after - 1] + 1
            yield self._patched(start, end, first, after)
            start = end

    def _patched(self, start: int, end: int, low: int, high: int) -> bytes:
        """Return a stretch of the file with some of its lines changed; what stands between them stays."""
        data = files.read_at(self._index.descriptor, start, end - start)
        froms, upto = (self._begins[low:high] - start).tolist(), (self._lasts[low:high] - start).tolist()
        tails = self._tails[low:high]
        lines = [data[begin:last] + tail for begin, last, tail in zip(froms, upto, tails, strict=True)]
        for place in self._had[bisect_left(self._had, low) : bisect_left(self._had, high)]:
            self._turn(place, lines, place - low, data[froms[place - low] : upto[place - low] + 1])
        self._marks += map(xxhash.xxh3_64_intdigest, lines)
        lines[0] = data[: froms[0]] + lines[0]
        lines[-1] += data[upto[-1] + 1 :]  # which may be the first one, too
        if bisect_left(self._loose, low) == bisect_left(self._loose, high - 1):
            return b"\n".join(lines)
        between = [data[last + 1 : begin] for last, begin in zip(upto, froms[1:], strict=False)]
        return b"".join([piece for pair in zip(lines, [*between, b""], strict=True) for piece in pair])

    def _turn(self, place: int, lines: list[bytes], among: int, line: bytes) -> None:
        """Change a line that has the key already."""
        lines[among], pair = _turned(line, SIDES[self._wanted.sides[place]])
        self._codes[place] = self._pairs.setdefault(pair, len(self._pairs))
        self._grown[place] = len(lines[among]) - len(line)

    def groups(self) -> list[Group]:
        """Return what was done, once all is written, by the key before and after."""
        rows = self._wanted.rows
        created, ids = _created(self._index, rows), self._index.ids.values[rows]
        old, new = self._index.hashes[rows].astype(MARK), np.array(self._marks, MARK)
        found = []
        for (before, after), code in self._pairs.items():
            those = np.flatnonzero(self._codes == code)
            if len(those):
                at = created if isinstance(created, str) else [created[place] for place in those.tolist()]
                on, to = old[those].tobytes(), new[those].tobytes()
                found.append(Group(on, to, at, ids[those].tolist(), msgspec.Raw(before), msgspec.Raw(after)))
        return found

    def index(self, opened: Opened, written: Signature) -> Index | None:
        """Return the index of the new file; None where another one is there."""
        if opened.signature() != written:
            return None
        old, facts, (rows, sides, _) = self._index, self._index.facts, self._wanted
        moves = np.zeros(len(old) + 1, np.int64)
        moves[rows + 1] = self._grown
        marks, side, has_key = old.hashes.values.copy(), old.column("split").copy(), standing(old)[1].copy()
        marks[rows], side[rows], has_key[rows] = self._marks, sides, sides > 0
        told = {
            "start": old.starts.values + moves.cumsum()[:-1],
            "length": old.lengths.values + moves[1:],
            "hash": marks,
            "has_split": has_key,
            "split": side,
        }
        part = Part(Changed(old.parts, told), 0, len(old))
        known = {**told, **{name: old.column(name) for name in ("id", "rating", "asked")}}
        return Index(opened, old.name, Facts(written, self._blocks, facts.faults, facts.lines), [part], known)


def _turned(line: bytes, side: Side) -> tuple[bytes, Pair]:
    """Return a line that has the key with another side or none, and the key before and after."""
    for code in (1, 2):
        if line.endswith(TAILS[code]):  # the last key of the line: what ends like that can be nothing else
            new = SIDES.index(side)
            return line[: -len(TAILS[code])] + TAILS[new], (KEYS[code], KEYS[new])
    made = editing.given(line, {}, ["split"]) if side is None else editing.given(line, {"split": side})
    if made is None:
        return line, (KEYS[0], KEYS[0])
    return made.body, (bytes(made.change.before), bytes(made.change.after))


def _created(index: Index, rows: Numbers) -> str | list[str]:
    """Return when the examples of some rows were made, as their lines say; one text if it is the same."""
    import pyarrow.compute as pc

    table = index.table(["created_at", "created"])
    table = table if len(rows) == len(index) else table.take(rows)
    moments, texts = table["created_at"], table["created"]
    if texts.null_count == len(texts) and (ends := pc.min_max(moments))["min"] == ends["max"]:
        found: str = heads.spelt(moments.slice(0, 1))[0].as_py()
        return found
    told: list[str] = pc.coalesce(texts, heads.spelt(moments), "").to_pylist()
    return told
