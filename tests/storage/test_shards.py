"""Examples in several files are one dataset: read, edited, folded and mirrored file by file."""

from __future__ import annotations

import json

import pytest

from aitelier_nb.errors import DataError
from aitelier_nb.storage import following, sharding
from aitelier_nb.storage.project import open_project


def conversation(text):
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": f"fine {text}"}]}


@pytest.fixture
def sharded(project, monkeypatch):
    """Return a project of thirty examples in several files, and the bytes of the one file before."""
    monkeypatch.setattr(following, "LARGE", 1)
    project.dataset.add([conversation(f"{n} " + "x" * n) for n in range(30)])
    project.dataset.fold()
    before = project.dataset.path.read_bytes()
    return project, project.dataset.shard(900), before


def test_a_file_is_cut_into_whole_lines_and_nothing_else_changes(sharded):
    project, shards, before = sharded
    assert len(shards) > 3
    assert b"".join(path.read_bytes() for path in shards) == before
    assert all(path.read_bytes().endswith(b"}\n") for path in shards)
    assert project.dataset.path.read_bytes() == b""
    for dataset in (project.dataset, open_project(project.path).dataset):
        assert dataset.ids() == list(range(1, 31))
        assert [example.id for example in dataset.page(12, 3)] == [13, 14, 15]
        assert dataset.frame(text=True)["output"].tolist() == [f"fine {n} {'x' * n}" for n in range(30)]
        assert not dataset.problems()
    with pytest.raises(DataError, match="shards already"):
        project.dataset.shard()


def test_a_fold_writes_only_the_files_that_it_changes(sharded):
    project, shards, _ = sharded
    nodes = {path: path.stat().st_ino for path in shards}
    project.dataset.set_rating(1, 7)
    project.dataset.delete(2)
    project.dataset.fold()
    assert [path for path in shards if path.stat().st_ino != nodes[path]] == [shards[0]]
    other = open_project(project.path).dataset
    assert other.get(1).rating == 7
    assert 2 not in other.ids()
    project.dataset.undo()
    project.dataset.fold()
    assert json.loads(shards[-1].read_bytes().splitlines()[-1])["id"] == 2
    assert other.ids() == [1, *range(3, 31), 2]
    assert [edit.kind for edit in other.history(2)] == ["add", "delete", "undo"]


def test_new_examples_go_into_the_last_file_and_then_into_a_next_one(sharded, monkeypatch):
    project, shards, _ = sharded
    project.dataset.add([conversation("a")])
    assert b'"id":31' in shards[-1].read_bytes()
    monkeypatch.setattr(sharding, "SIZE", 10)
    project.dataset.add([conversation("b")])
    project.dataset.add([conversation("a"), conversation("c")])
    names = sorted(path.name for path in shards[0].parent.glob("*.jsonl"))
    assert names == [f"{n:05}.jsonl" for n in range(1, len(shards) + 3)]
    assert project.dataset.ids() == list(range(1, 34))


def test_what_other_programs_do_to_the_files_is_seen_and_named(sharded):
    project, shards, _ = sharded
    other = open_project(project.path).dataset
    assert len(other) == 30
    first = shards[1].read_bytes().splitlines()
    shards[1].write_bytes(b"\r\n".join([*first, b"not json", first[0].replace(b'"id":', b'"id":4')]))
    shards[0].parent.joinpath("99999.jsonl").write_bytes(shards[0].read_bytes().splitlines()[0] + b"\n{")
    told = [str(problem) for problem in other.problems()]
    assert told[0].startswith(f"data/examples/{shards[1].name}:{len(first) + 1}: is not JSON")
    assert "data/examples/99999.jsonl:1: has the id 1 of data/examples/00001.jsonl:1" in told[1]
    assert told[2].startswith("data/examples/99999.jsonl:2: ends in the middle")
    example = json.loads(first[0])["id"]
    assert len(other) == 31
    other.set_rating(example, 3)
    other.fold()
    assert shards[1].read_bytes().startswith(first[0].replace(b'"rating":null', b'"rating":3') + b"\r\n")
    assert open_project(project.path).dataset.get(int(f"4{example}")).output
    assert other.forget(example)
    assert example not in project.dataset.ids()


def test_a_cutting_that_was_killed_is_completed_or_forgotten(sharded):
    project, _, before = sharded
    project.dataset.path.write_bytes(before)  # killed before the one file was emptied
    (project.state_path / "sharding").touch()
    with open_project(project.path) as again:
        assert not again.dataset.problems()
        assert again.dataset.path.read_bytes() == b""
    project.dataset.path.write_bytes(before.replace(b'"id":', b'"id":5'))  # somebody put other examples there
    (project.state_path / "sharding").touch()
    with open_project(project.path) as again:
        assert len(again.dataset) == 60
    assert not (project.state_path / "sharding").exists()


def test_the_mirror_is_a_parquet_dataset_of_one_part_for_each_file(sharded):
    project, shards, _ = sharded
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    project.dataset.set_rating(3, 9)
    folder = project.dataset.mirror() / "examples"
    assert [path.stem for path in sorted(folder.iterdir())] == [path.stem for path in shards]
    parts = duckdb.read_parquet(str(folder / "*.parquet"))
    assert parts.aggregate("count(*), max(rating), max(length(output))").fetchall() == [(30, 9, 5 + 3 + 29)]
    frame = polars.read_parquet(folder / "*.parquet")
    assert frame.filter(polars.col("rating") == 9)["input"].to_list() == ["2 xx"]
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    project.dataset.set_rating(30, 2)
    project.dataset.mirror()
    assert [path.stem for path in sorted(times) if path.stat().st_mtime_ns != times[path]] == [
        shards[-1].stem
    ]
