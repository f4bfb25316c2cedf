"""`evaluate` and `compare` as a cell and a command call them."""

import json
import sys
from types import SimpleNamespace

import pytest

import aitelier_nb as ait
from aitelier_nb import commands
from aitelier_nb.errors import EvaluationError, UsageError
from aitelier_nb.providers import base
from aitelier_nb.schema import Run
from aitelier_nb.storage.project import now


@pytest.fixture
def asked(project, written, monkeypatch):
    """Return the project with a completed run at a provider of this test, and that provider."""
    provider = written("written")
    provider.costs_money = False
    monkeypatch.setitem(base.BUILT_IN, "written", "written_here")
    monkeypatch.setitem(sys.modules, "written_here", SimpleNamespace(create=lambda settings: provider))
    project.change_config(lambda raw: raw.update(provider="written", model="small"))
    add_run(project, "job-1", "small-tuned")
    return project, provider


def add_run(project, job, model):
    run = {"jobId": job, "provider": "written", "startedAt": now(), "status": "completed", "modelId": model}
    project.add_run(Run.model_validate(run))


def test_evaluate_shows_answers_checks_and_takes_scores(asked):
    project, _ = asked
    found = ait.evaluate(checks=["contains:tuned", "length:300"], project=project)
    assert found.path.name.startswith("eval-v1-")
    assert found.summary()["tuned"]["rate"] == 1
    assert found.summary()["base"]["rate"] == 0
    place = found.scores.slots.index((3, "tuned"))
    found._take({"kind": "score", "value": 9, "position": place, "session": "s", "seq": 1})
    told = found.to_json()
    assert told["scores"]["contestants"]["tuned"]["mean"] == 9
    assert {"id", "model", "text", "finish_reason"} <= set(told["answers"][0])
    json.dumps(told)


def test_the_scoring_widget_goes_on_where_scoring_stopped(asked):
    project, _ = asked
    found = ait.evaluate(project=project)
    found.scores.score(found.scores.slots[0], 7)
    assert ait.evaluate(project=project).widget()._start == 1
    assert "1 answer scored by ann" in ait.evaluate(project=project).notes()


def test_a_bad_answer_becomes_an_unrated_example_and_its_question_stays_held_out(asked):
    project, _ = asked
    found = ait.evaluate(project=project)
    before = len(project.dataset)
    found._take({"kind": "example", "position": 0, "session": "s", "seq": 1})
    assert len(project.dataset) == before + 1
    added = list(project.dataset.examples())[-1]
    assert (added.rating, added.source["evaluation"]) == (None, found.path.name)


def test_a_second_version_lists_what_got_worse_first(asked):
    project, provider = asked
    ait.evaluate(checks=["contains:tuned"], project=project)
    add_run(project, "job-2", "small-tuned-2")
    provider._answer = lambda model, text: "plain" if text.endswith((" 3", " 4")) else f"{model} {text}"
    again = ait.evaluate(checks=["contains:tuned"], project=project)
    assert again.path.name.startswith("eval-v2-")
    assert again.notes()[0].endswith(": 2 worse (3, 4), 0 better")
    assert [change.id for change in again.regressions().changes] == [3, 4]
    assert len(again.history().rows()) == 4


def test_compare_votes_by_widget_place_and_reveals(asked):
    project, _ = asked
    blind = ait.compare(project=project)
    for place, pair in enumerate(blind.study.page()):
        key = "left" if "tuned" in pair["left"] else "right"
        blind._take({"kind": "vote", "choice": key, "position": place, "session": "s", "seq": place})
    assert blind._take({"kind": "undo", "of": 3, "session": "s", "seq": 90}) == {"voted": 11}
    blind.vote(blind.study.waiting[0][0], "tie")
    result = blind.reveal()
    assert (result.counts.wins, result.counts.ties) == (11, 1)
    assert ait.compare(project=project).headline() == result.sentence


def test_compare_of_two_named_models_has_a_path_and_refuses_nothing_to_compare(asked):
    project, _ = asked
    assert ait.compare(base="small", tuned="other", confirm=True, project=project).path.exists()
    with pytest.raises(EvaluationError, match="all identical"):
        ait.compare(base="small", tuned="small", project=project)


def test_a_judge_is_asked_by_name_and_told_apart(asked):
    project, provider = asked
    blind = ait.compare(project=project)
    provider._answer = lambda model, text: "1"
    found = blind.judge("judge").judged("judge")
    assert found.orders.ties == 12
    assert "uncalibrated" in found.headline()


def test_the_command_compares_and_reveals(asked, monkeypatch):
    project, _ = asked
    monkeypatch.chdir(project.path)
    blind = commands.run(["eval", "--compare", "--sequential", "--repeats", "2"])
    assert blind.study.content["mode"] == "sequential"
    assert len(blind.study.slots) == 14
    told = commands.run(["eval", "--compare", "--sequential", "--repeats", "2", "--reveal"]).to_json()
    assert told["outcome"] == "not shown"
    json.dumps(told)


@pytest.mark.parametrize("words", [["--reveal"], ["--judge", "m"], ["--compare", "--check", "exact"]])
def test_options_that_do_not_go_together_are_refused(asked, monkeypatch, words):
    project, _ = asked
    monkeypatch.chdir(project.path)
    with pytest.raises(UsageError):
        commands.run(["eval", *words])


@pytest.mark.parametrize("check", ["rouge", "length:long", "regex:"])
def test_a_check_that_is_none_is_refused_with_those_that_are(asked, check):
    project, _ = asked
    with pytest.raises(EvaluationError) as refused:
        ait.evaluate(checks=[check], project=project)
    assert "regex:PATTERN" in refused.value.hint
