"""An index kept up with its file: what did not change is not read line by line again."""

from __future__ import annotations

import contextlib
from pathlib import Path

from aitelier_nb.storage import files, heads, parts, streams
from aitelier_nb.storage.files import Opened, Source
from aitelier_nb.storage.heads import Facts
from aitelier_nb.storage.index import Index, scanned
from aitelier_nb.storage.matching import Fresh, matched
from aitelier_nb.storage.parts import PACKED, Part
from aitelier_nb.storage.scanning import AS_READ, Block, Fault, Scan
from aitelier_nb.storage.streams import Place, Stream

__all__ = ["LARGE", "followed", "opened", "save"]

LARGE = 8 << 20  # bytes; a smaller file is read in less time than its head is looked after
FEW = 8  # runs of old and new lines; for more of them the old scalars are read once, not for each run
HASTY = 1 << 17  # lines that may wait as they were decoded, a hundred megabytes, in a file of less than
DECODED = 128 << 20  # bytes
COMPARED = 64 << 20  # bytes; a smaller file that grew is compared whole, a larger one at both ends


def opened(path: Place, name: str, head: Path, body: Path | None = None, *, hasty: bool = False) -> Index:
    """Return the index of a file: from its head where there is a good one.

    Where there is none the file is read whole, and its `body` written on the way if one is named.
    In haste the scalars of lines that fit into memory are left until somebody asks for them.
    """
    if (size := streams.seen(path)[1]) < LARGE:
        return scanned(path, name, few=HASTY if hasty else AS_READ)
    known = _from_head(path, name, head) if head.exists() else None
    if known is None:
        with contextlib.suppress(OSError):
            return scanned(path, name, body, HASTY if hasty and size < DECODED else AS_READ)
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
    """Return an index of what stands as it did and, in between, of what is read line by line."""
    now, descriptor = opened.signature(), opened.descriptor
    found = matched(old, descriptor, now[1])
    kept = old.parts if len(found) <= FEW else [Part(old.table(heads.schema().names), 0, len(old))]
    scan, held, faults = Scan(), [], []
    for run in found:
        if isinstance(run, Fresh):
            met = len(scan.faults)
            held += parts.gathered(scan.batches(descriptor, run.begin, run.end))
            faults += scan.faults[met:]
            continue
        first, after = old.facts.blocks[run.front], _after(old, run.back)
        down, more = scan.number - first.number, scan.row - first.row
        scan.blocks += [
            Block(block.start + run.shift, block.number + down, block.row + more, block.hash)
            for block in old.facts.blocks[run.front : run.back]
        ]
        faults += [
            Fault(fault.number + down, fault.reason, fault.remedy)
            for fault in old.facts.faults
            if first.number <= fault.number < after.number
        ]
        held += parts.cut(kept, first.row, after.row, run.shift)
        scan.number, scan.row = after.number + down, after.row + more
    return Index(opened, old.name, Facts(now, scan.blocks, faults, scan.number - 1), held)


def _after(old: Index, block: int) -> Block:
    """Return a block, or behind the last one where the next would begin."""
    blocks = old.facts.blocks
    return blocks[block] if block < len(blocks) else Block(old.size, old.facts.lines + 1, len(old), 0)


def save(index: Index, head: Path) -> None:
    """Write the head; the scalars of many lines are then kept there instead of in memory."""
    import pyarrow.parquet as pq

    found = index.table(heads.schema().names)
    heads.write(head, found, index.facts)
    index.saved = True
    few = len(index) <= PACKED
    held = found if few else pq.ParquetFile(head, page_checksum_verification=True)
    index.parts = [Part(held, 0, len(index))]
