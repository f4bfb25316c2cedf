import pytest

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.evaluations import collect
from aitelier_nb.evaluation.measures import measure
from aitelier_nb.evaluation.scores import Scores
from aitelier_nb.schema import Answer


@pytest.fixture
def evaluation(project, provider):
    models = [Contestant("base", provider, "small"), Contestant("tuned", provider, "small-tuned")]
    return collect(
        project, models, measures=[measure({"kind": "contains", "texts": ["tuned"], "name": "says so"})]
    )


def score_all(scores, of):
    for place, row in enumerate(scores.page()):
        scores.score(scores.slots[place], of(row["id"], scores.slots[place][1]))


def test_scores_give_a_mean_a_sendable_share_and_a_paired_difference(project, evaluation):
    scores = Scores(project, evaluation)
    score_all(scores, lambda example_id, label: 9 if label == "tuned" else 5 + example_id % 2)
    told = scores.result().to_json()
    assert told["contestants"]["tuned"]["mean"] == 9
    assert told["contestants"]["tuned"]["interval"] is None
    assert told["contestants"]["tuned"]["sendable"]["rate"] == 1
    assert told["contestants"]["base"]["distribution"]["6"] == 6
    assert told["paired"]["mean"] == 3.5
    assert told["paired"]["p_permutation"] == pytest.approx(2 / 2**12)
    assert told["mcnemar"]["difference"] == 1


def test_a_rater_sees_expected_and_actual_and_not_who_answered(project, evaluation):
    row = Scores(project, evaluation).page(0, 1)[0]
    assert row["expected"] == f"answer {row['id']}"
    assert set(row) == {"id", "messages", "expected", "actual", "score", "note", "checks"}
    assert row["checks"][0].startswith("says so: ")


def test_scoring_goes_on_where_it_stopped(project, evaluation):
    Scores(project, evaluation).score((3, "tuned"), 7)
    again = Scores(project, evaluation)
    assert len(again.waiting) == 23
    assert again.standing() == {(3, "tuned"): 7}


def test_the_order_mixes_contestants_and_stays(project, evaluation):
    slots = Scores(project, evaluation).slots
    assert slots == Scores(project, evaluation).slots
    assert slots != Scores(project, evaluation, "ben").slots
    assert len({label for _, label in slots[:8]}) == 2


@pytest.mark.parametrize("value", [0, 11, 7.5, "good", True, None])
def test_what_is_no_score_from_1_to_10_is_refused(project, evaluation, value):
    with pytest.raises(EvaluationError, match="is no score"):
        Scores(project, evaluation).score((1, "base"), value)


def test_an_answer_that_is_not_there_cannot_be_scored(project, evaluation):
    with pytest.raises(EvaluationError, match="no answer of other"):
        Scores(project, evaluation).score((1, "other"), 5)


def test_several_raters_give_the_lower_median_and_their_agreement(project, evaluation):
    for rater, value in (("ann", 9), ("ben", 6), ("cleo", 8), ("dan", 4)):
        Scores(project, evaluation, rater).score((1, "tuned"), value)
    result = Scores(project, evaluation).result()
    assert result.scores[1, "tuned"] == 6
    assert result.agreement().exact == 0


def test_an_undone_score_is_gone_and_one_sent_twice_counts_once(project, evaluation):
    scores = Scores(project, evaluation)
    for _ in range(2):
        scores.score((1, "tuned"), 9, session="s", seq=1)
    assert len(scores.ledger.rows()) == 1
    assert scores.undo(1, session="s", seq=2) == (1, "tuned")
    assert scores.undo(1, session="s", seq=2) is None
    assert scores.standing() == {}


def test_failed_answers_are_not_scored(project, written):
    def answer(model, text):
        if text.endswith(" 4"):
            return Answer(model=model, text="", finish_reason="error", error="away")
        return text

    found = collect(project, [Contestant("tuned", written(answer=answer), "m")])
    assert (4, "tuned") not in Scores(project, found).slots


def test_only_examples_that_both_have_a_score_are_paired(project, evaluation):
    scores = Scores(project, evaluation)
    for slot, value in {(1, "base"): 3, (1, "tuned"): 8, (2, "base"): 9}.items():
        scores.score(slot, value)
    assert scores.result().paired().mean == 5


def test_the_worst_answers_come_first_and_are_named(project, evaluation):
    scores = Scores(project, evaluation)
    scores.score((5, "tuned"), 2)
    scores.score((1, "tuned"), 9)
    assert scores.result().worst()[0] == (2, (5, "tuned"))
    assert scores.result().notes()[-1].startswith("worst answers: 5 (tuned: 2); ")


def test_examples_of_one_group_widen_the_interval(make_project, provider):
    with make_project("groups", 14, 12) as project:
        models = [Contestant("tuned", provider, "m")]
        scores = Scores(project, collect(project, models))
        score_all(scores, lambda example_id, label: 3 if example_id <= 6 else 9)
        alone = scores.result().of("tuned").interval
        content = dict(scores.evaluation.content)
        content["examples"] = [one | {"group": one["id"] <= 6} for one in content["examples"]]
        scores.evaluation.content = content
        grouped = scores.result().of("tuned").interval
        assert grouped[1] - grouped[0] > 1.5 * (alone[1] - alone[0])
