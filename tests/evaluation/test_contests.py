"""More than two contestants: one blind list, every pair meets on every example, strengths at the reveal."""

import json
import sys
from collections import Counter
from types import SimpleNamespace

import pytest

import aitelier_nb as ait
from aitelier_nb import commands
from aitelier_nb.errors import StudyError, UsageError
from aitelier_nb.evaluation import contests, dialogue
from aitelier_nb.providers import base
from aitelier_nb.schema import Answer

NAMES = ["small", "medium", "large"]


@pytest.fixture
def shop(project, written, monkeypatch):
    provider = written("written")
    provider.costs_money = False
    monkeypatch.setitem(base.BUILT_IN, "written", "written_here")
    monkeypatch.setitem(sys.modules, "written_here", SimpleNamespace(create=lambda settings: provider))
    project.change_config(lambda raw: raw.update(provider="written", model="small"))
    return project, provider


def rank(text):
    return NAMES.index(text.split()[0])


def prefer_larger(blind):
    for place, pair in enumerate(blind.study.page()):
        blind.vote_at(place, "left" if rank(pair["left"]) > rank(pair["right"]) else "right")


def test_three_models_are_voted_on_in_one_list_and_get_strengths_and_held_tests(shop):
    project, _ = shop
    blind = ait.compare(models=NAMES, project=project)
    assert Counter(example for _, (example, _) in blind.study.slots) == dict.fromkeys(range(1, 13), 3)
    assert len({place for place, _ in blind.study.slots[:9]}) > 1
    page = blind.study.page()
    assert set(page[0]) == {"id", "messages", "left", "right", "choice"}
    for place, pair in enumerate(page):  # medium is preferred to small 9 times of 12, large to both 10
        names = {pair["left"].split()[0], pair["right"].split()[0]}
        against = pair["id"] <= (3 if names == {"small", "medium"} else 2)
        wanted = min if against else max
        better = wanted((pair["left"], pair["right"]), key=rank)
        blind.vote_at(place, "left" if better == pair["left"] else "right")
    league = blind.reveal()
    assert league.wins == [[0, 3, 2], [9, 0, 2], [10, 10, 0]]
    assert league.labels == NAMES
    told = league.to_json()
    assert [row["strength"] is not None for row in told["contestants"]] == [True] * 3
    assert all(test["p_holm"] >= test["p"] for test in told["tests"])
    assert "no difference is shown" in league.headline()
    assert ait.compare(models=NAMES, project=project).headline() == league.headline()
    assert [league.to_json() for _, league in contests.results(project)] == [told]
    json.dumps(told)


def test_what_every_vote_says_is_shown_and_a_model_without_a_loss_has_no_strength(shop):
    project, _ = shop
    blind = ait.compare(models=NAMES, project=project)
    prefer_larger(blind)
    league = blind.reveal()
    assert league.headline().endswith("; shown: medium over small, large over small, large over medium")
    assert "large won or lost all that links it to small: no strength" in league.notes()


def test_the_list_goes_on_where_it_stopped_and_undo_takes_the_latest_vote_of_all_pairs(shop):
    project, _ = shop
    blind = ait.compare(models=NAMES, project=project)
    assert contests.results(project) == [(blind.path, None)]
    for place in range(5):
        key = {"kind": "vote", "choice": "tie", "position": place, "session": "s", "seq": place}
        blind._take(key)
    again = ait.compare(models=NAMES, project=project)
    assert again.path == blind.path
    assert again.study.page() == blind.study.page()
    assert again.study.next_place == 5
    assert blind._take({"kind": "undo", "of": 2, "session": "s", "seq": 9}) == {"voted": 4}
    assert again.study.next_place == 2
    again.undo()
    assert again.study.next_place == 2
    assert again.study.slots[4] in again.study.waiting
    assert "no difference is shown" in again.reveal().headline()
    assert "planned votes not given" in again.reveal().notes()[0]


def test_an_example_that_one_model_did_not_answer_is_left_out_for_all(shop):
    project, provider = shop

    def answer(model, text):
        if model == "large" and text.endswith(" 4"):
            return Answer(model=model, text="", finish_reason="error", error="timed out")
        return f"{model} says {text}"

    provider._answer = answer
    blind = ait.compare(models=NAMES, project=project)
    assert {study.content["n"] for study in blind.studies} == {11}
    assert "left out 1: no answer from one of the models" in blind.notes()


def test_votes_are_taken_in_the_terminal_and_wrong_input_is_told(shop):
    project, _ = shop
    blind = ait.compare(models=NAMES, project=project)
    typed = iter(["x", "", "3", "1", "u", "u", "2", "0", "b", "q"])
    shown = []
    left = dialogue.take_votes(blind.study, lambda _: next(typed), shown.append)
    assert left == 33
    assert "'x' is none of 1, 2, 0, b, u, q" in shown
    assert shown.count("nothing to undo") == 1


def test_the_command_takes_names_and_reveals(shop, monkeypatch):
    project, _ = shop
    monkeypatch.chdir(project.path)
    blind = commands.run(["eval", "--compare", *NAMES])
    prefer_larger(blind)
    assert commands.run(["eval", "--compare", *NAMES, "--reveal"]).to_json()["anchor"] == "small"
    assert "medium is better than small" in commands.run(["eval", "--compare", *NAMES[:2]]).headline()
    assert commands.run(["eval", "--compare", "small", "other"]).headline().startswith("0 of 12 votes")
    with pytest.raises(UsageError, match="not two or more"):
        commands.run(["eval", "--compare", "small"])
    with pytest.raises(UsageError, match="does not go with"):
        ait.compare("small", models=NAMES, project=project)


def test_one_example_has_several_pairs_in_a_contest_so_a_vote_names_its_place(shop):
    project, _ = shop
    with pytest.raises(StudyError, match="3 pairs"):
        ait.compare(models=NAMES, project=project).vote(1, "left")
