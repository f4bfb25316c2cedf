import json
import os
import signal
import subprocess
import sys

import pytest

from aitelier_nb.errors import StudyError
from aitelier_nb.evaluation import archive, sides
from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.studies import Study, create, judge, open_study
from aitelier_nb.schema import Answer


def models(provider):
    return Contestant("base", provider, "small"), Contestant("tuned", provider, "small-tuned")


def is_tuned(text):
    return text.startswith("small-tuned")


def prefer_tuned(study):
    for pair in study.page():
        study.vote(pair["id"], "left" if is_tuned(pair["left"]) else "right")


def test_twelve_votes_for_the_tuned_model_are_twelve_wins(project, provider):
    study = create(project, *models(provider))
    prefer_tuned(study)
    result = study.reveal().to_json()
    assert (result["wins"], result["losses"], result["outcome"]) == (12, 0, "better")
    assert result["p"] == pytest.approx(2 * 0.5**12)


def test_the_tuned_model_stands_left_on_half_of_the_pairs():
    keys = [(number, "2026") for number in range(41)]
    for seed in map(str, range(50)):
        assert sum(sides.balanced(seed, keys).values()) in (20, 21)


def test_a_side_depends_on_seed_and_example_and_not_on_the_order_of_calls():
    keys = [(number, "2026") for number in range(20)]
    assert sides.balanced("s", keys) == sides.balanced("s", keys[::-1])
    assert sides.order("s", keys) == sides.order("s", keys[::-1])


def test_running_again_finds_the_study_with_its_sides_and_votes(project, provider):
    first = create(project, *models(provider))
    first.vote(first.waiting[0], "tie")
    again = create(project, *models(provider))
    assert again.path == first.path
    assert again.page() == first.page()
    assert len(again.waiting) == 11


def test_neither_study_nor_votes_tell_who_stands_left_before_the_reveal(project, provider):
    study = create(project, *models(provider))
    study.vote(study.waiting[0], "left")
    content = json.loads(study.path.read_text("utf-8"))
    secret = study._secret
    text = study.path.read_text("utf-8") + study.ledger.path.read_text("utf-8")
    assert secret.seed not in text
    assert secret.salt not in text
    assert "tunedLeft" not in text
    assert "reveal" not in content
    assert set(content["pairs"][0]) == {"id", "createdAt", "answers"}


def test_the_study_is_committed_to_before_the_first_vote(project, provider):
    study = create(project, *models(provider))
    content = json.loads(study.path.read_text("utf-8"))
    assert content["commitments"]["ann"]
    assert not study.ledger.path.exists()
    assert (content["mode"], content["n"], content["alpha"]) == ("fixed", 12, 0.05)


def test_the_reveal_writes_what_the_commitment_was_made_of(project, provider):
    study = create(project, *models(provider))
    prefer_tuned(study)
    study.reveal()
    content = json.loads(study.path.read_text("utf-8"))
    assert content["reveal"]["raters"]["ann"]["seed"] == study._secret.seed
    study.reveal().check()


def test_no_vote_counts_after_the_reveal(project, provider):
    study = create(project, *models(provider))
    prefer_tuned(study)
    study.reveal()
    with pytest.raises(StudyError, match="was revealed"):
        study.vote(1, "left")


def test_stopping_early_gives_no_verdict(project, provider):
    study = create(project, *models(provider))
    for pair in study.page(0, 9):
        study.vote(pair["id"], "left" if is_tuned(pair["left"]) else "right")
    result = study.reveal()
    assert result.to_json()["outcome"] == "not shown"
    assert result.sentence.startswith("Stopped early, no verdict")


def test_a_sequential_study_may_stop_when_the_evidence_is_there(project, provider):
    study = create(project, *models(provider), mode="sequential")
    for pair in study.page(0, 8):
        study.vote(pair["id"], "left" if is_tuned(pair["left"]) else "right")
    assert study.reveal().to_json()["outcome"] == "better"


def test_an_undone_vote_does_not_count(project, provider):
    study = create(project, *models(provider))
    prefer_tuned(study)
    last = study.undo()
    assert study.waiting == [last]
    study.vote(last, "bad")
    result = study.reveal().to_json()
    assert (result["wins"], result["both_bad"]) == (11, 1)


def test_a_vote_that_is_sent_twice_counts_once(project, provider):
    study = create(project, *models(provider))
    for _ in range(3):
        study.vote(1, "left", session="s", seq=1)
    assert len(study.ledger.rows()) == 1


def test_two_raters_have_sides_of_their_own_and_vote_at_once(project, provider):
    ann = create(project, *models(provider))
    ben = Study(project, ann.path, "ben")
    assert [pair["left"] for pair in ann.page()] != [pair["left"] for pair in ben.page()]
    for one, two in zip(ann.waiting, ben.waiting, strict=True):
        ann.vote(one, "tie")
        ben.vote(two, "left" if is_tuned(next(p for p in ben.page() if p["id"] == two)["left"]) else "right")
    result = ann.reveal()
    assert len(result.votes()) == 24
    assert result.raters == ["ann", "ben"]


def test_a_rule_that_votes_is_named_and_no_person_is_claimed(project, provider):
    study = create(project, *models(provider))
    judge(study, "the longer answer", lambda left, right, _: "left" if len(left) > len(right) else "right")
    result = study.reveal()
    assert result.to_json()["judged_by"] == ["rule: the longer answer"]
    assert result.sentence.endswith("Judged by rule: the longer answer; no person judged.")


def test_identical_answers_and_failures_are_no_pairs_and_are_told(project, written):
    def answer(model, text):
        number = int(text.split()[-1])
        if number == 1:
            return "the same"
        if number == 2 and model == "small":
            return Answer(model=model, text="", finish_reason="error", error="away")
        return f"{model}: {text}"

    study = create(project, *models(written(answer=answer)))
    assert study.content["n"] == 10
    assert study.content["leftOut"] == {"no answer from one of the models": [2]}
    assert "1 pairs have identical answers and count as ties without a vote" in study.notes()


def changed(path, change):
    content = archive.load(path)
    change(content)
    archive.rewrite(path, content)


CHANGES = {
    "an answer": lambda c: c["pairs"][0]["answers"].__setitem__(0, "better words"),
    "the level": lambda c: c.update(alpha=0.2),
    "the mode": lambda c: c.update(mode="sequential"),
    "a pair": lambda c: c["pairs"].pop(),
    "the models": lambda c: c["contestants"].reverse(),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_study_that_was_changed_before_the_reveal_is_noticed(project, provider, what):
    study = create(project, *models(provider))
    changed(study.path, CHANGES[what])
    with pytest.raises(StudyError, match="changed after"):
        open_study(project, study.path)


@pytest.mark.parametrize("what", CHANGES)
def test_a_study_that_was_changed_after_the_reveal_is_noticed(project, provider, what):
    study = create(project, *models(provider))
    prefer_tuned(study)
    study.reveal()
    changed(study.path, CHANGES[what])
    with pytest.raises(StudyError, match="changed after"):
        study.reveal()


def test_a_side_that_is_turned_after_the_reveal_is_noticed(project, provider):
    study = create(project, *models(provider))
    prefer_tuned(study)
    study.reveal()
    changed(study.path, lambda c: c["reveal"]["raters"]["ann"]["sides"][0].update(tunedLeft=None))
    with pytest.raises(StudyError, match="changed after"):
        study.reveal()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"left"', '"right"', 1),
        lambda text: "".join(text.splitlines(keepends=True)[1:]),
        lambda text: "".join(text.splitlines(keepends=True)[:-1]),
        lambda text: "".join(reversed(text.splitlines(keepends=True))),
    ],
)
def test_votes_that_were_changed_after_the_reveal_are_noticed(project, provider, change):
    study = create(project, *models(provider))
    for pair in study.page():
        study.vote(pair["id"], "left")
    study.reveal()
    study.ledger.path.write_text(change(study.ledger.path.read_text("utf-8")), "utf-8")
    with pytest.raises(StudyError, match="changed after"):
        Study(project, study.path).reveal()


def test_a_vote_that_was_changed_before_the_reveal_is_noticed(project, provider):
    study = create(project, *models(provider))
    for pair in study.page():
        study.vote(pair["id"], "left")
    text = study.ledger.path.read_text("utf-8")
    study.ledger.path.write_text(text.replace('"left"', '"tie"', 1), "utf-8")
    with pytest.raises(StudyError, match="a vote of ann on example"):
        Study(project, study.path).reveal()


VOTER = """
import sys
from pathlib import Path
from aitelier_nb.evaluation.studies import Study
from aitelier_nb.storage.project import open_project
study = Study(open_project(sys.argv[1]), Path(sys.argv[2]))
for example_id in study.waiting:
    study.vote(example_id, "left")
    print(example_id, flush=True)
sys.stdin.read()
"""


def test_a_kill_in_the_middle_loses_no_vote(project, provider):
    study = create(project, *models(provider))
    command = [sys.executable, "-c", VOTER, str(project.path), str(study.path)]
    environment = os.environ | {"AITELIER_RATER": "ann"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as voter:
        said = [int(voter.stdout.readline()) for _ in range(7)]
        voter.send_signal(signal.SIGKILL)
        said += [int(line) for line in voter.stdout.readlines()]
    assert set(said) <= set(study.choices())


def test_a_line_that_a_crash_has_cut_is_no_vote_and_harms_no_other(project, provider):
    study = create(project, *models(provider))
    study.vote(1, "left")
    with study.ledger.path.open("ab") as file:
        file.write(b'{"kind": "vote", "id": 2, "cho')
    again = Study(project, study.path)
    again.vote(3, "tie")
    assert Study(project, study.path).choices() == {1: "left", 3: "tie"}
    again.reveal()
