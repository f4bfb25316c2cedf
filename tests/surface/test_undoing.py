"""`undo` takes back one's own edits and never opens validation to training."""

from __future__ import annotations

import pytest

import aitelier_nb as ait
from aitelier_nb.errors import SplitError


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("AITELIER_RATER", "mira")
    made = ait.init("shop", path=tmp_path)
    ait.load(
        [{"input": f"Question {n}", "output": f"Answer {n}", "rating": 9} for n in range(20)], project=made
    )
    yield made
    made.close()


def held_out(project):
    return {example.id for example in project.dataset.examples() if example.split == "val"}


def test_undo_after_a_split_is_refused_and_moves_nobody(project):
    ait.split(seed=1, project=project)
    before = held_out(project)
    with pytest.raises(SplitError, match="open validation to training") as told:
        ait.undo(project=project)
    assert "--reshuffle" in told.value.hint
    ait.split(seed=9, project=project)
    assert held_out(project) == before


def test_what_was_edited_after_a_split_is_undone_and_then_the_split_stands(project):
    ait.split(seed=1, project=project)
    before = held_out(project)
    ait.set_rating(3, 2, project=project)
    assert ait.undo(project=project).id == 3
    with pytest.raises(SplitError):
        ait.undo(project=project)
    assert held_out(project) == before


def test_undo_says_which_kind_of_edit_comes_next(project):
    assert project.dataset.next_undo(by="nobody") is None
    ait.set_rating(3, 2, project=project)
    assert project.dataset.next_undo() == "rate"
