"""What was just added is known without being read, and as a reader of the file would know it."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitelier_nb.errors import DataError
from aitelier_nb.schema import Config, Conversation, PlainMessage
from aitelier_nb.storage import additions, contents, editing, heads, scanning
from aitelier_nb.storage.index import scanned
from aitelier_nb.storage.lines import parse
from aitelier_nb.storage.project import create

TURN = st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text(max_size=30))
TURNS = st.lists(TURN, min_size=1, max_size=3) | st.just([("user", "a"), ("assistant", "b")])
MORE = st.fixed_dictionaries(
    {},
    optional={
        "rating": st.integers(1, 10),
        "originalOutput": st.text(max_size=5),
        "split": st.sampled_from(["train", "val"]),
        "group": st.integers(0, 3),
        "mood": st.text(max_size=5),
    },
)


def plain(turns):
    return Conversation([PlainMessage(role, text) for role, text in turns])


def objects(turns, more):
    return {"messages": [{"content": text, "role": role} for role, text in turns], **more}


ROWS = st.lists(st.builds(plain, TURNS) | st.builds(objects, TURNS, MORE), max_size=6)


@pytest.fixture(autouse=True, scope="module")
def _small_chunks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanning, "BLOCK", 300)
        patch.setattr(additions, "CHUNK", 2)
        yield


def assert_known(dataset):
    """Compare what the dataset knows of its file with a reading of it from end to end."""
    found, new = dataset._state.index, scanned(dataset.path, "data/examples.jsonl")
    names = heads.schema().names
    assert found.table(names).to_pylist() == new.table(names).to_pylist()
    assert (found.signature, found.facts.lines) == (new.signature, new.facts.lines)
    assert [found.row(name) for name in new.ids.values] == [new.row(name) for name in new.ids.values]
    content = dataset.path.read_bytes()
    for place, block in enumerate(found.facts.blocks):
        assert found.stands(place, found.descriptor, 0)
        assert block.number == content[: block.start].count(b"\n") + 1
        assert block.row == sum(start < block.start for start in new.starts.values)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3))
def test_the_index_after_adding_is_the_one_of_the_file(batches):
    with tempfile.TemporaryDirectory() as folder:
        project = create(Path(folder) / "project", Config(name="bot", model="m"))
        for rows in batches:
            added = project.dataset.add(rows)
            assert len(added) == len(rows)
            for one, row in zip(added, rows, strict=True):
                turns = row.to_json()["messages"] if isinstance(row, Conversation) else row["messages"]
                if not one.existed:
                    assert [turn.to_json() for turn in project.dataset.get(one.id).messages] == turns
            assert all(one.existed for one in project.dataset.add(rows))
        assert_known(project.dataset)
        project.close()


def test_a_plain_row_gets_the_line_that_its_object_gets(project):
    turns = [("system", "Sei knapp."), ("user", '\u2028 \\ " \t ü 🙂'), ("assistant", "\x7f")]
    project.dataset.add([plain(turns)])
    [line] = project.dataset.path.read_bytes().splitlines(keepends=True)[:1]
    told = project.dataset.get(1).to_json()
    project.dataset.delete(1)
    project.dataset.fold()
    rows = {"messages": [{"role": role, "content": text} for role, text in turns]}
    [again] = project.dataset.add([rows])
    new = project.dataset.path.read_bytes().replace(b'{"id":%d' % again.id, b'{"id":1')
    assert new.replace(project.dataset.get(again.id).created_at.encode(), told["createdAt"].encode()) == line


def test_adding_reads_nothing_of_what_it_wrote(project, monkeypatch):
    monkeypatch.setattr(scanning, "batch", None)
    project.dataset.add([plain([("user", "a"), ("assistant", str(n))]) for n in range(7)])
    project.dataset.set_rating(7, 4)
    assert project.dataset.get(7).rating == 4


def test_what_others_wrote_while_examples_were_added_is_read(project):
    dataset = project.dataset
    dataset.add([plain([("user", "a"), ("assistant", "b")])])
    outside = b'{"id":40,"messages":[{"role":"user","content":"from an editor"}]}\n'
    write_down = dataset._state.journal.append

    def late(entry):
        write_down(entry)
        with dataset.path.open("ab") as stream:
            stream.write(outside)

    dataset._state.journal.append = late
    dataset.add([plain([("user", "c"), ("assistant", "d")])])
    assert sorted(dataset.ids()) == [1, 2, 40]
    assert_known(dataset)


def test_an_id_that_was_asked_for_too_early_can_be_used_once_it_is_given(project):
    with pytest.raises(DataError):
        project.dataset.set_splits({1: "train"})
    project.dataset.add([plain([("user", "a"), ("assistant", "b")])])
    project.dataset.set_splits({1: "train"})
    assert project.dataset.get(1).split == "train"
    assert not project.dataset.problems()


def test_a_text_that_is_none_spoils_its_row_and_is_named(project):
    class Text(str):  # as numpy's is
        __slots__ = ()

    rows = [objects([("user", "a"), ("assistant", text)], {}) for text in (Text("b"), "c")]
    project.dataset.add(rows)
    assert [example.output for example in project.dataset.examples()] == ["b", "c"]
    with pytest.raises(DataError, match=r"row 2: a text holds half of a surrogate pair"):
        project.dataset.add([objects([("user", "d")], {}), objects([("user", "\ud800")], {})])
    assert len(project.dataset) == 2
    assert_known(project.dataset)


RATINGS = st.sampled_from([None, 1, 8, 10, 8.0, True, "8", 0, 11])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TURNS, RATINGS), min_size=1, max_size=6), st.sampled_from([1, 8, 98]))
def test_rated_rows_are_written_together_as_they_would_be_one_by_one(rows, first):
    """A rating that is none is refused in both ways, and with the same words."""
    given_rows = [
        {"messages": plain(turns).to_json()["messages"], "rating": rating} for turns, rating in rows
    ]
    try:
        bodies = [editing.new_line(row, name, "now")[0] for name, row in enumerate(given_rows, first)]
    except DataError as error:
        with pytest.raises(DataError, match=re.escape(str(error))):
            additions.Additions(given_rows, first, "now")
        return
    found = additions.Additions(given_rows, first, "now")
    [*batches] = found.batches(range(len(found)), 0)
    assert [body for batch in batches for body in batch.bodies] == bodies
    assert [line.rating for batch in batches for line in batch.lines] == [rating for _, rating in rows]
    assert found.contents == [contents.own_key(parse(body)) for body in bodies]
