import json
import shutil
from pathlib import Path

import pytest

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation.answers import Contestant, prompt, validation
from aitelier_nb.evaluation.evaluations import collect, latest, ours
from aitelier_nb.evaluation.measures import measure
from aitelier_nb.interrupts import Interrupted
from aitelier_nb.schema import Answer, Example, Parameters


def contestants(provider):
    return [Contestant("base", provider, "small"), Contestant("tuned", provider, "small-tuned")]


def test_an_interrupt_counts_the_answers_of_all_contestants(project, provider, written):
    def answer(model, text):
        if text == "question 3":
            raise KeyboardInterrupt
        return text

    two = [Contestant("base", provider, "small"), Contestant("tuned", written("other", answer), "large")]
    with pytest.raises(Interrupted, match=r"^14 of 24 answers are kept; run it again for the other 10$"):
        collect(project, two)


def test_every_validation_example_is_asked_of_every_contestant(project, provider):
    found = collect(project, contestants(provider))
    assert [(row["id"], row["contestant"]) for row in found.answers] == [
        (number, label) for number in range(1, 13) for label in ("base", "tuned")
    ]
    assert found.answers[1]["text"] == "small-tuned says: question 1"


def test_the_prompt_is_the_history_up_to_the_last_answer():
    turns = [
        ("system", "s"),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
        ("assistant", "d"),
        ("user", "e"),
    ]
    example = Example(id=1, messages=[{"role": role, "content": text} for role, text in turns])
    assert [message["content"] for message in prompt(example)] == ["s", "a", "b", "c"]


def test_an_instruction_in_the_prompt_joins_the_system_message_of_the_example():
    example = Example(
        id=1,
        messages=[{"role": r, "content": t} for r, t in [("system", "s"), ("user", "a"), ("assistant", "b")]],
    )
    prefix = [
        {"role": "system", "content": "i"},
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": "y"},
    ]
    assert [(m["role"], m["content"]) for m in prompt(example, prefix)] == [
        ("system", "s\n\ni"), ("user", "x"), ("assistant", "y"), ("user", "a"),
    ]  # fmt: skip


def test_failures_truncations_and_refusals_are_rows_of_their_own(project, written):
    def answer(model, text):
        number = int(text.split()[-1])
        reasons = {1: "length", 2: "refusal", 3: "content_filter"}
        if number == 4:
            return Answer(model=model, text="", finish_reason="error", error="the service was away")
        return Answer(model=model, text="yes", finish_reason=reasons.get(number, "stop"))

    found = collect(
        project, [Contestant("base", written(answer=answer), "m")], measures=[measure(lambda text: True)]
    )
    assert found.counts("base") == {"answered": 11, "failed": 1, "truncated": 1, "refused": 2}
    assert len(found.answers) == 12
    assert found.summary()["base"]["n"] == 11
    assert "base: 1 failed, 1 truncated, 2 refused" in found.notes()


def test_answers_are_bought_once_and_the_same_evaluation_is_one_file(project, provider):
    first = collect(project, contestants(provider), measures=[measure("exact")])
    again = collect(project, contestants(provider), measures=[measure("exact")])
    assert again.path == first.path
    assert len(provider.asked) == 24


def test_a_file_is_never_overwritten(project, provider):
    first = collect(project, contestants(provider), version="v1")
    before = first.path.read_bytes()
    second = collect(project, contestants(provider), version="v1", parameters=Parameters(temperature=0.5))
    assert second.path.name == first.path.stem + "-2.json"
    assert first.path.read_bytes() == before
    assert latest(project).path == second.path


def test_the_file_says_what_was_asked_how_and_of_whom(project, provider):
    found = collect(project, contestants(provider), measures=[measure({"kind": "regex", "pattern": "says"})])
    content = json.loads(found.path.read_text("utf-8"))
    assert content["scale"] == [1, 10]
    assert content["examples"][0]["id"] == 1
    assert content["examples"][0]["createdAt"] == project.dataset.get(1).created_at
    assert content["dataset"]["fingerprint"] == project.dataset.fingerprint()
    assert content["parameters"] == {"temperature": 0.0, "max_tokens": 512, "seed": 0}
    assert [one["model"] for one in content["contestants"]] == ["small", "small-tuned"]
    assert found.summary()["base"]["pattern"]["rate"] == 1


def test_validation_rated_down_is_left_out_and_counted(project):
    project.dataset.set_rating(3, 5)
    asked = validation(project)
    assert 3 not in [example.id for example in asked.examples]
    assert asked.notes() == ["left out 1: rated below 8"]


def test_an_example_that_was_trained_on_is_refused(project):
    with pytest.raises(EvaluationError, match="example 20 is not in validation"):
        validation(project, [1, 20])


def test_a_stopped_evaluation_goes_on_where_it_was(project, written):
    class Stopped(Exception):
        pass

    calls = []

    def answer(model, text):
        calls.append(text)
        if len(calls) == 5:
            raise Stopped
        return "fine"

    provider = written(answer=answer)
    with pytest.raises(Stopped):
        collect(project, [Contestant("base", provider, "m")])
    collect(project, [Contestant("base", provider, "m")])
    assert len(calls) == 13


def test_a_broken_file_beside_it_stops_no_evaluation(project, provider):
    first = collect(project, contestants(provider))
    (project.evals_path / "eval-v0-2020-01-01.json").write_text('{"createdAt": "2020', "utf-8")
    assert collect(project, contestants(provider)).path == first.path
    assert latest(project).path == first.path


def test_files_of_the_ait_tool_stand_beside_ours_and_are_never_pooled(project, provider):
    fixture = Path(__file__).parents[1] / "fixtures" / "ts-a8-evaluated" / "data" / "evals"
    for path in fixture.glob("eval-*.json"):
        shutil.copy(path, project.evals_path)
    found = collect(project, contestants(provider))
    assert [one.path for one in ours(project)] == [found.path]
