import json
import os
import signal
import subprocess
import sys

import pytest

from aitelier_nb.errors import StudyError
from aitelier_nb.evaluation import archive, sides
from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.designs import create, judge, open_study
from aitelier_nb.evaluation.studies import Study
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
    first.vote_at(0, "tie")
    again = create(project, *models(provider))
    assert again.path == first.path
    assert again.page() == first.page()
    assert len(again.waiting) == 11


def test_neither_study_nor_votes_tell_who_stands_left_before_the_reveal(project, provider):
    study = create(project, *models(provider))
    study.vote_at(0, "left")
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
    assert study.waiting == [(last, False)]
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
    for place in range(12):
        ann.vote_at(place, "tie")
        ben.vote_at(place, "left" if is_tuned(ben.page(place, 1)[0]["left"]) else "right")
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
    assert "1 pair with identical answers, left out of the vote" in study.notes()


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
from aitelier_nb.evaluation.designs import create, judge, open_study
from aitelier_nb.evaluation.studies import Study
from aitelier_nb.storage.project import open_project
study = Study(open_project(sys.argv[1]), Path(sys.argv[2]))
for example_id, _ in study.waiting:
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


def test_a_repeated_pair_comes_last_with_its_sides_swapped_and_counts_for_steadiness_only(project, provider):
    study = create(project, *models(provider), repeats=3)
    pages = study.page()
    assert len(pages) == 15
    for pair in pages[12:]:
        first = next(other for other in pages if other["id"] == pair["id"])
        assert (first["left"], first["right"]) == (pair["right"], pair["left"])
    for place, pair in enumerate(pages):
        study.vote_at(place, "left" if is_tuned(pair["left"]) and place < 13 else "right")
    result = study.reveal()
    assert result.counts.n == 12
    assert set(result.repeats()) == {"ann"}


def test_a_rater_who_always_takes_the_left_answer_turns_every_repeat_around(project, provider):
    study = create(project, *models(provider), repeats=4)
    for place in range(16):
        study.vote_at(place, "left")
    result = study.reveal()
    assert result.repeats()["ann"].flip_rate == 1
    assert result.to_json()["sides"] == [[6, 0], [0, 6]]
    assert result.to_json()["position_p"] == pytest.approx(1 / 462)


def test_a_sequential_study_says_when_to_stop_and_never_who_leads(project, provider):
    study = create(project, *models(provider), mode="sequential")
    for place, pair in enumerate(study.page(0, 8)):
        assert not study.enough
        study.vote_at(place, "left" if is_tuned(pair["left"]) else "right")
    assert study.enough
    assert "The evidence suffices: you may reveal now." in study.notes()
    assert not any("tuned" in note for note in study.notes())


def test_an_undo_that_is_sent_twice_takes_back_one_vote(project, provider):
    study = create(project, *models(provider))
    for seq in (1, 2):
        study.vote_at(seq, "left", session="s", seq=seq)
    for _ in range(2):
        study.undo(2, session="s", seq=3)
    assert len(study.standing()) == 1


def test_a_rules_votes_are_set_aside_when_a_person_votes(project, provider):
    study = create(project, *models(provider))
    judge(study, "base wins", lambda left, right, _: "right" if is_tuned(left) else "left")
    prefer_tuned(study)
    result = study.reveal()
    assert (result.counts.wins, result.counts.losses) == (12, 0)
    assert "rule: base wins voted too; its votes are in none of these numbers" in result.notes()


def test_a_deleted_example_leaves_its_pair_in_the_study(project, provider):
    study = create(project, *models(provider))
    project.dataset.delete(3)
    assert next(pair for pair in study.page() if pair["id"] == 3)["messages"] == []


def test_before_the_first_vote_one_is_told_that_five_can_never_do(make_project, provider):
    with make_project("five", 8, 5) as project:
        study = create(project, *models(provider))
        assert study.notes() == ["5 votes can never show a difference, whatever they are: 6 is the least."]


def test_two_processes_voting_at_once_lose_no_vote(project, provider):
    study = create(project, *models(provider))
    command = [sys.executable, "-c", VOTER, str(project.path), str(study.path)]
    voters = []
    for rater in ("ann", "ben", "cleo"):
        environment = os.environ | {"AITELIER_RATER": rater}
        voters.append(
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment)
        )
    for voter in voters:
        assert voter.wait() == 0
    assert [len(Study(project, study.path, rater).choices()) for rater in ("ann", "ben", "cleo")] == [12] * 3
    Study(project, study.path).reveal()


def test_decided_votes_go_out_as_pairs_of_validation_and_into_no_training_file(project, provider, tmp_path):
    import aitelier_nb as ait
    from aitelier_nb.errors import DataError
    from aitelier_nb.tuning import training_files

    study = create(project, *models(provider))
    prefer_tuned(study)
    with pytest.raises(DataError, match="no revealed blind comparison"):
        ait.export("preference", tmp_path / "votes.jsonl", votes=True, project=project)
    study.reveal()
    made = ait.export("preference", tmp_path / "votes.jsonl", provider="trl", votes=True, project=project)
    rows = [json.loads(line) for line in (tmp_path / "votes.jsonl").read_bytes().splitlines()]
    assert len(rows) == 12
    assert all(is_tuned(row["chosen"][0]["content"]) for row in rows)
    assert "train no model of this project on them" in " ".join(made.notes())
    assert training_files.build(project, "openai", kind="preference").train == ()
