"""A split is one event and one pass over the file: what it wrote is what an edit of each line would give."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitelier_nb.errors import StorageError
from aitelier_nb.schema import Config
from aitelier_nb.storage import edit_log, files, heads, lines, scanning
from aitelier_nb.storage.index import scanned
from aitelier_nb.storage.project import create, open_project

TIMES = (None, "", "then", "2026-11-22T15:00:00.000Z", "2026-11-22T15:00:00.120Z", "2026-11-22T15:00:00Z")
SIDES = ("train", "val", None)


@pytest.fixture(autouse=True, scope="module")
def _small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "BLOCK", 400)
        patch.setattr(edit_log, "MANY", 3)
        patch.setattr(edit_log, "LONGEST", 4)
        yield


def spelt(number, text, made, side, style):
    turns = [{"role": "user", "content": text}]
    line = {"id": number, "messages": turns, "createdAt": made, "split": side, "x": {"split": "val"}}
    kept = {key: value for key, value in line.items() if value is not None or (key, style) == ("split", 2)}
    if style == 1:
        kept["x"] = kept.pop("x")
    separators = (", ", ": ") if style == 3 else (",", ":")
    return json.dumps(kept, separators=separators, ensure_ascii=style != 1).encode()


EXAMPLES = st.lists(
    st.tuples(st.text(max_size=40), st.sampled_from(TIMES), st.sampled_from(SIDES), st.integers(0, 3)),
    min_size=1,
    max_size=16,
)
BETWEEN = st.sampled_from([b"\n", b"\n", b"\n", b"\r\n", b"\n\n", b" \n ", b"\nnot json\n"])


def objects(content):
    return [line.strip() for line in content.split(b"\n") if line.strip().startswith(b"{")]


@settings(max_examples=50, deadline=None)
@given(EXAMPLES, BETWEEN, st.booleans(), st.data())
def test_sides_are_written_as_an_edit_of_each_line_would_write_them(examples, between, ended, data):
    bodies = {number: spelt(number, *fields) for number, fields in enumerate(examples, 1)}
    wanted = data.draw(st.dictionaries(st.sampled_from(sorted(bodies)), st.sampled_from(SIDES), min_size=1))
    keys = {number: {} if side is None else {"split": side} for number, side in wanted.items()}
    before = {number: taken(json.loads(body)) for number, body in bodies.items()}
    changed = {number: after for number, after in keys.items() if after != before[number]}
    with tempfile.TemporaryDirectory() as folder, create(folder, Config(name="bot", model="m")) as project:
        path = project.dataset.path
        path.write_bytes(between.join(bodies.values()) + (between if ended else b""))

        event = project.dataset.set_splits(wanted, reshuffle=True)
        assert (event is not None) == bool(changed)
        found = dict(zip(bodies, objects(path.read_bytes()), strict=True))

        for number, body in bodies.items():
            told = json.loads(body)
            if number not in changed:
                assert found[number] == body
            elif "split" not in told:
                assert found[number] == lines.grown(body, {"split": b'"%b"' % wanted[number].encode()})
            told.pop("split", None)
            assert json.loads(found[number]) == told | changed.get(number, before[number])
        index, new = project.dataset._state.index, scanned(path, "data/examples.jsonl")
        assert index.table(heads.schema().names).to_pylist() == new.table(heads.schema().names).to_pylist()
        assert (index.signature, index.facts.lines) == (new.signature, new.facts.lines)
        assert all(index.stands(place, index.descriptor, 0) for place in range(len(index.facts.blocks)))
        for number, after in changed.items():
            [edit] = project.dataset.history(number)
            assert (edit.event, edit.before, edit.after) == (event, before[number], after)
            assert edit.created_at == json.loads(bodies[number]).get("createdAt", "")


def taken(line):
    return {key: value for key, value in line.items() if key == "split"}


def many(project, count=10):
    turns = [
        [{"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": f"answer {n} " * 9}]
        for n in range(count)
    ]
    project.dataset.add([{"messages": messages} for messages in turns])
    project.dataset.fold()
    return {number: "val" if number % 2 else "train" for number in range(1, count + 1)}


def test_an_example_is_forgotten_in_an_event_of_many_and_the_others_keep_it(project):
    event = project.dataset.set_splits(many(project))
    project.dataset.forget(4)
    assert [edit.event for edit in project.dataset.history(6) if edit.kind == "split"] == [event]
    assert [edit.kind for edit in project.dataset.history(4)] == ["add", "forget"]
    told = project.dataset.history_path.read_text()
    assert all(
        4 not in group["ids"] for line in told.splitlines() for group in json.loads(line).get("groups", [])
    )


def test_an_event_of_many_is_undone_as_one(project):
    many(project)
    frame = project.dataset.frame()
    assert project.dataset.update(frame.assign(rating=[7] * 9 + [3])) == 10
    assert [
        len(json.loads(line).get("groups", []))
        for line in project.dataset.history_path.read_bytes().splitlines()
    ][1:] == [1, 1, 1, 0]
    assert project.dataset._ledger.rater(5) == "ada"
    project.dataset.undo()
    assert [example.rating for example in project.dataset.examples()] == [None] * 10
    project.dataset.fold()
    assert [edit.kind for edit in project.dataset.history(2)] == ["add", "update", "undo"]


@pytest.mark.parametrize("where", ["the history", "the file", "the journal"])
def test_a_split_that_is_cut_short_is_finished_by_the_next_look(project, monkeypatch, where):
    wanted = many(project)
    standing = project.dataset.path.read_bytes()
    calls = {
        "the history": (edit_log, "append"),
        "the file": (Path, "replace"),
        "the journal": (project.dataset._state.journal, "clear"),
    }
    with monkeypatch.context() as patch:

        def full(*_):
            raise StorageError("the disk is full")

        patch.setattr(*calls[where], full)
        with pytest.raises(StorageError, match="is full"):
            project.dataset.set_splits(wanted)
    assert (project.dataset.path.read_bytes() == standing) == (where != "the journal")
    for one in (project, open_project(project.path)):
        assert {example.id: example.split for example in one.dataset.examples()} == wanted
    project.dataset.fold()
    assert not project.dataset.problems()
    assert [[edit.kind for edit in project.dataset.history(number)] for number in (1, 10)] == [
        ["add", "split"]
    ] * 2
    told = [json.loads(line) for line in project.dataset.path.read_bytes().splitlines()]
    assert {line["id"]: line["split"] for line in told} == wanted


def test_nothing_is_written_down_where_the_new_file_does_not_fit(project, monkeypatch):
    wanted = many(project)
    with monkeypatch.context() as patch:

        def full(*_):
            raise OSError(28, "No space left on device")

        patch.setattr(files, "write_all", full)
        with pytest.raises(StorageError, match="no space"):
            project.dataset.set_splits(wanted)
    assert {example.split for example in project.dataset.examples()} == {None}
    assert project.dataset.set_splits(wanted) is not None
