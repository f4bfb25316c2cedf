import pytest

from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.designs import create
from aitelier_nb.evaluation.dialogue import choice, pair_text, score, take_scores, take_votes
from aitelier_nb.evaluation.evaluations import collect
from aitelier_nb.evaluation.scores import Scores
from aitelier_nb.schema import Answer
from aitelier_nb.verbs.evaluating import Scoring


def typed(*lines):
    waiting = list(lines)

    def read(prompt):
        if not waiting:
            raise EOFError
        return waiting.pop(0)

    return read


def test_votes_are_taken_line_by_line_and_kept(project, provider):
    study = create(project, Contestant("base", provider, "a"), Contestant("tuned", provider, "b"))
    shown = []
    left = take_votes(study, typed("1", "2", "0", "b", "u", "x", "q"), shown.append)
    assert left == 9
    assert sorted(study.choices().values()) == ["left", "right", "tie"]
    assert "'x' is none of 1, 2, 0, b, u, q" in shown
    assert len([text for text in shown if text.startswith("── 4 of 12 ──")]) == 2  # once more after the undo


def test_the_end_of_the_input_stops_and_the_next_time_goes_on(project, provider):
    study = create(project, Contestant("base", provider, "a"), Contestant("tuned", provider, "b"))
    assert take_votes(study, typed("1"), print) == 11
    assert take_votes(study, typed(*["0"] * 11), print) == 0
    assert any(note.startswith("You voted on every pair") for note in study.notes())


def test_scores_are_taken_line_by_line_and_may_be_skipped(project, provider):
    scores = Scores(project, collect(project, [Contestant("tuned", provider, "b")]))
    shown = []
    assert take_scores(scores, typed("9", "s", "11", "10", "q"), shown.append) == 10
    assert sorted(scores.standing().values()) == [9, 10]
    assert "'11' is none of 1 to 10, e, u, s, q" in shown


def test_a_bad_answer_becomes_an_example_by_one_key(project, provider):
    found = Scoring(project, collect(project, [Contestant("tuned", provider, "b")]))
    shown, before = [], len(project.dataset)
    take_scores(found.scores, typed("e", "2", "q"), shown.append, lambda slot: found.keep(*slot))
    assert len(project.dataset) == before + 1
    assert f"example {before + 1}, unrated: `ait rate` takes it up" in shown
    kept, slot = project.dataset.get(before + 1), found.scores.slots[0]
    assert kept.output == found.scores.row(slot)["actual"]
    assert kept.source["example"] == slot[0]
    assert found.keep(*slot) == before + 1
    assert f"worst answers: {slot[0]} (tuned: 2); `.keep(id, contestant)`" in found.notes()[-1]


def test_answers_that_were_cut_or_refused_are_voted_on_and_told_by_contestant_at_the_reveal(project, written):
    def answer(model, text):
        ends = {"question 3": "length", "question 4": "refusal"} if model == "b" else {}
        return Answer(model=model, text=f"{model} {text}", finish_reason=ends.get(text, "stop"))

    provider = written("written", answer)
    study = create(project, Contestant("base", provider, "a"), Contestant("tuned", provider, "b"))
    assert "1 answer cut off at the token limit, shown as it is" in study.notes()
    assert '"length"' in study.path.read_text("utf-8")
    assert take_votes(study, typed(*["0"] * 12), print) == 0
    result = study.reveal()
    assert result.to_json()["unfinished"] == {"base": {}, "tuned": {"length": 1, "refusal": 1}}
    assert {"tuned: 1 answer cut off at the token limit", "tuned: 1 answer refused"} <= set(result.notes())


@pytest.mark.parametrize(("line", "meant"), [(" B ", "bad"), ("1", "left"), ("3", None), ("", None)])
def test_a_line_means_a_vote_or_nothing(line, meant):
    assert choice(line) == meant


@pytest.mark.parametrize(("line", "meant"), [("10", 10), ("0", None), ("7.5", None), ("²", None)])
def test_a_line_means_a_score_or_nothing(line, meant):
    assert score(line) == meant


def test_an_answer_cannot_drive_the_terminal():
    text = pair_text({"messages": [], "left": "\x1b[2Jgone", "right": "a\nb"}, 1, 2, "Which?")
    assert "\x1b" not in text
    assert "a\nb" in text
