import json
import os
import subprocess
import sys
from pathlib import Path

from aitelier_nb.evaluation.answers import Contestant
from aitelier_nb.evaluation.contests import open_contest
from aitelier_nb.evaluation.designs import create
from aitelier_nb.evaluation.evaluations import latest
from aitelier_nb.evaluation.scores import Scores
from aitelier_nb.reports import markdown, page
from aitelier_nb.reports.facts import encode, gather
from aitelier_nb.storage.project import Project
from tests.reports.conftest import Gardener, with_answers

SCRIPT = "import sys; from pathlib import Path; from aitelier_nb.reports.facts import *; from aitelier_nb.storage.project import open_project; sys.stdout.buffer.write(encode(gather(open_project(Path(sys.argv[1])))))"


def test_the_facts_are_those_of_the_files(project: Project):
    facts = gather(project)
    assert facts["schema"] == 1
    assert facts["data"]["total"] == 40
    assert sum(facts["data"]["histogram"].values()) == 40
    assert facts["data"]["rewrites"]["n"] == 2
    assert facts["data"]["sources"] == {"written for this test": 40}
    assert facts["split"]["val"] == 10
    assert facts["split"]["train"] == 30
    assert facts["training"]["runs"][0]["trained_on"] == 6
    assert facts["environment"]["torch"] == "2.13.0"


def test_sources_that_are_told_by_keys_are_said_in_words(project: Project):
    source = {"kind": "draft", "provider": "local", "model": "small", "finishReason": "stop"}
    rows = [{**source, "finishReason": "length"}, source, {"rejected": "no " * 500}, {"page": 3}]
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    project.dataset.add(
        {"messages": [*turns, {**turns[0], "content": str(n)}, turns[1]], "source": one}
        for n, one in enumerate(rows)
    )
    assert gather(project)["data"]["sources"] == {
        "written for this test": 40,
        "drafted by small (local)": 2,
        "imported with a worse answer": 1,
        '{"page": 3}': 1,
    }


def test_a_run_on_pairs_says_so_and_its_settings_have_the_names_that_train_takes(project: Project):
    facts = gather(project)
    [run] = facts["training"]["runs"]
    run |= {"kind": "preference", "losses": [[1, 0.69], [2, 0.4]]}
    run["resolved"] = {"loraR": 8, "epochs": None, "microBatchSize": None, "earlyStopping": False}
    text = markdown.render(facts)
    for row in ("lora_r | 8", "epochs | 3", "micro_batch_size | not set", "early_stopping | no"):
        assert f"| {row} |" in text.replace("\\_", "_"), row
    assert "Loss, nats per pair" in text
    assert "preferred and another answer" in text


def test_a_report_without_an_evaluation_gives_no_verdict(project: Project):
    verdict = gather(project)["verdict"]
    assert verdict["outcome"] == "none"
    assert "not evaluated yet" in verdict["sentence"]


def test_answers_without_a_check_are_told_as_answers_that_nobody_judged(project: Project):
    with_answers(project)
    facts = gather(project)
    assert facts["verdict"]["sentence"].endswith(
        "base and tuned answered 10 held-out examples, not scored or compared yet."
    )
    assert "not evaluated" not in page.render(facts)


def test_a_later_look_without_a_check_or_an_end_takes_neither_rates_nor_verdict_away(compared: Project):
    before = gather(compared)
    with_answers(compared)
    gardener = Gardener()
    both = [Contestant(name, gardener, name) for name in ("base", "tuned")]
    again = create(compared, *both, repeats=1)
    again.vote_at(0, "tie")
    again.reveal()
    facts = gather(compared)
    assert facts["verdict"] == before["verdict"]
    assert facts["evaluation"]["tuned"]["rate"] == before["evaluation"]["tuned"]["rate"]
    assert [study["stopped_early"] for study in facts["comparisons"]] == [False, True]
    assert any("2 comparisons, each a look" in limit for limit in facts["limits"])


def test_more_than_two_contestants_are_told_with_tests_held_for_all_pairs(project: Project):
    gardener = Gardener()
    three = [Contestant(name, gardener, name) for name in ("base", "early", "tuned")]
    gardener.answer = lambda model, number: f"{model}: water plant {number}"
    contest = open_contest(project, three, version="v1")
    for place, pair in enumerate(contest.page()):
        contest.vote_at(place, "left" if pair["left"] > pair["right"] else "right")
    contest.reveal()
    facts = gather(project)
    assert [row["label"] for row in facts["contests"][0]["contestants"]] == ["base", "early", "tuned"]
    assert facts["verdict"]["sentence"] == facts["contests"][0]["sentence"]
    assert "shown: early over base, tuned over base, tuned over early" in facts["verdict"]["sentence"]
    assert "Strengths by Bradley and Terry, base at 0" in page.render(facts)


def test_a_validation_example_that_was_trained_on_is_named(project: Project):
    project.change_run("local-0a1b2c3d", aitelier_nb={"trainIds": "1-8"})
    assert gather(project)["split"]["leaks"]["runs"] == [{"job_id": "local-0a1b2c3d", "ids": [4, 8]}]


def test_a_question_of_validation_that_is_asked_in_train_too_is_named(project: Project):
    twin = project.dataset.get(4)
    messages = [message.to_json() for message in twin.messages]
    messages[1]["content"] = messages[1]["content"].upper()
    [added] = project.dataset.add([{"messages": messages, "rating": 9, "split": "train"}])
    assert gather(project)["split"]["leaks"]["duplicates"] == [added.id]


def test_scores_of_the_ait_tool_are_shown_on_their_own_scale(evaluated: Project):
    [scored, compared] = gather(evaluated)["scores"]
    assert compared["scale"] == [1, 5]
    assert [row["mean"] for row in compared["rows"]] == [3.6666666666666665, 4.333333333333333]
    assert scored["rows"][0]["rate"] == 0.75


def test_scores_of_a_person_give_means_and_the_lowest_answers(compared: Project):
    evaluation = latest(compared)
    scores = Scores(compared, evaluation, rater="Ada")
    for place, (example_id, label) in enumerate(scores.slots):
        score = 9 if label == "tuned" and example_id % 12 else 3
        scores.score((example_id, label), score, session="s", seq=place)
    facts = gather(compared)
    rows = {row["model"]: row for row in facts["scores"][-1]["rows"]}
    assert (rows["base"]["mean"], rows["tuned"]["mean"]) == (3.0, 7.2)
    assert facts["scores"][-1]["paired"]["mean"] == 4.2
    assert [row["id"] for row in facts["evidence"]["worst"]] == [12, 24, 36]
    assert facts["evidence"]["worst"][0]["told"] == "scored 3 of 10"
    assert "Scored by | Ada" in markdown.render(facts)


def test_equal_files_give_equal_bytes_in_another_place_zone_locale_and_hash_seed(
    project: Project, tmp_path: Path
):
    here = encode(gather(project))
    project.close()
    for place, (zone, locale, seed, umask) in enumerate(
        (("Asia/Tokyo", "C", "1", 0o077), ("America/Lima", "tr_TR.UTF-8", "77", 0o002))
    ):
        elsewhere = tmp_path / f"place {place}" / "über"
        elsewhere.parent.mkdir()
        project.path.rename(elsewhere)
        environment = {**os.environ, "TZ": zone, "LC_ALL": locale, "PYTHONHASHSEED": seed}
        made = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(elsewhere)],
            env=environment,
            umask=umask,
            capture_output=True,
            check=True,
        )
        assert made.stdout == here
        elsewhere.rename(project.path)


def test_a_lone_surrogate_and_a_control_character_survive_in_the_values():
    text = "half \ud83d of \x00 it"
    assert json.loads(encode({"text": text}).decode("utf-8")) == {"text": text}
