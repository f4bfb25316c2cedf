"""Many examples put on a side at once: one pass over the file and one event, told from the mirror's head.

A line without a `split` key gets it at its end without being decoded: the head says which ones
have none, and when each was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import xxhash

from aitelier_nb.errors import DataError
from aitelier_nb.storage import edit_log, editing, files, heads
from aitelier_nb.storage.files import Opened, Signature, Span
from aitelier_nb.storage.growing import Marks, Numbers
from aitelier_nb.storage.heads import Facts
from aitelier_nb.storage.index import Index
from aitelier_nb.storage.journal import MARK, Entry, Group
from aitelier_nb.storage.parts import Part
from aitelier_nb.storage.scanning import Block
from aitelier_nb.storage.state import State

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Assessed", "assessed", "place"]

Side = Literal["train", "val"] | None

SIDES: tuple[Side, ...] = (None, "train", "val")
CODES = {side: code for code, side in enumerate(SIDES)}
VAL = CODES["val"]
KEYS = [b"{}", *(b'{"split":"%b"}' % side.encode() for side in SIDES if side)]
TAILS = [b"}", *(b"," + key[1:] for key in KEYS[1:])]

Pair = tuple[bytes, bytes]


def place(state: State, history: Path, entry: Entry, splits: Mapping[int, Side], *, reshuffle: bool) -> bool:
    """Put examples on their sides as one event, in the history and the file; False where all are there.

    The caller holds the lock and has folded what waited. Cut short, the journal tells the next
    fold what is missing.
    """
    plan = _wanted(state.index, splits, reshuffle=reshuffle)
    if not len(plan.rows):
        return False
    placing = _Placing(state.index, plan)
    try:
        with files.replacing(state.path) as new:
            new.write(placing.chunks())
            entry.groups = placing.groups()
            state.journal.append(entry)
            edit_log.append(history, [entry])
    except BaseException:
        state.refresh(fresh=True)
        raise
    known = placing.index(Opened(state.path), files.signature(new.state))
    state.journal.clear()
    state.know(known)
    return True


class _Wanted(NamedTuple):
    """Rows that a split changes, rising: their new sides, and whether their lines have the key already."""

    rows: Numbers
    sides: npt.NDArray[np.int8]
    had: npt.NDArray[np.bool_]


def _wanted(index: Index, splits: Mapping[int, Side], *, reshuffle: bool) -> _Wanted:
    """Return which lines of the file would be others.

    Raises
    ------
    SplitError
        An example would leave validation, and `reshuffle` is not given.
    """
    ids = np.fromiter(splits, np.int64, len(splits))
    sides = np.fromiter(map(CODES.__getitem__, splits.values()), np.int8, len(splits))
    rows = index.places.find_all(ids)
    if len(unknown := ids[rows < 0]):
        raise DataError(f"there is no example {unknown[0]}", hint="`ait list` shows the ids")
    former, has_key = _standing(index)
    if not reshuffle and len(held := ids[(former[rows] == VAL) & (sides != VAL)]):
        raise editing.held_out(int(held[0]))
    chosen = np.flatnonzero((former[rows] != sides) | ((sides == 0) & has_key[rows]))
    chosen = chosen[np.argsort(rows[chosen], kind="stable")]
    return _Wanted(rows[chosen], sides[chosen], has_key[rows[chosen]])


class Assessed(NamedTuple):
    """What a split looks at: of each example its id, rating (0: none), side, group and tally."""

    id: Numbers
    rating: Numbers
    side: npt.NDArray[np.int8]
    group: list[str | None] | None
    asked: Marks


def assessed(table: pa.Table) -> Assessed:
    """Return columns of the head as arrays; the group None where no example has one."""
    group = table["group"]
    return Assessed(
        table["id"].to_numpy(),
        table["rating"].fill_null(0).to_numpy().astype(np.int64),
        _codes(table["split"]),
        None if group.null_count == len(group) else group.to_pylist(),
        table["asked"].to_numpy(),
    )


def _codes(column: pa.ChunkedArray) -> npt.NDArray[np.int8]:
    found = [np.zeros(0, np.int8)]
    for chunk in column.chunks:
        codes = np.array([*map(CODES.__getitem__, chunk.dictionary.to_pylist()), 0], np.int8)
        found.append(codes[chunk.indices.fill_null(len(codes) - 1).to_numpy()])
    return np.concatenate(found)


def _standing(index: Index) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    """Return the side of each row, and whether its line has a `split` key."""
    table = index.table(["split", "has_split"])
    return _codes(table["split"]), table["has_split"].to_numpy()


class _Placing:
    """The file with sides in its lines: written block by block, then known as an index and as an event.

    Parameters
    ----------
    index
        The file as it is; one file.
    wanted
        What is to be changed.
    """

    def __init__(self, index: Index, wanted: _Wanted) -> None:
        self._index, self._wanted = index, wanted
        self._marks: list[int] = []
        self._blocks: list[Block] = []
        self._pairs: dict[Pair, int] = {(KEYS[0], key): code for code, key in enumerate(KEYS)}
        self._codes = wanted.sides.copy()
        self._grown = np.zeros(len(wanted.rows), np.int64)

    def chunks(self) -> Iterator[bytes | Span]:
        """Yield the new file."""
        index, rows = self._index, self._wanted.rows
        first = [block.row for block in index.facts.blocks]
        edges = np.searchsorted(rows, np.array([*first, len(index)], np.int64)).tolist()
        down = 0
        for number, block in enumerate(index.facts.blocks):
            low, high = edges[number : number + 2]
            start, stop = index.span(number)
            if low == high:
                self._blocks.append(block._replace(start=start + down))
                yield Span(index.descriptor, start, stop)  # type: ignore[arg-type]
                continue
            data = self._patched(files.read_at(index.descriptor, start, stop - start), start, low, high)
            mark = xxhash.xxh3_64_intdigest(data)
            self._blocks.append(block._replace(start=start + down, hash=mark))
            down += len(data) - (stop - start)
            yield data

    def _patched(self, data: bytes, start: int, low: int, high: int) -> bytes:
        """Return a block with its lines changed; what stands between them stays."""
        rows, sides, had = (column[low:high] for column in self._wanted)
        begins = self._index.starts.values[rows] - start
        ends = begins + self._index.lengths.values[rows]
        froms, upto = begins.tolist(), ends.tolist()
        tails = [TAILS[side] for side in sides.tolist()]
        lines = [data[begin : end - 1] + tail for begin, end, tail in zip(froms, upto, tails, strict=True)]
        for place in np.flatnonzero(had).tolist():
            line = data[froms[place] : upto[place]]
            lines[place], pair = _turned(line, SIDES[sides[place]])
            self._codes[low + place] = self._pairs.setdefault(pair, len(self._pairs))
        self._marks += map(xxhash.xxh3_64_intdigest, lines)
        self._grown[low:high] = np.fromiter(map(len, lines), np.int64, len(lines)) - (ends - begins)
        pieces = [b""] * (2 * len(lines) + 1)
        pieces[1::2] = lines
        pieces[::2] = [data[end:begin] for end, begin in zip([0, *upto], [*froms, len(data)], strict=True)]
        return b"".join(pieces)

    def groups(self) -> list[Group]:
        """Return what was done, once all is written, by the key before and after."""
        index, rows = self._index, self._wanted.rows
        created = _created(index, rows)
        old, new = index.hashes[rows].astype(MARK), np.array(self._marks, MARK)
        ids = index.ids.values[rows]
        found = []
        for (before, after), code in self._pairs.items():
            those = np.flatnonzero(self._codes == code)
            if len(those):
                at = created if isinstance(created, str) else [created[place] for place in those.tolist()]
                marks = old[those].tobytes(), new[those].tobytes()
                found.append(Group(*marks, at, ids[those].tolist(), msgspec.Raw(before), msgspec.Raw(after)))
        return found

    def index(self, opened: Opened, written: Signature) -> Index | None:
        """Return the index of the new file; None where another one is there."""
        if opened.signature() != written:
            return None
        old, facts, rows = self._index, self._index.facts, self._wanted.rows
        moves = np.zeros(len(old) + 1, np.int64)
        moves[rows + 1] = self._grown
        columns = {
            "start": old.starts.values + moves.cumsum()[:-1],
            "length": old.lengths.values + moves[1:],
            "hash": _with(old.hashes, rows, np.array(self._marks, np.uint64)),
        }
        table = _with_sides(old, self._wanted, columns)
        found = Facts(written, self._blocks, facts.faults, facts.lines)
        return Index(opened, old.name, found, [Part(table, 0, table.num_rows)])


def _turned(line: bytes, side: Side) -> tuple[bytes, Pair]:
    """Return a line that has the key with another side or none, and the key before and after."""
    for code in (1, 2):
        if line.endswith(TAILS[code]):  # the last key of the line: what ends like that can be nothing else
            new = CODES[side]
            return line[: -len(TAILS[code])] + TAILS[new], (KEYS[code], KEYS[new])
    made = editing.given(line, {}, ["split"]) if side is None else editing.given(line, {"split": side})
    if made is None:
        return line, (KEYS[0], KEYS[0])
    return made.body, (bytes(made.change.before), bytes(made.change.after))


def _created(index: Index, rows: Numbers) -> str | list[str]:
    """Return when the examples of some rows were made, as their lines say; one text if it is the same."""
    import pyarrow.compute as pc

    table = index.table(["created_at", "created"]).take(rows)
    moments, texts = table["created_at"], table["created"]
    if texts.null_count == len(texts) and len(pc.unique(moments)) == 1:
        found: str = heads.spelt(moments.slice(0, 1))[0].as_py()
        return found
    told: list[str] = pc.coalesce(texts, heads.spelt(moments), "").to_pylist()
    return told


def _with(column: Marks, rows: Numbers, values: Marks) -> Marks:
    found = column.copy()
    found[rows] = values
    return found


def _with_sides(old: Index, wanted: _Wanted, columns: Mapping[str, npt.NDArray[np.generic]]) -> pa.Table:
    """Return the scalars of the new file as Arrow."""
    import pyarrow as pa

    former, has_key = _standing(old)
    former[wanted.rows], has_key = wanted.sides, has_key.copy()
    has_key[wanted.rows] = wanted.sides > 0
    words = pa.array([side for side in SIDES if side], pa.string())
    table = old.table(heads.schema().names)
    told: dict[str, Any] = {
        **columns,
        "has_split": has_key,
        "split": pa.DictionaryArray.from_arrays(pa.array(former - 1, pa.int32(), mask=former == 0), words),
    }
    for name, values in told.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(place).type))
    return table
