"""A frame goes out as a copy and comes back as edits, all of them or none."""

from __future__ import annotations

import pandas as pd
import pytest

from aitelier_nb.errors import ConflictError, DataError, SplitError
from aitelier_nb.storage import batches, bodies, following, scanning


@pytest.fixture
def dataset(project):
    project.dataset.add(
        [
            {
                "messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}],
                "rating": n or None,
            }
            for n in range(6)
        ]
    )
    return project.dataset


def test_changed_cells_become_edits_of_one_event(dataset):
    frame = dataset.frame(text=True)
    frame.loc[1, "rating"] = 9
    frame.loc[2, "output"] = "better"
    frame.loc[3, "rating"] = pd.NA
    frame.loc[4, "flagged"] = True
    assert dataset.update(frame) == 4
    assert [example.rating for example in dataset.examples()] == [None, 9, None, None, 4, 5]
    assert (dataset.get(3).output, dataset.get(3).original_output) == ("better", "a2")
    assert dataset.get(5).flagged
    assert len({dataset.history(n)[-1].event for n in (2, 3, 4, 5)}) == 1
    assert dataset.update(dataset.frame(text=True)) == 0


def test_a_small_frame_of_ones_own_is_enough(dataset):
    assert dataset.update(pd.DataFrame({"id": [3, 1], "rating": [7.0, None]})) == 1
    assert dataset.get(3).rating == 7


def test_a_row_that_moved_on_is_named_and_nothing_is_changed(dataset):
    frame = dataset.frame()
    dataset.set_rating(3, 8)
    frame["rating"] = 1
    with pytest.raises(ConflictError, match="example 3 has been changed since"):
        dataset.update(frame)
    assert dataset.get(2).rating == 1


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("colour", "red", "'colour' is no column"),
        ("rating", "good", "rating of 'good'"),
        ("rating", 11, "example 1: a rating of 11"),
        ("split", "test", "example 1: split is 'test'"),
        ("version", 7, "version cannot be set"),
        ("flagged", "yes", "flagged is 'yes'"),
        ("id", 99, "there is no example 99"),
    ],
)
def test_what_cannot_be_set_is_told(dataset, column, value, told):
    frame = dataset.frame()[["id", "rating", "split", "version", "flagged"]].astype(object)
    frame[column] = value
    with pytest.raises(DataError, match=told) as caught:
        dataset.update(frame)
    assert caught.value.hint
    assert dataset.get(2).rating == 1


def test_validation_does_not_leave_by_a_frame(dataset):
    dataset.set_splits({1: "val"})
    with pytest.raises(SplitError, match="example 1 is in validation"):
        dataset.update(pd.DataFrame({"id": [1], "split": ["train"]}))


def with_pandas(path, names):
    return pd.read_parquet(path, columns=names, dtype_backend="pyarrow").to_dict("records")


def with_polars(path, names):
    import polars as pl

    return pl.read_parquet(path, columns=names).to_dicts()


def with_duckdb(path, names):
    import duckdb

    return duckdb.sql(f"select {', '.join(names)} from '{path}' order by id").to_arrow_table().to_pylist()  # noqa: S608 - our own path


def with_datasets(path, names):
    import datasets

    return datasets.Dataset.from_parquet(str(path), columns=names).to_list()


@pytest.mark.parametrize("reader", [with_pandas, with_polars, with_duckdb, with_datasets])
def test_other_tools_read_the_mirror_as_it_is(dataset, reader, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    dataset.set_rating(1, 10)
    folder = dataset.mirror()
    head = reader(folder / "examples.head.parquet", ["id", "rating"])
    assert [(row["id"], row["rating"]) for row in head][:3] == [(1, 10), (2, 1), (3, 2)]
    body = reader(folder / "examples.body.parquet", ["id", "input", "output", "messages"])
    assert [(row["id"], row["input"], row["output"]) for row in body] == [
        (n + 1, f"q{n}", f"a{n}") for n in range(6)
    ]
    assert list(body[0]["messages"]) == [
        {"role": "user", "content": "q0"},
        {"role": "assistant", "content": "a0"},
    ]


def test_a_large_file_gets_its_whole_mirror_in_one_pass(project, monkeypatch):
    monkeypatch.setattr(following, "LARGE", 1)
    monkeypatch.setattr(bodies, "GROUP_ROWS", 10)
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    project.dataset.add([{"messages": [*turns, {"role": "user", "content": str(n)}]} for n in range(50)])
    project.dataset.close()
    passes = []
    monkeypatch.setattr(scanning, "batch", lambda *given: passes.append(1) or batches.batch(*given))
    folder = project.dataset.mirror()
    assert len(passes) == 1
    assert project.dataset.frame(text=True)["messages"].tolist()[7][2]["content"] == "7"
    assert len(passes) == 1
    assert len(pd.read_parquet(folder / "examples.body.parquet")) == 50


def test_tokens_are_counted_once_and_again_only_where_messages_changed(dataset):
    asked = []

    def count(examples):
        asked.append([example.id for example in examples])
        return [len(example.output) for example in examples]

    assert dataset.token_counts("letters", count) == ([1, 2, 3, 4, 5, 6], [2] * 6)
    dataset.set_rating(2, 10)
    dataset.rewrite(3, "longer")
    assert dataset.token_counts("letters", count)[1] == [2, 2, 6, 2, 2, 2]
    dataset.close()
    assert dataset.token_counts("letters", count)[1] == [2, 2, 6, 2, 2, 2]
    assert asked == [[1, 2, 3, 4, 5, 6], [3]]
    dataset.delete(1)
    assert dataset.token_counts("others", lambda examples: [7] * len(examples)) == ([2, 3, 4, 5, 6], [7] * 5)
    (dataset.mirror() / "examples.tokens.parquet").write_bytes(b"harmed")
    assert dataset.token_counts("letters", count)[1] == [2, 6, 2, 2, 2]


@pytest.mark.parametrize("which", ["head", "body"])
def test_a_mirror_that_was_harmed_is_made_again(dataset, which):
    folder = dataset.mirror()
    path = folder / f"examples.{which}.parquet"
    flipped = bytearray(path.read_bytes())
    flipped[12] ^= 4
    for harm in (b"", b"hello", path.read_bytes()[:-40], flipped):
        path.write_bytes(harm)
        assert dataset.frame(text=True)["output"].tolist() == [f"a{n}" for n in range(6)]
