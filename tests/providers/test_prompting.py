"""draft, ask and record: candidate answers, answers side by side, answers kept before a model goes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server import Server, status
from together_service import BASE, TogetherService

import aitelier_nb as ait
from aitelier_nb.errors import ConfirmationNeeded, DataError, UsageError
from aitelier_nb.storage.project import Project

CHAT = "POST /v1/chat/completions"
TUNED = "acct/Llama-x-1"


@pytest.fixture
def shop(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("TOGETHER_BASE_URL", server.url)
    monkeypatch.setenv("AITELIER_RATER", "tester")
    project = ait.init(
        "shop", provider="together", model=BASE, system_prompt="Be brief.", path=tmp_path / "shop"
    )
    yield project
    project.close()


def with_run(project: Project) -> None:
    run = {
        "jobId": "ft-1",
        "provider": "together",
        "startedAt": "2026-11-22T10:00:00.000Z",
        "status": "completed",
        "modelId": TUNED,
    }
    project.change_config(lambda config: config["runs"].append(run))


def messages(project: Project, example: int) -> list[tuple[str, Any]]:
    return [(turn.role, turn.content) for turn in project.dataset.get(example).messages]


def test_drafts_are_unrated_examples_with_their_origin(shop: Project, server: Server) -> None:
    told = ait.draft(["Where is it?", "How much?"], confirm=True, project=shop)
    assert told.to_json()["added"] == 2
    example = shop.dataset.get(told.drafted[0]["id"])
    assert messages(shop, example.id) == [
        ("system", "Be brief."),
        ("user", "Where is it?"),
        ("assistant", "Where is it?!"),
    ]
    assert example.rating is None
    assert example.source["model"] == BASE
    again = ait.draft(["Where is it?", "How much?"], confirm=True, project=shop)
    assert (again.to_json()["added"], again.to_json()["existed"]) == (0, 2)
    assert server.count(CHAT) == 2, "an answer is bought once"


def test_several_drafts_of_one_input_are_sampled(shop: Project, server: Server) -> None:
    told = ait.draft("Where is it?", n=3, confirm=True, project=shop)
    bodies = [request.json for request in server.requests(CHAT)]
    assert {body["temperature"] for body in bodies} == {0.8}
    assert {body["seed"] for body in bodies} == {0, 1, 2}
    assert "temperature 0.8" in told.notes()


def test_a_failed_draft_is_told_and_adds_nothing(shop: Project, server: Server) -> None:
    server.fail(CHAT, status(400, {"error": {"message": "too long"}}))
    told = ait.draft("Where is it?", confirm=True, project=shop)
    assert "too long" in told.failed_requests[0]
    assert told.failed()
    assert len(shop.dataset) == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("in.txt", "one\n\ntwo\n"),
        ("in.csv", "input,note\none,x\ntwo,y\n"),
        (
            "in.jsonl",
            '{"input": "one"}\n{"messages": [{"role": "user", "content": "two"}, {"role": "assistant", "content": "old"}]}\n',
        ),
    ],
)
def test_inputs_come_from_a_file(shop: Project, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    told = ait.draft(str(tmp_path / name), confirm=True, project=shop)
    assert [one["output"] for one in told.drafted] == ["one!", "two!"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.txt", None, "no such file"),
        ("in.jsonl", '{"input": "a"}\n{"inp', "in.jsonl:2: not JSON"),
        ("empty.txt", "\n", "no input"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    shop: Project, tmp_path: Path, name: str, content: str | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=words):
        ait.draft(str(tmp_path / name), confirm=True, project=shop)


def test_money_needs_a_yes(shop: Project, server: Server) -> None:
    for verb in (lambda: ait.draft("a", project=shop), lambda: ait.ask("a", project=shop)):
        with pytest.raises(ConfirmationNeeded, match="costs money"):
            verb()
    assert server.log == []


def test_base_and_tuned_stand_side_by_side_and_one_can_be_kept(shop: Project, server: Server) -> None:
    with_run(shop)
    replies = ait.ask("Where is it?", confirm=True, project=shop)
    assert list(replies.answers) == ["base", "tuned"]
    assert [answer.model for answer in replies.answers.values()] == [BASE, TUNED]
    assert "Where is it?!" in replies._repr_html_()
    kept = replies.keep("tuned", rating=9)
    example = shop.dataset.get(kept)
    assert (example.rating, example.source["model"]) == (9, TUNED)
    count = server.count(CHAT)
    ait.ask("Where is it?", confirm=True, project=shop)
    assert server.count(CHAT) == count, "what is recorded is not asked again"


def test_a_model_that_nobody_serves_says_so_beside_the_other(shop: Project, service: TogetherService) -> None:
    with_run(shop)
    service.served = False
    replies = ait.ask("Where is it?", confirm=True, project=shop)
    assert replies.answers["base"].text == "Where is it?!"
    assert "NotCallable" in (replies.answers["tuned"].error or "")
    with pytest.raises(DataError, match="no answer to keep"):
        replies.keep("tuned")
    with pytest.raises(UsageError, match="no answer of 'other'"):
        replies.keep("other")


def test_models_are_found_by_every_name_they_have(shop: Project, server: Server) -> None:
    with_run(shop)
    ait.ask("x", models=["ft-1"], confirm=True, project=shop)
    ait.ask("x", models=[TUNED, "together:acme/other", "acme/third"], confirm=True, project=shop)
    asked = [request.json["model"] for request in server.requests(CHAT)]
    assert sorted(asked) == sorted([TUNED, "acme/other", "acme/third"]), "asked at once, each of them once"


def test_an_empty_question_is_refused(shop: Project) -> None:
    with pytest.raises(DataError, match="the question is empty"):
        ait.ask("  ", system="", confirm=True, project=shop)


def test_recorded_answers_are_those_that_an_evaluation_asks_for(
    shop: Project, server: Server, tmp_path: Path
) -> None:
    with_run(shop)
    rows = [
        {
            "messages": [{"role": "user", "content": f"question {n}"}, {"role": "assistant", "content": "a"}],
            "rating": 9,
            "split": "val",
        }
        for n in range(3)
    ]
    shop.dataset.add(rows)
    told = ait.record(inputs=["one more"], confirm=True, project=shop)
    assert (told.kept, told.path) == (4, "data/recordings/together.jsonl")
    ait.record("base", confirm=True, project=shop)
    count = server.count(CHAT)
    evaluation = ait.evaluate(mode="replay", project=shop)
    assert evaluation.n == 3
    assert server.count(CHAT) == count


def test_the_terminal_asks_too(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from aitelier_nb import commands

    monkeypatch.chdir(shop.path)
    replies = commands.run(["ask", "--yes", "--model", "base"], body="Where is it?\n")
    assert json.loads(json.dumps(replies.to_json()))["answers"][0]["text"] == "Where is it?!"
    assert "base:" in replies.text()


def test_a_button_keeps_an_answer_with_the_rating_that_was_chosen(shop: Project) -> None:
    with_run(shop)
    replies = ait.ask("Where is it?", confirm=True, project=shop)
    base, tuned = replies.widget().children  # type: ignore[attr-defined]
    label, rating, button, told = tuned.children
    assert (label.value, button.description) == ("tuned", "keep as example")
    rating.value = "9"
    button.click()
    (example,) = shop.dataset.examples()
    assert told.value == f"kept as example {example.id}"
    assert (example.rating, example.source["model"]) == (9, TUNED)
    base.children[2].click()
    assert [one.rating for one in shop.dataset.examples()] == [9], "the same answer is the same example"
