"""The examples of a project: read, added, edited, undone; every edit is on the disk when the call returns."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from aitelier_nb.errors import ConflictError, DataError
from aitelier_nb.schema import Edit, Example, Problem
from aitelier_nb.storage import editing, files, frames, history
from aitelier_nb.storage.contents import Contents
from aitelier_nb.storage.editing import now
from aitelier_nb.storage.folding import conflict_entry, fold, highest_id
from aitelier_nb.storage.journal import Change, Entry, edit
from aitelier_nb.storage.lines import decode
from aitelier_nb.storage.state import State, digest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Added", "Dataset"]

Key = tuple[str, int]
Values = tuple[dict[str, Any], Sequence[str]]


class Added(NamedTuple):
    """The id of an example that was to be added, and whether its content was there already."""

    id: int
    existed: bool


class Dataset:
    """The examples of one project, as every program on this machine sees them now.

    Parameters
    ----------
    folder
        The project's folder.
    rater
        Who makes edits that do not say `by`.
    last_id, remember_id
        Read and write the highest id that was ever given.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rater: str,
        last_id: Callable[[], int],
        remember_id: Callable[[int], None],
    ) -> None:
        self.path = folder / "data" / "examples.jsonl"
        self.history_path = folder / "data" / "history.jsonl"
        self._rater, self._last_id, self._remember_id = rater, last_id, remember_id
        local = folder / ".aitelier"
        self._state = State(self.path, local / "journal.jsonl", local / "lock", "data/examples.jsonl")
        self._contents = Contents(self._state)
        self._keys: dict[Key, Entry] | None = None

    # reading

    def __len__(self) -> int:
        with self._state.reading():
            return len(self._state.ids())

    def ids(self) -> list[int]:
        """Return the ids of all usable examples, in the order of the file."""
        with self._state.reading():
            return self._state.ids()

    def get(self, example_id: int) -> Example:
        """Return one example; DataError when there is none of this id."""
        with self._state.reading():
            return editing.example(self._body(example_id))

    def examples(self, ids: Iterable[int] | None = None) -> Iterator[Example]:
        """Yield the usable examples in the order of the file, or those of the ids in their order."""
        return map(editing.example, self.raw(ids))

    def raw(self, ids: Iterable[int] | None = None) -> Iterator[bytes]:
        """Yield the lines as they stand, without their line ends."""
        with self._state.reading():
            wanted = self._state.ids() if ids is None else list(ids)
        for example_id in wanted:
            with self._state.threads:
                body = self._state.body(example_id) if ids is None else self._body(example_id)
            if body is not None:
                yield body

    def page(self, start: int, n: int) -> list[Example]:
        """Return n examples from place `start` of the file on, read by their offsets."""
        with self._state.reading():
            ids = self._state.ids()[start : start + n]
            return [editing.example(self._body(example_id)) for example_id in ids]

    def frame(self, *, text: bool = False) -> pd.DataFrame:
        """Return a copy of the examples as an Arrow-backed DataFrame, one row each.

        Columns: id, rating, split, created_at, version, n_turns, n_chars, flagged, group, source;
        with `text` also input, output and messages (JSON text).
        """
        return frames.frame(self.raw(), text=text)

    def problems(self) -> list[Problem]:
        """Return the lines that cannot be used, and the edits that met a change from outside."""
        with self._state.reading():
            return [*self._state.index.problems, *map(self._conflict_problem, self._state.conflicts)]

    def fingerprint(self) -> str:
        """Return the SHA-256 (hex) of all usable lines as they stand."""
        found = hashlib.sha256()
        for body in self.raw():
            found.update(body + b"\n")
        return found.hexdigest()

    def _body(self, example_id: int) -> bytes:
        body = self._state.body(example_id)
        if body is None:
            raise DataError(f"there is no example {example_id}", hint="`ait list` shows the ids")
        return body

    def _conflict_problem(self, conflict: Any) -> Problem:
        row = self._state.index.row(conflict.change.id)
        line = 0 if row is None else int(self._state.index.numbers[row])
        what = conflict.entry.kind
        outcome = "both are kept in its history" if conflict.applied else f"the {what} waits in its history"
        return Problem(
            file="data/examples.jsonl",
            line=line,
            reason=f"example {conflict.change.id} was changed outside under a waiting {what}; {outcome}",
            remedy=f"look at `ait history {conflict.change.id}`, then set what you want",
        )

    # editing

    def add(self, rows: Iterable[Mapping[str, Any]], *, by: str | None = None) -> list[Added]:
        """Append examples, all or none; content that is there already keeps its id.

        Parameters
        ----------
        rows
            {"messages": [...]} and, if wanted, rating, split, originalOutput; other keys are kept.
        """
        with self._state.writing():
            at, next_id = now(), self._next_id()
            found, lines = [], []
            fresh: dict[int, int] = {}
            for number, row in enumerate(rows, 1):
                try:
                    body = editing.new_line(row, next_id, at)
                except DataError as error:
                    raise DataError(f"row {number}: {error}", hint=error.hint) from error
                key = self._contents.key(body)
                known = self._contents.find(key) or fresh.get(key)
                found.append(Added(known or next_id, known is not None))
                if known is None:
                    fresh[key] = next_id
                    lines.append(body)
                    next_id += 1
            if lines:
                self._append(lines, next_id, at, by)
            return found

    def _append(self, lines: list[bytes], next_id: int, at: str, by: str | None) -> None:
        index = self._state.index
        data = index.missing_end() + b"".join(line + b"\n" for line in lines)
        ids = [(next_id - len(lines), next_id - 1)]
        entry = Entry(
            new_event(), at, by or self._rater, "add", ids=ids, size=index.signature[1], length=len(data)
        )
        self._state.journal.append(entry)
        files.append(self.path, data)
        self._state.refresh()

    def _next_id(self) -> int:
        entries = self._state.journal.entries
        return max(self._last_id(), self._state.index.last_id(), highest_id(entries)) + 1

    def set_rating(
        self,
        example_id: int,
        rating: int | None,
        *,
        by: str | None = None,
        key: Key | None = None,
        expected: int | str | None = None,
    ) -> Edit | None:
        """Rate an example 1-10, or take its rating back with None; None when nothing changed.

        Parameters
        ----------
        key
            (session, number) of a message from a browser: the same one is taken once.
        expected
            The version or the `ConflictError`-guarding hash that the rater saw.
        """
        value, who = editing.checked_rating(rating), by or self._rater

        def values(line: Mapping[str, Any]) -> Values:
            former = self._former_rater(example_id, line)
            return editing.rated(line, value, who, former), ()

        return self._edit("rate", example_id, values, by=who, key=key, expected=expected)

    def rewrite(
        self,
        example_id: int,
        text: str,
        rating: int | None = None,
        *,
        by: str | None = None,
        key: Key | None = None,
        expected: int | str | None = None,
    ) -> Edit | None:
        """Put a new text in place of the last assistant turn; the first one stays as originalOutput.

        The rating becomes `rating`, None when none is given; the version rises.
        """
        value = editing.checked_rating(rating)
        if not isinstance(text, str) or not text.strip():
            raise DataError(
                f"the new text of example {example_id} is empty", hint="give the answer as it should be"
            )

        def values(line: Mapping[str, Any]) -> Values:
            same_text = editing.rewritten(line, text, value)
            return same_text if same_text is not None else ({} if value is None else {"rating": value}, ())

        return self._edit("rewrite", example_id, values, by=by, key=key, expected=expected)

    def set_messages(
        self, example_id: int, messages: object, rating: int | None = None, *, by: str | None = None
    ) -> Edit | None:
        """Put other messages in place of an example's; the rating becomes `rating`, the version rises."""
        value, plain = editing.checked_rating(rating), editing.messages_json(messages)

        def values(line: Mapping[str, Any]) -> Values:
            if line["messages"] == plain:
                return ({} if value is None else {"rating": value}), ()
            return editing.with_messages(line, plain, value)

        return self._edit("messages", example_id, values, by=by)

    def annotate(
        self,
        example_id: int,
        *,
        tags: Sequence[str] | None = None,
        note: str | None = None,
        flagged: bool | None = None,
        by: str | None = None,
        key: Key | None = None,
    ) -> Edit | None:
        """Set tags, note or flag; what is None stays, an empty list, text or False takes it away."""
        values = editing.annotated(tags, note, flagged=flagged)
        return self._edit("annotate", example_id, lambda _: values, by=by, key=key)

    def delete(self, example_id: int, *, by: str | None = None, key: Key | None = None) -> Edit | None:
        """Take an example out; its whole line stays in the history and `undo` brings it back."""
        with self._state.writing():
            if self._seen(key) is not None:
                return None
            entry = self._entry("delete", by, key, [editing.removed(self._body(example_id))])
            self._state.commit(entry)
            return edit(entry, entry.changes[0])

    def _edit(
        self,
        kind: str,
        example_id: int,
        values: Callable[[Mapping[str, Any]], Values],
        *,
        by: str | None = None,
        key: Key | None = None,
        expected: int | str | None = None,
    ) -> Edit | None:
        with self._state.writing():
            if self._seen(key) is not None:
                return None
            body = self._body(example_id)
            line = decode(body)
            _check_expected(line, body, expected)
            change = editing.given(body, *values(line))
            if change is None:
                return None
            entry = self._entry(kind, by, key, [change])
            self._state.commit(entry)
            if key is not None and self._keys is not None:
                self._keys[key] = entry
            return edit(entry, change)

    # many at once

    def set_splits(
        self, splits: Mapping[int, Literal["train", "val"] | None], *, by: str | None = None
    ) -> str | None:
        """Assign many examples as one event and return its name; None takes an example out of both."""
        return self._bulk(
            "split", splits, lambda _, side: ({}, ["split"]) if side is None else ({"split": side}, ()), by
        )

    def set_system(
        self, prompt: str | None, ids: Iterable[int] | None = None, *, by: str | None = None
    ) -> int:
        """Give many examples a system prompt, or none, as one event; return how many it changed."""
        with self._state.writing():
            before = len(self._state.journal.entries)
            wanted = self._state.ids() if ids is None else list(ids)
            event = self._bulk("system", dict.fromkeys(wanted, prompt), _with_system, by, keep=True)
            count = len(self._state.journal.entries[before].changes) if event is not None else 0
            self.fold()
            return count

    def _bulk(
        self,
        kind: str,
        wanted: Mapping[int, Any],
        values: Callable[[Mapping[str, Any], Any], Values],
        by: str | None,
        *,
        keep: bool = False,
    ) -> str | None:
        with self._state.writing():
            changes = []
            for example_id, value in wanted.items():
                body = self._body(int(example_id))
                change = editing.given(body, *values(decode(body), value))
                if change is not None:
                    changes.append(change)
            if not changes:
                return None
            entry = self._entry(kind, by, None, changes)
            self._state.commit(entry)
            if not keep:
                self.fold()
            return entry.event

    # history

    def undo(self, *, by: str | None = None) -> Edit | None:
        """Revert the caller's own latest edit that still stands; None when there is none left.

        ConflictError when somebody else has changed the same example since.
        """
        who = by or self._rater
        with self._state.writing():
            entry = self._latest(who)
            if entry is None:
                return None
            changes = [self._reverse(change) for change in entry.changes]
            for first, last in entry.ids:
                bodies = (self._state.body(example_id) for example_id in range(first, last + 1))
                changes += [editing.removed(body) for body in bodies if body is not None]
            undone = self._entry("undo", who, None, changes)
            undone.reverts = entry.event
            self._state.commit(undone)
            return edit(undone, changes[0]) if changes else None

    def _latest(self, by: str) -> Entry | None:
        reverted = set()
        for entry in self._backwards():
            if entry.reverts is not None:
                reverted.add(entry.reverts)
            elif entry.by == by and entry.event not in reverted and entry.kind != "conflict":
                return entry
        return None

    def _backwards(self) -> Iterator[Entry]:
        yield from reversed(self._state.journal.entries)
        yield from history.entries(self.history_path)

    def _reverse(self, change: Change) -> Change:
        back = editing.reverse(change, self._state.body(change.id))
        if back is None:
            raise ConflictError(
                f"example {change.id} has been changed since", hint=f"look at `ait history {change.id}`"
            )
        return back

    def history(self, example_id: int) -> list[Edit]:
        """Return every edit of an example, oldest first, deleted ones too."""
        with self._state.reading():
            folded = history.of_example(self.history_path, example_id)
            known = {entry.event for entry in folded}
            waiting = [
                entry
                for entry in [*self._state.journal.entries, *map(conflict_entry, self._state.conflicts)]
                if entry.event not in known
            ]
            body = self._state.body(example_id)
        made = "" if body is None else str(decode(body).get("createdAt", ""))
        found = []
        for entry in [*folded, *waiting]:
            if history.concerns(entry.ids, example_id):
                found.append(
                    Edit(
                        event=entry.event,
                        at=entry.at,
                        by=entry.by,
                        id=example_id,
                        created_at=made,
                        kind="add",
                    )
                )
            found += [edit(entry, change) for change in entry.changes if change.id == example_id]
        if not found and body is None:
            raise DataError(f"there is no example {example_id}", hint="`ait list` shows the ids")
        return found

    def deleted_validation(self) -> list[Example]:
        """Return the examples that were in validation when they were deleted."""
        found: dict[int, Example] = {}
        with self._state.reading():
            for entry in self._backwards():
                for change in entry.changes:
                    gone = change.to == "" and change.id not in found and self._state.body(change.id) is None
                    if gone and change.former.get("split") == "val":
                        found[change.id] = editing.example(bytes(change.before))
        return list(found.values())

    # keeping

    def fold(self) -> bool:
        """Put all edits into data/history.jsonl and data/examples.jsonl; True when there were any."""
        with self._state.reading():
            if not self._state.journal.entries:
                return False
        with self._state.writing():
            highest = max(self._state.index.last_id(), highest_id(self._state.journal.entries))
            if highest > self._last_id():
                self._remember_id(highest)
            return fold(self._state, self.history_path)

    def close(self) -> None:
        """Fold what waits and let go of the files."""
        self.fold()
        self._state.close()

    def _entry(self, kind: str, by: str | None, key: Key | None, changes: list[Change]) -> Entry:
        return Entry(new_event(), now(), by or self._rater, kind, changes, key)

    def _seen(self, key: Key | None) -> Entry | None:
        if key is None:
            return None
        if self._keys is None:
            self._keys = {entry.key: entry for entry in history.entries(self.history_path) if entry.key}
        for entry in self._state.journal.entries:
            if entry.key is not None:
                self._keys.setdefault(entry.key, entry)
        return self._keys.get(key)

    def _former_rater(self, example_id: int, line: Mapping[str, Any]) -> str | None:
        if line.get("ratings") or line.get("rating") is None:
            return None
        for entry in reversed(self._state.journal.entries):
            if any(change.id == example_id and "rating" in change.later for change in entry.changes):
                return entry.by
        for entry in reversed(history.of_example(self.history_path, example_id)):
            if any("rating" in change.later for change in entry.changes):
                return entry.by
        return None


def new_event() -> str:
    """Return a new name of an event, never given before."""
    return secrets.token_hex(8)


def _with_system(line: Mapping[str, Any], prompt: str | None) -> Values:
    messages = list(line["messages"])
    if messages and messages[0]["role"] in ("system", "developer"):
        messages = messages[1:]
    if prompt is not None:
        messages = [{"role": "system", "content": prompt}, *messages]
    if messages == line["messages"]:
        return {}, ()
    return {"messages": messages, "version": line.get("version", 1) + 1}, ()


def _check_expected(line: Mapping[str, Any], body: bytes, expected: int | str | None) -> None:
    now_at = line.get("version", 1) if isinstance(expected, int) else digest(body)
    if expected is not None and expected != now_at:
        raise ConflictError(
            f"example {line['id']} has been changed since it was shown", hint="look at it again, then edit it"
        )
