"""What was taken out of a study, or put back into it, is noticed; what had to be forgotten does no harm."""

import json

import pytest

from aitelier_nb.errors import StudyError
from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.designs import create
from aitelier_nb.evaluation.studies import Study


@pytest.fixture
def study(project, provider):
    return begun(project, provider)


def begun(project, provider, **plan):
    return create(
        project, Contestant("base", provider, "small"), Contestant("tuned", provider, "big"), **plan
    )


def vote_all(study):
    for place in range(len(study.slots)):
        study.vote_at(place, "left" if study.page(place, 1)[0]["left"].startswith("big") else "right")


@pytest.mark.parametrize("lost", [1, 5, 12])
def test_votes_cut_off_the_end_are_noticed_before_the_reveal(project, study, lost):
    vote_all(study)
    lines = study.ledger.path.read_bytes().splitlines(keepends=True)
    study.ledger.path.write_bytes(b"".join(lines[:-lost]))
    told = f"{lost} of the 12 lines that ann wrote are missing"
    with pytest.raises(StudyError, match=told) as refused:
        Study(project, study.path)
    assert "git" in refused.value.hint
    with pytest.raises(StudyError, match=told):
        study.reveal()
    study.ledger.path.write_bytes(b"".join(lines))
    assert Study(project, study.path).reveal().counts.wins == 12


def test_a_vote_taken_out_of_the_middle_is_noticed_and_an_undone_one_is_none(project, study):
    vote_all(study)
    study.undo()
    study.vote_at(11, "tie")
    assert Study(project, study.path).waiting == []
    lines = study.ledger.path.read_bytes().splitlines(keepends=True)
    study.ledger.path.write_bytes(b"".join(lines[:4] + lines[5:]))
    with pytest.raises(StudyError, match="1 of the 14 lines"):
        Study(project, study.path)


def test_who_has_seen_the_sides_cannot_vote_again_by_taking_the_reveal_out(project, study):
    vote_all(study)
    study.reveal()
    content = json.loads(study.path.read_bytes())
    del content["reveal"]
    study.path.write_text(json.dumps(content))
    with pytest.raises(StudyError, match="the reveal is gone"):
        Study(project, study.path)


def test_a_study_whose_file_is_gone_is_not_begun_anew_in_silence(project, provider, study):
    study.vote_at(0, "left")
    study.path.unlink()
    with pytest.raises(StudyError, match="its file is gone") as refused:
        begun(project, provider)
    assert "begin anew" in refused.value.hint


@pytest.mark.parametrize("revealed_before", [False, True])
def test_a_forgotten_example_leaves_a_study_that_still_holds(project, provider, revealed_before):
    study = begun(project, provider, repeats=3)
    vote_all(study)
    if revealed_before:
        study.reveal()
    project.dataset.forget(5)
    for file in (study.path, study.ledger.path):
        assert "question 5" not in file.read_text("utf-8")
        assert '"id": 5,' not in file.read_text("utf-8")
    result = Study(project, study.path).reveal()
    assert (result.counts.wins, result.missing_votes, result.forgotten) == (11, 0, 1)
    assert result.verdict.outcome == "better"
    assert "1 pair forgotten since, the votes on it too" in result.notes()
    assert 5 not in result.texts()


def test_votes_go_on_after_an_example_was_forgotten(project, study):
    for place in range(6):
        study.vote_at(place, "tie")
    gone = study.slots[2][0]
    project.dataset.forget(gone)
    again = Study(project, study.path)
    assert len(again.waiting) == 6
    assert gone not in dict(again.slots)
    vote_all(again)
    assert again.reveal().counts.n == 11


def test_a_pair_cannot_be_passed_off_as_forgotten(project, study):
    vote_all(study)
    study.reveal()
    content = json.loads(study.path.read_bytes())
    content["pairs"][3] = {"forgotten": "0" * 64}
    study.path.write_text(json.dumps(content))
    with pytest.raises(StudyError, match="changed after the fact"):
        Study(project, study.path).reveal()
