"""What of a file stands as it did: runs of old blocks, wherever they moved, and what is to be read anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aitelier_nb.storage import files, scanning
from aitelier_nb.storage.batches import stripped
from aitelier_nb.storage.files import Source
from aitelier_nb.storage.lines import line_hash

if TYPE_CHECKING:
    from aitelier_nb.storage.index import Index

__all__ = ["Fresh", "Kept", "matched"]


class Kept(NamedTuple):
    """Old blocks `front` to `back` that stand unchanged, `shift` bytes further on."""

    front: int
    back: int
    shift: int


class Fresh(NamedTuple):
    """Bytes from `begin` to `end` that no old block tells of."""

    begin: int
    end: int


def matched(old: Index, descriptor: int | Source, size: int) -> list[Kept | Fresh]:
    """Return the file as it is now, in its order, in terms of an index of what it was.

    One pass over the bytes. Behind a block that changed, the old blocks are found again by the
    stored hash of their first line, so that several edits cost the blocks that they are in.
    """
    found: list[Kept | Fresh] = []
    firsts = _first_lines(old)
    place = block = 0
    while block < len(old.facts.blocks) and place < size:
        shift = place - old.span(block)[0]
        run = block
        while run < len(old.facts.blocks) and _stands(old, run, descriptor, shift, size):
            run += 1
        if run > block:
            found.append(Kept(block, run, shift))
            place, block = old.span(run - 1)[1] + shift, run
            continue
        begin = place
        place, block = _next(old, descriptor, (begin, size), firsts, block)
        if place > begin:
            found.append(Fresh(begin, place))
    return [*found, Fresh(place, size)] if place < size else found


def _first_lines(old: Index) -> dict[int, int]:
    """Return which block begins with the line of a hash, for lines that stand nowhere else."""
    found: dict[int, int] = {}
    twice = set()
    starts = old.starts
    for number, block in enumerate(old.facts.blocks):
        if block.row < len(starts) and starts[block.row] == block.start:
            mark = old.hashes[block.row]
            if mark in found:
                twice.add(mark)
            found[mark] = number
    return {mark: number for mark, number in found.items() if mark not in twice}


def _stands(old: Index, block: int, descriptor: int | Source, shift: int, size: int) -> bool:
    """Say whether a block stands there whole: the last one may have ended within a line that went on."""
    if not old.stands(block, descriptor, shift):
        return False
    end = old.span(block)[1] + shift
    return end == size or files.read_at(descriptor, end - 1, 1) == b"\n"


def _next(
    old: Index, descriptor: int | Source, span: tuple[int, int], firsts: dict[int, int], after: int
) -> tuple[int, int]:
    """Return where behind a changed block the next unchanged one begins, and which; else the end."""
    for offset, data in scanning.blocks(descriptor, *span):
        place = offset
        for text in data.split(b"\n"):
            block = firsts.get(line_hash(stripped(text, place)[0]), -1)
            if block >= after:
                shift = place - old.span(block)[0]
                if _stands(old, block, descriptor, shift, span[1]):
                    return place, block
            place += len(text) + 1
    return span[1], len(old.facts.blocks)
