"""After a fold the index is what reading the whole file anew would give, without reading it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitelier_nb.storage import carrying, folding, heads, scanning, streams
from aitelier_nb.storage.index import scanned

NEW = 100


@pytest.fixture(autouse=True, scope="module")
def _small_blocks():
    patch = pytest.MonkeyPatch()
    patch.setattr(scanning, "BLOCK", 300)
    yield
    patch.undo()


def line(number, text="x", **keys):
    turns = [{"role": "user", "content": text}]
    return json.dumps({"id": number, "messages": turns, "rating": None, **keys}).encode()


LINES = st.one_of(
    st.builds(line, st.integers(1, 12), st.text(max_size=60)),
    st.sampled_from([b"", b"  ", b"not json", b'{"id":3}', b"  " + line(9) + b" ", line(5) + b"\r"]),
)
EDITS = st.dictionaries(
    st.one_of(st.integers(1, 12), st.integers(NEW, NEW + 3)), st.one_of(st.none(), st.text(max_size=80))
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=14), st.sampled_from([b"\n", b""]), EDITS)
def test_a_carried_index_is_the_one_of_the_new_file(lines, end, edits):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "examples.jsonl"
        path.write_bytes(b"\n".join(lines) + (end if lines else b""))
        old = scanned(path, "examples.jsonl")
        pending = {
            number: None if text is None else line(number, text, rating=5) for number, text in edits.items()
        }
        written = folding.rewrite(old, pending, path)
        new = scanned(path, "examples.jsonl")
        found = carrying.carried(old, pending, streams.opened(path), written)
        if found is None:
            assert old.missing_end() or any(text.startswith(b" ") for text in lines)
            return
        names = heads.schema().names
        assert found.table(names).to_pylist() == new.table(names).to_pylist()
        assert (found.signature, found.facts.lines) == (new.signature, new.facts.lines)
        assert found.problems() == new.problems()
        for place, block in enumerate(found.facts.blocks):
            assert found.stands(place, found.descriptor, 0)
            before = path.read_bytes()[: block.start]
            assert not before or before.endswith(b"\n")
            assert block.number == before.count(b"\n") + 1
            assert block.row == sum(start < block.start for start in new.starts.values)


def test_a_file_that_was_written_meanwhile_is_looked_at_again(tmp_path):
    path = tmp_path / "examples.jsonl"
    path.write_bytes(line(1) + b"\n")
    old = scanned(path, "examples.jsonl")
    written = folding.rewrite(old, {1: line(1, "y")}, path)
    path.write_bytes(line(2) + b"\n")
    assert carrying.carried(old, {1: line(1, "y")}, streams.opened(path), written) is None


def test_a_fold_parses_no_line(project, monkeypatch):
    turns = [{"role": "user", "content": "a"}]
    project.dataset.add([{"messages": [*turns, {"role": "assistant", "content": str(n)}]} for n in range(9)])
    project.dataset.fold()
    project.dataset.set_rating(3, 4)
    project.dataset.delete(5)
    monkeypatch.setattr(scanning, "batch", None)
    project.dataset.fold()
    assert len(project.dataset) == 8
    assert project.dataset.get(3).rating == 4
    assert project.dataset.frame()["rating"].count() == 1
