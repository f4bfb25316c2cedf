"""Near duplicates: texts that share half of their word 8-grams, or four of five words in their order.

One text is compared with very many at once: hashed 4-grams find the few pairs that can be near, and
only these are compared word by word. What a great part of the texts share, such as the same
instruction before each of them, tells nothing about one text and does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Held", "Near", "common_words"]

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

GRAM = 8  # words; shorter texts have no near duplicates
ANCHOR = 4  # with one word in ten changed some 4 in a row are left, whatever the place of the changes
SHARED = 0.5  # of the held text's 8-grams
ALIGNED = 0.8  # of the words of the longer text, in the same order
CANDIDATE = 0.2  # of the held text's 4-grams: 8 words with one changed in the middle keep 1 of 5
COMMON, COMMON_LEAST = 0.03, 8  # a 4-gram of more texts than that is boilerplate
MOST_OWNERS = 64  # of a boilerplate 4-gram, among texts that have hardly anything else
CHUNK = 4096  # texts compared in one go
BITS = 12, 22  # at least and at most, of the table that sorts out 4-grams nobody holds


class Near(NamedTuple):
    """A text that is near to a held one: both places, and the share of 8-grams or words in common."""

    text: int
    held: int
    share: float


class Held:
    """The texts that others must not come near to.

    Parameters
    ----------
    texts
        Each as its normalised words.
    """

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self.vocabulary: dict[str, int] = {}
        known = self.vocabulary
        self.words = [[known.setdefault(word, len(known) + 1) for word in text] for text in texts]
        self.word_hashes = _mixed(len(known) + 1)
        ids, owner = _joined(self.words)
        place, hashes = _grams(ids, ANCHOR, self.word_hashes)
        grams, owners = _distinct(hashes, owner[place])
        common = _common(grams, len(texts))
        self.content = [list(words) for words in self.words]
        own = np.zeros(len(texts), dtype=np.bool_)  # texts that say more than the boilerplate does
        for text in np.unique(owners[np.isin(grams, common)]).tolist():
            content = self._own_words(text, common)
            if len(content) >= GRAM:
                own[text], self.content[text] = True, content
        self._index(grams, owners, common, own)
        self.grams = [self._own_grams(text, common if own[text] else None) for text in range(len(texts))]
        self.masks = [_masks(content) for content in self.content]

    def near(self, texts: Iterable[Sequence[str]]) -> Iterator[Near]:
        """Yield for each text that is near to a held one the nearest of those."""
        done, remaining = 0, iter(texts)
        while chunk := list(islice(remaining, CHUNK)):
            yield from self._near(chunk, done)
            done += len(chunk)

    def _near(self, texts: list[Sequence[str]], first: int) -> Iterator[Near]:
        known = self.vocabulary.get
        words = [[known(word, 0) for word in text] for text in texts]
        ids, owner = _joined(words)
        candidates = self._candidates(ids, owner)
        best: dict[int, Near] = {}
        for text, held in candidates:
            share = self._share(words[text], held)
            if share and (text not in best or share > best[text].share):
                best[text] = Near(first + text, held, share)
        yield from best.values()

    def _candidates(self, ids: Ints, owner: Ints) -> list[tuple[int, int]]:
        """Return the pairs (text, held) that share enough 4-grams to be looked at."""
        place, hashes = _grams(ids, ANCHOR, self.word_hashes)
        likely = self.table[hashes >> self.shift]
        place, hashes = place[likely], hashes[likely]
        found = np.searchsorted(self.known, hashes)
        found[found == len(self.known)] = 0
        match = self.known[found] == hashes if len(self.known) else np.zeros(0, dtype=np.bool_)
        pairs = np.unique(owner[place[match]] * len(self.known) + found[match])  # a gram counts once a text
        text, gram = np.divmod(pairs, max(len(self.known), 1))
        counts = self.ends[gram] - self.starts[gram]
        offsets = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
        held = self.owners[np.repeat(self.starts[gram], counts) + offsets]
        codes, shared = np.unique(np.repeat(text, counts) * len(self.words) + held, return_counts=True)
        text, held = np.divmod(codes, max(len(self.words), 1))
        enough = shared >= CANDIDATE * self.sizes[held]
        return list(zip(text[enough].tolist(), held[enough].tolist(), strict=True))

    def _share(self, words: list[int], held: int) -> float:
        """Return what two texts have in common, if it makes them near duplicates, else 0."""
        theirs = _grams(np.array(words, dtype=np.int64), GRAM, self.word_hashes)[1]
        grams = self.grams[held]
        share = float(np.isin(grams, theirs).mean()) if len(grams) else 0.0
        if share >= SHARED:
            return share
        lengths = len(words), len(self.words[held])
        boilerplate = lengths[1] - len(self.content[held])
        longest = max(lengths) - boilerplate
        if min(lengths) < GRAM or len(self.content[held]) < ALIGNED * longest:
            return 0.0
        share = common_words(self.masks[held], len(self.content[held]), words) / longest
        return share if share >= ALIGNED else 0.0

    def _index(self, grams: Hashes, owners: Ints, common: Hashes, own: npt.NDArray[np.bool_]) -> None:
        """Lay the 4-grams out: sorted, with the texts that hold each."""
        counted = ~(np.isin(grams, common) & own[owners])
        self.owners = owners[counted]
        self.known, self.starts, counts = np.unique(grams[counted], return_index=True, return_counts=True)
        most = np.where(np.isin(self.known, common), MOST_OWNERS, np.iinfo(np.int64).max)
        self.ends = self.starts + np.minimum(counts, most)
        self.sizes = np.bincount(self.owners, minlength=len(self.words))
        bits = min(max((16 * len(self.known)).bit_length(), BITS[0]), BITS[1])
        self.shift = np.uint64(64 - bits)
        self.table = np.zeros(1 << bits, dtype=np.bool_)
        self.table[self.known >> self.shift] = True

    def _own_words(self, text: int, common: Hashes) -> list[int]:
        """Return the words of a held text that no boilerplate 4-gram covers."""
        ids = np.array(self.words[text], dtype=np.int64)
        place, hashes = _grams(ids, ANCHOR, self.word_hashes)
        covered = np.zeros(len(ids), dtype=np.bool_)
        for start in place[np.isin(hashes, common)].tolist():
            covered[start : start + ANCHOR] = True
        return [int(word) for word in ids[~covered]]

    def _own_grams(self, text: int, common: Hashes | None) -> Hashes:
        """Return the 8-grams of a held text, without those that are boilerplate from end to end."""
        ids = np.array(self.words[text], dtype=np.int64)
        place, grams = _grams(ids, GRAM, self.word_hashes)
        if common is not None:
            anchors, hashes = _grams(ids, ANCHOR, self.word_hashes)
            shared = np.zeros(len(ids), dtype=np.bool_)
            shared[anchors] = np.isin(hashes, common)
            parts = [shared[place + step] for step in range(GRAM - ANCHOR + 1)]
            grams = grams[~np.all(parts, axis=0)] if len(place) else grams
        return np.unique(grams)


def common_words(masks: dict[int, int], length: int, words: Iterable[int]) -> int:
    """Return the length of the longest common subsequence of two texts, a machine word at a time.

    Hyyrö: Bit-parallel LCS-length computation revisited, AWOCA 2004. `masks` hold for each word of
    the first text, which has `length` words, the bits of its places.
    """
    full = (1 << length) - 1
    row = full
    for word in words:
        matches = row & masks.get(word, 0)
        row = ((row + matches) | (row - matches)) & full
    return length - row.bit_count()


def _masks(words: Iterable[int]) -> dict[int, int]:
    masks: dict[int, int] = {}
    for place, word in enumerate(words):
        masks[word] = masks.get(word, 0) | 1 << place
    return masks


def _mixed(count: int) -> Hashes:
    """Return a 64-bit number for each word, the same on every machine (splitmix64 of its place)."""
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _joined(texts: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Return all words one after the other, with a 0 after each text, and the text of each word."""
    lengths = np.array([len(text) + 1 for text in texts], dtype=np.int64)
    ids = np.zeros(int(lengths.sum()), dtype=np.int64)
    place = 0
    for text in texts:
        ids[place : place + len(text)] = text
        place += len(text) + 1
    return ids, np.repeat(np.arange(len(texts)), lengths)


def _grams(ids: Ints, size: int, word_hashes: Hashes) -> tuple[Ints, Hashes]:
    """Return the places where `size` known words stand in a row, and the hashes of these rows."""
    count = len(ids) - size + 1
    if count <= 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint64)
    gaps = np.concatenate([[0], (ids == 0).cumsum()])
    place = np.flatnonzero(gaps[size:] == gaps[:count])
    hashes = np.zeros(len(place), dtype=np.uint64)
    for step in range(size):
        hashes = hashes * np.uint64(0xD6E8FEB86659FD93) + word_hashes[ids[place + step]]
    return place, hashes


def _distinct(hashes: Hashes, owner: Ints) -> tuple[Hashes, Ints]:
    """Return the pairs of a 4-gram and a text that has it, once each, sorted."""
    order = np.lexsort((owner, hashes))
    hashes, owner = hashes[order], owner[order]
    fresh = np.ones(len(hashes), dtype=np.bool_)
    fresh[1:] = (hashes[1:] != hashes[:-1]) | (owner[1:] != owner[:-1])
    return hashes[fresh], owner[fresh]


def _common(grams: Hashes, texts: int) -> Hashes:
    """Return the 4-grams that so many texts share that they are boilerplate, sorted."""
    known, counts = np.unique(grams, return_counts=True)
    return np.asarray(known[counts > max(COMMON_LEAST, COMMON * texts)])
