"""Edits that are put on the disk together: all at the end of their block, or none."""

from __future__ import annotations

import os
from contextlib import contextmanager

import pytest

from aitelier_nb.errors import StorageError
from aitelier_nb.storage.project import open_project

resource = pytest.importorskip("resource", reason="no way to fill a disk here")


@contextmanager
def full_disk(size):
    """Refuse every file that grows beyond `size`, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def dataset(project):
    turns = [[("user", f"q{n}"), ("assistant", f"a{n}")] for n in range(9)]
    project.dataset.add(
        [{"messages": [{"role": role, "content": text} for role, text in turn]} for turn in turns]
    )
    project.dataset.fold()
    return project.dataset


def ratings(project):
    """Return what a program finds that opens the files now."""
    with open_project(project.path) as there:
        return [example.rating for example in there.dataset.examples()]


def test_edits_of_a_block_wait_for_the_disk_once_and_stand_there_at_its_end(project, dataset, monkeypatch):
    dataset.set_rating(9, 1)
    waits = []
    monkeypatch.setattr(os, "fsync", lambda file, real=os.fsync: waits.append(file) or real(file))
    with dataset.together():
        for name in (1, 2, 3):
            dataset.set_rating(name, 8, key=("s", name))
        assert dataset.get(2).rating == 8
        assert dataset.set_rating(2, 5, key=("s", 2)) is None, "the same message is taken once"
        assert waits == []
    assert len(waits) == 1
    assert ratings(project) == [8, 8, 8] + [None] * 5 + [1]
    dataset.set_rating(4, 7)
    assert ratings(project) == [8, 8, 8, 7] + [None] * 4 + [1]


def test_a_fold_and_an_undo_inside_a_block_lose_and_double_nothing(project, dataset):
    with dataset.together():
        dataset.set_rating(1, 8)
        dataset.fold()
        dataset.set_rating(2, 9)
        dataset.set_rating(3, 9)
        dataset.undo()
        dataset.add(
            [{"messages": [{"role": "user", "content": "new"}, {"role": "assistant", "content": "a"}]}]
        )
        dataset.rewrite(2, "better", 10)
    assert ratings(project) == [8, 10] + [None] * 8
    assert [edit.kind for edit in dataset.history(2)] == ["add", "rate", "rewrite"]


def rate(dataset, names, rating, error=None):
    with dataset.together():
        for name in names:
            dataset.set_rating(name, rating, key=("s", name))
        if error is not None:
            raise error


def test_what_was_edited_before_an_error_inside_the_block_stands(project, dataset):
    with pytest.raises(ZeroDivisionError):
        rate(dataset, [1], 8, ZeroDivisionError())
    assert dataset.get(1).rating == 8
    assert ratings(project)[0] == 8


@pytest.mark.parametrize("earlier", [0, 2])
def test_a_disk_that_refuses_makes_none_of_them(project, dataset, earlier):
    for name in range(1, 1 + earlier):
        dataset.set_rating(name, 5)
    journal = project.path / ".aitelier" / "journal.jsonl"
    with full_disk(journal.stat().st_size + 300), pytest.raises(StorageError):
        rate(dataset, range(1, 6), 9)
    before = [5] * earlier + [None] * (9 - earlier)
    assert [dataset.get(name).rating for name in range(1, 10)] == before
    assert ratings(project) == before
    assert dataset.set_rating(1, 9, key=("s", 1)) is not None, "it may be sent again"
    assert ratings(project) == [9, *before[1:]]
