"""An index kept up with its file: what did not change is not read line by line again."""

from __future__ import annotations

import contextlib
from pathlib import Path

from aitelier_nb.storage import files, heads, parts, streams
from aitelier_nb.storage.files import Opened, Source
from aitelier_nb.storage.heads import Facts
from aitelier_nb.storage.index import Index, scanned
from aitelier_nb.storage.parts import Part
from aitelier_nb.storage.scanning import Block, Fault, Scan
from aitelier_nb.storage.streams import Place, Stream

__all__ = ["LARGE", "followed", "opened", "save"]

LARGE = 8 << 20  # bytes; a smaller file is read in less time than its head is looked after
COMPARED = 64 << 20  # bytes; a smaller file that grew is compared whole, a larger one at both ends


def opened(path: Place, name: str, head: Path, body: Path | None = None) -> Index:
    """Return the index of a file: from its head where there is a good one.

    Where there is none the file is read whole, and its `body` written on the way if one is named.
    """
    if streams.seen(path)[1] < LARGE:
        return scanned(path, name)
    known = _from_head(path, name, head)
    if known is None:
        with contextlib.suppress(OSError):
            return scanned(path, name, body)
        return scanned(path, name)
    return known if known.signature == streams.seen(path) else followed(known, path, live=False)


def _from_head(path: Place, name: str, head: Path) -> Index | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(head, page_checksum_verification=True)
        facts = heads.read_facts(file)
        if facts is None or not heads.schema().equals(file.schema_arrow.remove_metadata()):
            return None
        found = Index(streams.opened(path), name, facts, [Part(file, 0, file.metadata.num_rows)])
    except (OSError, pa.ArrowException):
        return None
    found.saved = True
    return found


def followed(old: Index, path: Place, *, live: bool = True) -> Index:
    """Return the index of the file as it is now, made from that of an earlier state.

    A file that only grew costs what was appended; one that was changed costs one pass over its
    bytes and a reading of the lines from the first block that differs to the last. Of a large file
    that grew while it was held open (`live`) only both ends are compared.
    """
    opened = streams.opened(path)
    now = opened.signature()
    if now[1] < LARGE or not old.facts.blocks:
        return scanned(path, old.name)
    if now[0] == old.signature[0] and now[1] > old.size and _only_grew(old, opened.descriptor, live=live):
        old.opened = opened
        old.extend()
        return old
    return _spliced(old, opened)


def _only_grew(old: Index, descriptor: int | Source, *, live: bool) -> bool:
    if files.read_at(descriptor, old.size - 1, 1) != b"\n":
        return False
    last = len(old.facts.blocks) - 1
    looked_at = (0, last) if live and old.size >= COMPARED else range(last + 1)
    return all(old.stands(block, descriptor, 0) for block in looked_at)


def _spliced(old: Index, opened: Opened | Stream) -> Index:
    descriptor = opened.descriptor
    now = opened.signature()
    blocks, grown = old.facts.blocks, now[1] - old.size
    front = 0
    while front < len(blocks) and old.stands(front, descriptor, 0):
        front += 1
    if front and files.read_at(descriptor, old.span(front - 1)[1] - 1, 1) != b"\n":
        front -= 1
    begin = old.span(front - 1)[1] if front else 0
    back = len(blocks)
    while back > front and old.span(back - 1)[0] + grown >= begin and old.stands(back - 1, descriptor, grown):
        back -= 1
    while back < len(blocks) and not _after_line_end(descriptor, blocks[back].start + grown, begin):
        back += 1
    end = blocks[back].start + grown if back < len(blocks) else now[1]
    return _joined(old, opened, (front, back), (begin, end))


def _after_line_end(descriptor: int | Source, place: int, begin: int) -> bool:
    return place == begin or files.read_at(descriptor, place - 1, 1) == b"\n"


def _joined(old: Index, opened: Opened | Stream, kept: tuple[int, int], read: tuple[int, int]) -> Index:
    """Return an index whose blocks before and from `kept` on are old, and whose bytes `read` are scanned."""
    blocks, (front, back) = old.facts.blocks, kept
    rows, lines = len(old), old.facts.lines
    first = blocks[front] if front < len(blocks) else Block(old.size, lines + 1, rows, 0)
    after = blocks[back] if back < len(blocks) else Block(old.size, lines + 1, rows, 0)
    scan = Scan(first.number, first.row)
    fresh = parts.gathered(scan.batches(opened.descriptor, *read))
    shift, down, more = read[1] - after.start, scan.number - after.number, scan.row - after.row
    now = opened.signature()
    facts = Facts(
        now,
        [
            *blocks[:front],
            *scan.blocks,
            *(Block(b.start + shift, b.number + down, b.row + more, b.hash) for b in blocks[back:]),
        ],
        [
            *(fault for fault in old.facts.faults if fault.number < first.number),
            *scan.faults,
            *(
                Fault(f.number + down, f.reason, f.remedy)
                for f in old.facts.faults
                if f.number >= after.number
            ),
        ],
        lines + down,
    )
    held = [
        *parts.cut(old.parts, 0, first.row),
        *fresh,
        *parts.cut(old.parts, after.row, rows, shift),
    ]
    return Index(opened, old.name, facts, held)


def save(index: Index, head: Path) -> None:
    """Write the head; the index then keeps its scalars there instead of in memory."""
    import pyarrow.parquet as pq

    heads.write(head, index.table(heads.schema().names), index.facts)
    index.saved = True
    index.parts = [Part(pq.ParquetFile(head, page_checksum_verification=True), 0, len(index))]
