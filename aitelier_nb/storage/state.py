"""What is true now: the lines of examples.jsonl with the edits of the journal on them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np

from aitelier_nb.errors import DataError, StorageError
from aitelier_nb.storage import files, sharding, streams
from aitelier_nb.storage.batches import Batch
from aitelier_nb.storage.following import LARGE, followed, opened, save
from aitelier_nb.storage.growing import Numbers
from aitelier_nb.storage.index import Index, scanned
from aitelier_nb.storage.journal import GONE, Change, Entry, Journal
from aitelier_nb.storage.lines import decode
from aitelier_nb.storage.locks import lock
from aitelier_nb.storage.pending import Pending, digest, put
from aitelier_nb.storage.streams import Place, Stream

__all__ = ["Conflict", "State", "digest"]


class Conflict:
    """An edit that met a change from outside: what stood there, and whether ours was put on it."""

    def __init__(self, entry: Entry, change: Change, outside: bytes | None, *, applied: bool) -> None:
        self.entry, self.change, self.outside, self.applied = entry, change, outside, applied


class _Writing:
    """The block in which a state is written; a class, for it stands around every rating."""

    def __init__(self, state: State) -> None:
        self.state, self.lock = state, lock(state.lock_path)

    def __enter__(self) -> None:
        self.state.threads.acquire()
        try:
            self.lock.__enter__()
        except BaseException:
            self.state.threads.release()
            raise
        try:
            self.state.refresh_and_mend()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            self.lock.__exit__(None, None, None)
        finally:
            self.state.threads.release()


class State:
    """The index of the file and the lines that edits have changed since it was written."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "data" / "examples.jsonl"
        self.name = "data/examples.jsonl"
        self.shards_path = folder / "data" / "examples"
        self.sharding_path = folder / ".aitelier" / "sharding"
        self.lock_path = folder / ".aitelier" / "lock"
        self.head_path = folder / "data" / "parquet" / "examples.head.parquet"
        self.body_path = folder / "data" / "parquet" / "examples.body.parquet"
        self.journal = Journal(folder / ".aitelier" / "journal.jsonl")
        self.pending = Pending()
        self.conflicts: list[Conflict] = []
        self.texts_wanted = False  # a file that is read from end to end then gets its whole mirror
        self.hasty = False  # a file that is read from end to end then gets its head later
        self.threads = threading.RLock()
        self._index: Index | None = None
        self._hidden: Numbers | None = None

    @property
    def index(self) -> Index:
        """The index of the file as it was at the last refresh."""
        if self._index is None:
            raise DataError(f"{self.name} is not there", hint="restore it from git, or make an empty file")
        return self._index

    def writing(self) -> AbstractContextManager[None]:
        """Hold the project's lock, with all that others wrote known."""
        return _Writing(self)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Hold the lock, and put the edits of the block on the disk together, at its end."""
        with self.writing():
            try:
                with self.journal.together():
                    yield
            except BaseException:
                self.refresh(fresh=True)  # what the disk did not take was not made
                raise

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Know all that others wrote; on a disk that cannot be written, without the lock."""
        with self.threads:
            if self._stale():
                try:
                    with lock(self.lock_path):
                        self.refresh_and_mend()
                except StorageError:
                    self.refresh()
            yield

    @contextmanager
    def hastily(self) -> Iterator[None]:
        """Know all that others wrote, but leave what is not asked for to `keep_head`."""
        with self.threads:
            self.hasty = True
            try:
                with self.reading():
                    yield
            finally:
                self.hasty = False

    def place(self) -> Place:
        """Return where the examples lie now: in one file, or in several."""
        return sharding.place_of(self.path, self.shards_path)

    def close(self) -> None:
        """Let go of the file; the next read opens it again."""
        with self.threads:
            self._index = None
            self.journal.close()

    def save_head(self) -> None:
        """Write the head of the mirror, where that is worth it; a disk that says no is left alone."""
        index = self.index
        if not index.saved:
            with contextlib.suppress(OSError):
                save(index, self.head_path)

    def keep_head(self) -> None:
        """Write the head of a large file, which a new process would read line by line without it."""
        with self.threads:
            if self._index is not None and self._index.size >= LARGE:
                self.save_head()

    def start_over(self) -> None:
        """Throw the mirror away and read the file from end to end."""
        for path in (self.head_path, self.body_path):
            with contextlib.suppress(OSError):
                path.unlink()
        self._index, self._hidden = scanned(self.place(), self.name), None

    def _stale(self) -> bool:
        try:
            same = self._index is not None and self._index.signature == streams.seen(self.place())
        except FileNotFoundError:
            same = False
        return not same or self.journal.stale()

    def refresh_and_mend(self) -> None:
        """Refresh under the lock, and take away the torn end of an adding that was cut short.

        Such an end is ours: the journal says where the adding began and how long it was to be.
        """
        if self._index is None and self.sharding_path.exists() and isinstance(self.place(), tuple):
            sharding.finish(self.path, self.shards_path, self.sharding_path)
        self.refresh()
        last = self.journal.entries[-1] if self.journal.entries else None
        if last is None or not last.ids or not last.size < self.index.size < last.size + last.length:
            return
        if self.index.missing_end():
            tail = files.read_at(self.index.descriptor, last.size, self.index.size - last.size)
            self._truncate(last.size + tail.rfind(b"\n") + 1)
            self.refresh()

    def _truncate(self, size: int) -> None:
        path, begin, opened = self.path, 0, self.index.opened
        if isinstance(opened, Stream):
            shard = opened.shards[-1]
            path, begin = shard.path, shard.start
        with files.refusals(path):
            os.truncate(path, max(size - begin, 0))

    def append(self, path: Path, data: bytes, batches: Sequence[Batch]) -> None:
        """Add lines to the end of a file and know them, read only if others wrote there meanwhile.

        The caller holds the lock and has written down what is to come.
        """
        self.journal.flush()
        index = self.index
        alone = path == self.place() and not index.missing_end() and streams.seen(path) == index.signature
        now = files.signature(files.append(path, data))
        if alone and now[:2] == (index.signature[0], index.size + len(data)):
            index.take(batches, data, now)
            self.refresh(fresh=True)
        else:
            self.refresh()

    def refresh(self, *, fresh: bool = False) -> None:
        """Read what changed on disk since the last look; `fresh` where the index is another one already."""
        fresh = self._refresh_index() or fresh
        again, entries = self.journal.grown()
        if fresh or again:
            self.pending, self.conflicts, self._hidden = Pending(self.index), [], None
            entries = self.journal.entries
            self._replay(entries, self._applied(entries))
        else:
            self._replay(entries, {})

    def know(self, index: Index | None) -> None:
        """Take a new index that holds all edits, where there is one, and read what else changed."""
        if index is not None:
            self._index, self._hidden = index, None
            self.pending, self.conflicts = Pending(index), []
        self.refresh()

    def _refresh_index(self) -> bool:
        try:
            place = self.place()
            now = streams.seen(place)
        except FileNotFoundError as error:
            raise DataError(
                f"{self.path} is not there",
                hint="restore it (git checkout), or make an empty file of that name",
            ) from error
        if self._index is not None and self._index.signature == now:
            return False
        if self._index is None:
            body = self.body_path if self.texts_wanted else None
            self._index = opened(place, self.name, self.head_path, body, hasty=self.hasty)
            if not self.hasty:
                self.keep_head()
        else:
            self._index = followed(self._index, place)
        self._hidden = None
        return True

    def _applied(self, entries: Sequence[Entry]) -> dict[int, int]:
        """Return how many edits of each example the file already holds: a fold that was cut short."""
        results: dict[int, list[str]] = {}
        for entry in entries:
            for change in entry.every():
                results.setdefault(change.id, []).append(change.to)
        self.pending.look_up(results)
        done = {}
        for example, hashes in results.items():
            now = self.pending.base(example)[1]
            if now in hashes:
                done[example] = len(hashes) - hashes[::-1].index(now)
        return done

    def _replay(self, entries: Sequence[Entry], done: dict[int, int]) -> None:
        for entry in entries:
            for change in entry.every():
                if done.get(change.id, 0):
                    done[change.id] -= 1
                else:
                    self.apply(entry, change)

    def apply(self, entry: Entry, change: Change) -> None:
        """Put one change on the line that it was made on, or on what became of it outside."""
        if entry.kind == "renumber":
            return
        if GONE in (change.on, change.to):
            self._hidden = None
        if self.pending.mark(change.id) == change.on:
            self.pending.add(change)
            return
        body = self.body(change.id)
        if body is None or not _same_example(body, change):
            self.conflicts.append(Conflict(entry, change, body, applied=False))
            return
        clash = change.to == GONE or _clashes(body, change)
        self.pending.made(change, put(body, change))
        if clash:
            self.conflicts.append(Conflict(entry, change, body, applied=True))

    def base(self, example: int) -> bytes | None:
        """Return the line that the file holds for an id, or None."""
        row = self.index.row(example)
        return None if row is None else self.index.body(row)

    def body(self, example: int) -> bytes | None:
        """Return the line of an id with its edits, or None where there is none."""
        return self.pending[example] if example in self.pending else self.base(example)

    def hidden(self) -> Numbers:
        """Return the rows that hold no example: second lines of an id, and deleted ones; rising."""
        if self._hidden is None:
            self._hidden = np.array(sorted({*self.index.places.doubles, *self.pending.gone}), np.int64)
        return self._hidden

    def __len__(self) -> int:
        return len(self.index) - len(self.hidden()) + len(self.pending.restored)

    def ids(self, start: int = 0, stop: int | None = None) -> list[int]:
        """Return the ids of the examples at some places of the file; restored ones come last."""
        hidden = self.hidden()
        listed = len(self.index) - len(hidden)
        stop = listed + len(self.pending) if stop is None else stop
        places = np.arange(min(start, listed), min(stop, listed))
        if len(hidden):
            places += np.searchsorted(hidden - np.arange(len(hidden)), places, side="right")
        found: list[int] = self.index.ids[places].tolist()
        return found + list(self.pending.restored)[max(start - listed, 0) : max(stop - listed, 0)]

    def commit(self, entry: Entry, bodies: Sequence[bytes] = ()) -> None:
        """Write an edit down for good, and know it. The caller holds the lock.

        `bodies` are the lines that the changes make, where the caller has made them already.
        """
        self.journal.append(entry)
        if bodies:
            for change, body in zip(entry.every(), bodies, strict=True):
                self.pending.made(change, body, change.to)
            return
        for change in entry.every():
            self.apply(entry, change)


def _same_example(body: bytes, change: Change) -> bool:
    created = decode(body).get("createdAt", "")
    return change.on != GONE and (not change.created_at or created == change.created_at)


def _clashes(body: bytes, change: Change) -> bool:
    now, former, later = decode(body), change.former, change.later
    missing = object()
    return any(
        now.get(key, missing) not in (former.get(key, missing), later.get(key, missing))
        for key in {*former, *later}
    )
