"""Where each example stands in one state of examples.jsonl."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xxhash

from aitelier_nb.schema import Problem
from aitelier_nb.storage import bodies, files, parts, streams
from aitelier_nb.storage.batches import Batch
from aitelier_nb.storage.files import Opened, Signature, Source, signature
from aitelier_nb.storage.growing import Growing, Places
from aitelier_nb.storage.heads import Facts
from aitelier_nb.storage.parts import Part
from aitelier_nb.storage.scanning import AS_READ, Scan, runs
from aitelier_nb.storage.streams import Place, Stream

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Index", "Signature", "scanned", "signature"]

AHEAD = 1 << 20  # bytes that are read at once when many lines are wanted
TOGETHER = 1 << 12  # rows whose numbers are taken out of their columns at once


class Index:
    """The usable lines of one state of the file, which is kept open: a replaced file stays readable.

    Parameters
    ----------
    opened
        The file.
    name
        How problems name it.
    facts
        Its signature, blocks and bad lines.
    held
        The scalars of its rows.
    known
        Columns of numbers that need not be read.
    """

    def __init__(
        self,
        opened: Opened | Stream,
        name: str,
        facts: Facts,
        held: Sequence[Part],
        known: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> None:
        self.opened, self.name = opened, name
        self.facts = facts
        self.parts = list(held)
        self.saved = False
        self._numbers = {column: Growing(values) for column, values in (known or {}).items()}
        self.places = Places(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def _column(self, name: str) -> Growing:
        """Return a column of numbers, read when it is first asked for."""
        if name not in self._numbers:
            self._numbers[name] = Growing(parts.numbers(self.parts, name))
        return self._numbers[name]

    def learn(self, *names: str) -> None:
        """Read columns of numbers by one look into the head, where they are not known yet."""
        missing = [name for name in names if name not in self._numbers]
        for name, values in zip(missing, parts.several(self.parts, missing), strict=True):
            self._numbers[name] = Growing(values)

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return a column of numbers; sides are places in `heads.SIDES`."""
        return self._column(name).values

    @property
    def ids(self) -> Growing:
        """The id of each row."""
        return self._column("id")

    @property
    def starts(self) -> Growing:
        """The offset of each row's line."""
        return self._column("start")

    @property
    def lengths(self) -> Growing:
        """The length of each row's line."""
        return self._column("length")

    @property
    def hashes(self) -> Growing:
        """The hash of each row's line."""
        return self._column("hash")

    @property
    def descriptor(self) -> int | Source:
        """The open file's number, or the stream that several files are."""
        return self.opened.descriptor

    @property
    def signature(self) -> Signature:
        """The inode, size and time of the file when it was read."""
        return self.facts.signature

    @property
    def size(self) -> int:
        """The length of the file in bytes."""
        return self.facts.signature[1]

    def extend(self) -> None:
        """Take in the lines that were appended to the file."""
        size, facts, self.saved = self.size, self.facts, False
        now = self.opened.signature()
        scan = Scan(facts.lines + 1, len(self))
        more = parts.gathered(scan.batches(self.descriptor, size, now[1]))
        self.facts = Facts(now, [*facts.blocks, *scan.blocks], [*facts.faults, *scan.faults], scan.number - 1)
        if scan.row > len(self):
            self._grow(more)

    def take(self, batches: Sequence[Batch], data: bytes, now: Signature) -> None:
        """Take in lines that were appended to the file by who knows them: nothing is read."""
        facts, self.saved = self.facts, False
        starts = [start for batch in batches for start in batch.starts.tolist()]
        blocks = [*facts.blocks, *runs(data, starts, facts.lines + 1, len(self))]
        self.facts = Facts(now, blocks, facts.faults, facts.lines + sum(map(len, batches)))
        self._grow(parts.gathered(batches))

    def _grow(self, more: Sequence[Part]) -> None:
        self.parts += more
        for name, column in self._numbers.items():
            column.extend(parts.numbers(more, name))
        self.places.add()

    def table(self, names: Sequence[str]) -> pa.Table:
        """Return scalars of all rows, those of double ids too, as Arrow columns."""
        return parts.joined(self.parts, names)

    def listed(self, names: Sequence[str]) -> dict[str, list[Any]] | None:
        """Return scalars of all rows as lists, where none of them is in Arrow yet."""
        return parts.listed(self.parts, names)

    def problems(self) -> list[Problem]:
        """Return the lines that cannot be used, by number."""
        found = [
            Problem(file=self.name, line=fault.number, reason=fault.reason, remedy=fault.remedy)
            for fault in self.facts.faults
        ]
        for row in self.places.doubles:
            example = self.ids[row]
            file, first = self.located(self.number(self.row(example) or 0))
            other = f"{file}:{first}" if isinstance(self.opened, Stream) else f"line {first}"
            reason = f"has the id {example} of {other}"
            line, remedy = self.number(row), "give it another id"
            found.append(Problem(file=self.name, line=line, reason=reason, remedy=remedy))
        return [self._located(problem) for problem in sorted(found, key=lambda problem: problem.line)]

    def _located(self, problem: Problem) -> Problem:
        file, line = self.located(problem.line)
        return problem.model_copy(update={"file": file, "line": line})

    def located(self, number: int) -> tuple[str, int]:
        """Return the file and the line in it of a line that is counted through all files."""
        if not isinstance(self.opened, Stream) or not number:
            return self.name, number
        found = self.name, number
        for shard in self.opened.shards:
            first = self._line_at(shard.start)
            if first > number:
                break
            found = _named(self.name, shard.path), number - first + 1
        return found

    def row(self, example: int) -> int | None:
        """Return the row of an id, or None."""
        return self.places.find(example)

    def number(self, row: int) -> int:
        """Return the line number of a row, counted from 1."""
        return self._line_at(self.starts[row])

    def _line_at(self, start: int) -> int:
        if not self.facts.blocks:
            return 1
        block = next(block for block in reversed(self.facts.blocks) if block.start <= start)
        return block.number + files.read_at(self.descriptor, block.start, start - block.start).count(b"\n")

    def body(self, row: int) -> bytes:
        """Return the line of a row, without its line end."""
        return files.read_at(self.descriptor, self.starts[row], self.lengths[row])

    def bodies_at(self, rows: Iterable[int]) -> Iterator[tuple[bytes, int]]:
        """Yield the lines of some rows, each with its hash; rising ones by long reads."""
        places = np.fromiter(rows, np.int64)
        columns = (self.starts, self.lengths, self.hashes)
        start, data = 0, b""
        for at, length, mark in zip(*(column[places].tolist() for column in columns), strict=True):
            if not start <= at <= start + len(data) - length:
                start, data = at, files.read_at(self.descriptor, at, max(AHEAD, length))
            yield data[at - start : at - start + length], mark

    def bodies(self) -> Iterator[tuple[int, bytes]]:
        """Yield every line with its id, in the order of the file and by long reads."""
        start, data = 0, b""
        columns = (self.ids.values, self.starts.values, self.lengths.values)
        hidden = set(self.places.doubles)
        for first in range(0, len(columns[0]), TOGETHER):
            some = (column[first : first + TOGETHER].tolist() for column in columns)
            for row, (example, at, length) in enumerate(zip(*some, strict=True), first):
                if not start <= at <= start + len(data) - length:
                    start, data = at, files.read_at(self.descriptor, at, max(AHEAD, length))
                if row not in hidden:
                    yield example, data[at - start : at - start + length]

    def batches(self) -> Iterator[Batch]:
        """Yield all lines decoded, those of double ids too."""
        return Scan().batches(self.descriptor, 0, self.size)

    def whole(self, row: int) -> tuple[int, int]:
        """Return where the line of a row begins and ends, its line end included."""
        start = self.starts[row]
        stop = start + self.lengths[row]
        end = files.read_at(self.descriptor, stop, 64)
        while b"\n" not in end and stop + len(end) < self.size:
            end += files.read_at(self.descriptor, stop + len(end), 1 << 16)
        return start, stop + (end.find(b"\n") + 1 or len(end))

    def missing_end(self) -> bytes:
        """Return the line end that the file lacks before something may be appended; b"" when it has one."""
        return b"\n" if self.size and files.read_at(self.descriptor, self.size - 1, 1) != b"\n" else b""

    def span(self, block: int) -> tuple[int, int]:
        """Return where a block begins and ends."""
        blocks = self.facts.blocks
        return blocks[block].start, self.size if block + 1 == len(blocks) else blocks[block + 1].start

    def stands(self, block: int, descriptor: int | Source, shift: int) -> bool:
        """Say whether a block stands unchanged in an open file, `shift` bytes further on."""
        start, stop = self.span(block)
        data = files.read_at(descriptor, start + shift, stop - start)
        return len(data) == stop - start and xxhash.xxh3_64_intdigest(data) == self.facts.blocks[block].hash


def _named(name: str, path: Path) -> str:
    """Return how a problem names a shard: as it names the file that shards stand for."""
    whole = Path(name)
    return name if path.name == whole.name else str(whole.with_suffix("") / path.name)


def scanned(path: Place, name: str, body: Path | None = None, few: int = AS_READ) -> Index:
    """Return the index of a file that was read from end to end; on the way the mirror's body is written.

    The scalars of a `few` lines are made when they are asked for.
    """
    opened = streams.opened(path)
    now = opened.signature()
    scan = Scan()
    found = scan.batches(opened.descriptor, 0, now[1])
    held = parts.gathered(found if body is None else bodies.written(body, found), few)
    return Index(opened, name, Facts(now, scan.blocks, scan.faults, scan.number - 1), held)
