"""What keeps a dataset's files in order: folding, the mirror, shards, and erasure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aitelier_nb.errors import DataError, StorageError
from aitelier_nb.storage import edit_log, files, forgetting, mirrors, sharding
from aitelier_nb.storage.folding import fold, highest_id, rewrite
from aitelier_nb.storage.journal import GONE, NOTHING, Change
from aitelier_nb.storage.lines import decode
from aitelier_nb.storage.past import Past
from aitelier_nb.views import counted

__all__ = ["Upkeep"]

LONG = 1000  # entries of a journal that is folded without waiting for a pause
SHARE = 200  # of a large file: one entry in so many examples, because its fold copies all of it


class Upkeep(Past):
    """The part of a dataset that looks after its files.

    Parameters
    ----------
    folder
        The project's folder.
    rater
        Tells who makes edits that do not say `by`.
    last_id, remember_id
        Read and write the highest id that was ever given.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rater: Callable[[], str],
        last_id: Callable[[], int],
        remember_id: Callable[[int], None],
    ) -> None:
        super().__init__(folder, rater=rater)
        self._last_id, self._remember_id = last_id, remember_id

    def _fold_long_journal(self) -> None:
        """Fold a journal that has grown long; the edit stands already, so a full disk is told later."""
        if len(self._state.journal.entries) >= max(LONG, len(self._state.index) // SHARE):
            with suppress(StorageError):
                self.fold()

    def forget(self, example_id: int) -> list[str]:
        """Erase an example from every file of the project for good, and say what of it is left.

        Returns
        -------
        list of str
            What was erased, then where its text still stands (a report, the commits of git), a
            sentence each.
        """
        with self._state.writing():
            self.fold()
            body = self._state.body(example_id)
            past = [change for entry in self._entries_of(example_id) for change in entry.every()]
            if body is None and not past:
                self._body(example_id)
            known = forgetting.trace(example_id, None if body is None else decode(body), past)
            told = forgetting.erase(self._folder, known)
            if body is not None:
                self._keep_mark(example_id)
                rewrite(self._state.index, {example_id: None}, self.path)
                told.insert(0, f"its line in {self._state.name}")
            count = forgetting.history_rows(self.history_path, example_id)
            told += [f"{counted(count, 'line')} of data/history.jsonl"] if count else []
            gone = Change(example_id, known.created_at, NOTHING, NOTHING, GONE, GONE)
            edit_log.append(self.history_path, [self._entry("forget", None, None, [gone])])
            self._state.refresh()
            return told + forgetting.left_over(self._folder, known)

    def _keep_mark(self, highest: int) -> None:
        if highest >= self._state.index.places.highest and highest > self._last_id():
            self._remember_id(highest)

    def mirror(self) -> Path:
        """Bring the Parquet mirror up to date with all edits, and return its folder.

        `examples.head.parquet` holds the scalars, `examples.body.parquet` the texts, row by row the
        same examples. Of shards each has a part of its own with both, `examples/NAME.parquet`.
        """
        self._state.texts_wanted = True
        self.fold()
        with self._state.reading(), files.refusals(self._state.head_path.parent):
            place = self._state.place()
            if isinstance(place, tuple):
                sharding.mirror(place, self._state.head_path.parent / "examples")
            else:
                mirrors.refresh(self._state.index, self._state.head_path, self._state.body_path)
        return self._state.head_path.parent

    def shard(self, size: int = sharding.SIZE) -> list[Path]:
        """Cut data/examples.jsonl into shards, data/examples/*.jsonl, and return them.

        Everything works on them as it does on one file, a fold writes only those that it changes,
        and `mirror` keeps a Parquet file for each. The `ait` tool reads one file only.

        Parameters
        ----------
        size
            Bytes of a shard; lines stay whole.

        Raises
        ------
        DataError
            There are shards already.
        """
        with self._state.writing():
            self.fold()
            if isinstance(self._state.place(), tuple):
                raise DataError(
                    "the examples lie in shards already", hint="new ones go into the last; it stays so"
                )
            found = sharding.cut(self.path, self._state.shards_path, self._state.sharding_path, size)
            self._state.refresh()
            return found

    def fold(self, *, head: bool = True) -> bool:
        """Put all edits into data/history.jsonl and data/examples.jsonl; True when there were any.

        Without `head` the mirror of a large file is left to the fold at the end of the cell.
        """
        with self._state.reading():
            if not self._state.journal.entries:
                if head:
                    self._state.keep_head()
                return False
        with self._state.writing():
            self._state.journal.flush()
            given = highest_id(self._state.journal.entries)
            folded = fold(self._state, self.history_path)
            if given > self._state.index.places.highest:  # the highest one was deleted
                self._keep_mark(given)
            if head:
                self._state.keep_head()
            return folded

    def close(self) -> None:
        """Fold what waits and let go of the files."""
        self.fold()
        self._state.keep_head()
        self._state.close()
