"""What an evaluation does not do: take a plan that makes no sense, a vote on nothing, a study that somebody forged."""

from __future__ import annotations

import json

import pytest

from aitelier_nb.errors import EvaluationError, StudyError
from aitelier_nb.evaluation import contests, statistics
from aitelier_nb.evaluation.answers import Contestant, ask, prompt, validation
from aitelier_nb.evaluation.designs import create, open_study
from aitelier_nb.evaluation.evaluations import collect
from aitelier_nb.evaluation.measures import measure, rate
from aitelier_nb.evaluation.plans import committed
from aitelier_nb.evaluation.regressions import regressions
from aitelier_nb.evaluation.scores import Scores
from aitelier_nb.evaluation.studies import Study
from aitelier_nb.schema import Answer, Example, Parameters


def models(provider):
    return Contestant("base", provider, "small"), Contestant("tuned", provider, "big")


def revealed(project, provider):
    study = create(project, *models(provider))
    for place, pair in enumerate(study.page()):
        study.vote_at(place, "left" if pair["left"].startswith("big") else "right")
    study.reveal()
    return study, json.loads(study.path.read_bytes())


def turn_a_side(side):
    side["tunedLeft"] = not side["tunedLeft"]


def swap_the_answers(side):
    side["left"], side["right"] = side["right"], side["left"]


def another_answer(side):
    side["left"] = "0" * 64


@pytest.mark.parametrize(
    ("change", "told"),
    [(turn_a_side, "the sides of ann"), (swap_the_answers, "a vote of ann|the sides of ann"), (another_answer, "the answers to example")],
)  # fmt: skip
def test_who_forges_the_commitment_too_is_told_by_the_draw_the_answers_and_the_votes(
    project, provider, change, told
):
    study, content = revealed(project, provider)
    rater = content["reveal"]["raters"]["ann"]
    change(rater["sides"][3])
    made = committed(content, rater["salt"], rater["seed"], rater["sides"])
    content["commitments"]["ann"] = made
    study.path.write_text(json.dumps(content))
    with pytest.raises(StudyError, match=f"({told}).* changed after the fact"):
        Study(project, study.path).reveal()


def test_a_reveal_without_its_raters_or_its_plan_proves_nothing(project, provider):
    study, content = revealed(project, provider)
    without = {**content, "reveal": {**content["reveal"], "raters": {}}}
    study.path.write_text(json.dumps(without))
    with pytest.raises(StudyError, match="not on this machine"):
        Study(project, study.path).reveal()
    del content["alpha"]
    study.path.write_text(json.dumps(content))
    with pytest.raises((StudyError, EvaluationError)):
        Study(project, study.path).reveal()


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ({"mode": "endless"}, "no mode 'endless'"),
        ({"alpha": 1.0}, "alpha is 1.0"),
        ({"repeats": 13}, "13 of 12 pairs cannot be repeated"),
        ({"repeats": -1}, "-1 of 12 pairs"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(project, provider, plan, told):
    with pytest.raises(StudyError, match=told) as refused:
        create(project, *models(provider), **plan)
    assert refused.value.hint


def test_there_is_no_vote_on_what_is_not_there(project, provider):
    with pytest.raises(StudyError, match="no comparison yet"):
        open_study(project)
    study = create(project, *models(provider))
    for place in (-1, 12):
        with pytest.raises(StudyError, match=f"no pair at place {place}"):
            study.vote_at(place, "left")
    with pytest.raises(StudyError, match="'best' is no vote"):
        study.vote_at(0, "best")
    with pytest.raises(StudyError, match="no pair of example 99"):
        study.vote(99, "left")
    assert study.choices() == {}


def test_a_contest_tells_what_it_shows_only_after_the_reveal(project, provider):
    names = ["small", "medium", "large"]
    contest = contests.open_contest(project, [Contestant(name, provider, name) for name in names])
    for place in (-1, len(contest.slots)):
        with pytest.raises(StudyError, match="no pair at place"):
            contest.vote_at(place, "tie")
    assert (list(contest.columns()), contest.rows()) == ([], [])
    for place in range(len(contest.slots)):
        contest.vote_at(place, "tie")
    told = contest.headline()
    contest.reveal()
    assert told == "36 of 36 votes given by ann"
    assert contest.headline() != told
    assert len(contest.rows()) == 3
    assert len(contest.rows()[0]) == len(contest.columns())
    assert contest.notes() == contest.reveal().notes()


def test_contestants_that_answer_nothing_or_share_a_name_are_refused(project, written):
    silent = written(
        "silent", lambda model, text: Answer(model=model, text="", finish_reason="error", error="no")
    )
    with pytest.raises(StudyError, match="no example was answered by all"):
        contests.open_contest(project, [Contestant(name, silent, name) for name in ("a", "b", "c")])
    twins = [Contestant("one", silent, "a"), Contestant("one", silent, "b")]
    with pytest.raises(EvaluationError, match="two contestants have one label: one, one"):
        ask(project, twins, validation(project, None).examples, Parameters(), "auto")


def test_without_validation_nothing_is_asked_and_why_is_told(make_project):
    with make_project("bare", 4, 0) as bare, pytest.raises(EvaluationError, match="no validation example"):
        validation(bare, None)
    with make_project("low", 4, 2) as low:
        for example in low.dataset.examples():
            if example.split == "val":
                low.dataset.set_rating(example.id, 1)
        with pytest.raises(EvaluationError, match="all 2 are rated below 8"):
            validation(low, None)


def test_a_system_prompt_of_the_example_stands_before_what_a_contestant_brings():
    turns = [{"role": "system", "content": "own"}, {"role": "user", "content": "q"}]
    example = Example(id=1, messages=[*turns, {"role": "assistant", "content": "a"}])
    shots = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    assert prompt(example, shots) == [turns[0], *shots, turns[1]]
    joined = prompt(example, [{"role": "system", "content": "brought"}, *shots])
    assert joined == [{"role": "system", "content": "own\n\nbrought"}, *shots, turns[1]]


def test_scores_of_two_models_that_are_no_base_and_tuned_have_no_difference(project, provider):
    two = [Contestant("one", provider, "small"), Contestant("two", provider, "big")]
    scores = Scores(project, collect(project, two))
    nothing = scores.result()
    assert nothing.headline() == "0 answers scored by nobody"
    assert [row[2] for row in nothing.rows()] == ["", ""]
    scores.score(scores.slots[0], 2)
    found = scores.result()
    assert "paired" not in found.to_json()
    assert found.to_json()["agreement"] is None
    assert found.notes()[0] == "23 of 24 answers have no score yet"
    assert found.notes()[1].startswith("worst answers: ")


def test_a_check_that_one_evaluation_does_not_have_cannot_be_compared(project, provider):
    before = collect(project, [Contestant("base", provider, "small")], measures=[measure("exact")])
    now = collect(project, [Contestant("base", provider, "big")], measures=[measure("exact")])
    assert regressions(before, now, label="base").summary() == []
    with pytest.raises(EvaluationError, match="has no 'length' of 'base'"):
        regressions(before, now, name="length", label="base")


@pytest.mark.parametrize(
    ("word", "text", "value"),
    [
        ("json", '{"a": 1}', 1),
        ("json", "{", 0),
        ("length:3", "four", 0),
        ("contains:day", "a DAY", 1),
        ("regex:^a", "abc", 1),
        ("regex:^a", "cba", 0),
    ],
)
def test_a_check_may_be_a_word(word, text, value):
    example = Example(
        id=1, messages=[{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    )
    assert measure(word)(text, example) == value


@pytest.mark.parametrize("word", ["regex:", "contains:", "length:many", "exact:x", "json:x", "rouge"])
def test_a_word_that_is_no_check_is_told_with_those_that_are(word):
    with pytest.raises(EvaluationError, match="there is no check") as refused:
        measure(word)
    assert "regex:PATTERN" in refused.value.hint


def test_a_measure_of_ones_own_is_taken_as_it_is():
    class Own:
        name = "own"

        def __call__(self, text, example):
            return 1.0

        def to_json(self):
            return {"kind": "own"}

    own = Own()
    assert measure(own) is own
    assert measure(measure("exact")).to_json() == measure("exact").to_json()


def test_a_rate_of_values_between_has_students_interval_within_0_and_1():
    found = rate([0.5, 0.7, 0.9])
    assert found.rate == pytest.approx(0.7)
    assert found.interval == pytest.approx((0.203172, 1.0), abs=1e-6)
    assert rate([0.5, 0.5]).interval is None
    assert rate([0.5]).to_json() == {"rate": 0.5, "n": 1, "interval": None}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: statistics.judge_calibration([1, 0], [1]),
        lambda: statistics.adjust([0.5], "bonferroni"),
        lambda: statistics.adjust([1.5]),
        lambda: statistics.self_consistency([1, 2], [1]),
    ],
)
def test_numbers_that_do_not_go_together_are_refused_with_a_remedy(wrong):
    with pytest.raises(EvaluationError) as refused:
        wrong()
    assert refused.value.hint
