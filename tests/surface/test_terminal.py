"""The terminal: what people type, what comes back, and which exit code a script sees."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures"


def lines(path):
    return path.read_bytes().splitlines(keepends=True)


def test_a_project_from_the_first_word_to_the_training_files(ait, result):
    made = ait("init", "bot", "--system", "Be kind.")
    assert made.returncode == 0
    assert made.stdout.startswith("Project bot: 0 examples, 0 runs in ")
    assert "Next: `ait import FILE`" in made.stdout
    for number in range(6):
        (ait.folder / "in.txt").write_text(f"Question {number} on topic {number * 7}?", encoding="utf-8")
        (ait.folder / "out.txt").write_text(f"Answer {number}.", encoding="utf-8")
        assert ait("add", "--input", "in.txt", "--output", "out.txt", "--rating", "9").returncode == 0
    assert result("stats")["above_threshold"] == 6
    split = result("split")
    assert (split["train"], split["val"], split["moved"]) == (5, 1, 0)
    assert result("format", "--provider", "together")["train"] == 5
    assert result("check", "--provider", "together")["ok"]
    first = json.loads(lines(ait.folder / "data/train.jsonl")[0])
    assert list(first) == ["messages"]
    assert first["messages"][0] == {"role": "system", "content": "Be kind."}


def test_init_in_a_project_asks_nothing_and_shows_it_or_names_what_differs(ait):
    ait("init", "bot", "--system", "Be kind.", "--threshold", "7")
    again = ait("init", text="")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith("Project bot: 0 examples, 0 runs in ")
    other = ait("init", "--threshold", "9", text="")
    assert other.returncode == 1
    assert "a project is already here, and its quality threshold is 7, not 9" in other.stderr


def test_add_asks_for_input_and_then_output(ait, result):
    ait("init", "bot")
    assert ait("add", text="Hello?\nHello yourself.\n").returncode == 0
    [example] = result("list")["examples"]
    assert [turn["content"] for turn in example["messages"]] == ["Hello?", "Hello yourself."]


def test_a_conversation_of_several_turns_is_added_from_a_file(ait, result):
    ait("init", "bot")
    (ait.folder / "talk.txt").write_text(
        "User: one\nAssistant: two\nUser: three\nAssistant: four\n", encoding="utf-8"
    )
    assert ait("add", "--messages", "talk.txt").returncode == 0
    [example] = result("list")["examples"]
    assert [turn["role"] for turn in example["messages"]] == ["user", "assistant"] * 2


def test_rating_without_questions_and_the_rewrite_that_keeps_the_original(ait, result, project):
    assert ait("rate", "--id", 11, "--rating", 4).returncode == 0
    (project / "better.txt").write_text("A better answer.\n", encoding="utf-8")
    assert ait("rate", "--id", 11, "--rating", 9, "--rewrite", "better.txt").returncode == 0
    example = next(e for e in result("list")["examples"] if e["id"] == 11)
    assert example["messages"][-1]["content"] == "A better answer."
    assert example["originalOutput"] == "The amber parcel is on its way."
    assert example["rating"] == 9
    told = json.dumps(result("history", 11))
    assert "The amber parcel is on its way." in told
    assert '"rating": 4' in told


def test_rating_one_by_one_takes_what_is_typed(ait, result, project):
    done = ait("rate", text="7\nu\n9\ns\n")
    assert done.returncode == 0, done.stderr
    assert [e["rating"] for e in result("list")["examples"]][-2:] == [9, None]


def test_undo_and_delete_are_taken_back_one_after_the_other(ait, result, project):
    before = lines(project / "data/examples.jsonl")
    ait("delete", 3)
    ait("rate", "--id", 4, "--rating", 1)
    assert ait("undo").returncode == 0
    assert ait("undo").returncode == 0
    assert sorted(lines(project / "data/examples.jsonl")) == sorted(before)


def test_a_second_split_moves_nobody_and_a_reshuffle_asks(ait, result, project):
    result("split")
    sides = {e["id"]: e.get("split") for e in result("list")["examples"]}
    (project / "more.csv").write_text("input,output,rating\nNew question?,New answer.,9\n", encoding="utf-8")
    ait("import", "more.csv")
    result("split", "--ratio", "0.5")
    after = {e["id"]: e.get("split") for e in result("list")["examples"]}
    assert {name: after[name] for name, side in sides.items() if side} == {
        k: v for k, v in sides.items() if v
    }
    refused = ait("split", "--reshuffle")
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    assert ait("split", "--reshuffle", "--yes").returncode == 0


def test_nobody_in_validation_nor_a_duplicate_gets_into_the_training_file(ait, result, project):
    result("split")
    held = next(e for e in result("list", "--split", "val")["examples"])
    again = {
        "messages": [
            {**held["messages"][0], "content": held["messages"][0]["content"].upper() + "!"},
            {"role": "assistant", "content": "Another answer."},
        ],
        "rating": 10,
        "split": "train",
    }
    with (project / "data/examples.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": 500, **again, "createdAt": "2026-01-01T00:00:00Z", "version": 1}) + "\n")
    formatted = result("format")
    assert formatted["left_out"]["in train, but a duplicate or near duplicate of validation"] == 1
    assert "Another answer." not in (project / "data/train.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["ts-a2-rated", "ts-a4-split", "ts-a8-evaluated"])
def test_a_project_of_the_ait_tool_keeps_every_line_that_was_not_edited(ait, tmp_path, name):
    folder = tmp_path / name
    shutil.copytree(FIXTURES / name, folder)
    before = lines(folder / "data/examples.jsonl")
    config = (folder / ".aitelier.json").read_bytes()
    for words in (["list"], ["stats"], ["history", "1"], ["status", "--all"]):
        assert ait(*words, cwd=folder).returncode == 0
    assert lines(folder / "data/examples.jsonl") == before
    assert (folder / ".aitelier.json").read_bytes() == config
    assert ait("rate", "--id", 2, "--rating", 3, cwd=folder).returncode == 0
    after = lines(folder / "data/examples.jsonl")
    assert [a == b for a, b in zip(before, after, strict=True)].count(False) == 1
    assert json.loads(after[1])["rating"] == 3


def test_one_bad_line_is_named_and_the_others_are_used(ait, project):
    path = project / "data/examples.jsonl"
    before = path.read_bytes()
    path.write_bytes(before + b'{"id": 99, "messages": [\n')
    done = ait("list", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert len(document["result"]["examples"]) == 12
    assert "examples.jsonl:13" in document["warnings"][0]
    assert "examples.jsonl:13" in done.stderr
    assert path.read_bytes() == before + b'{"id": 99, "messages": [\n'


WRONG = {
    "no project": ([["stats"]], 1, "ait init"),
    "the name of the function": ([["compare"]], 2, "did you mean eval --compare?"),
    "a project already here": ([["init", "one"], ["init", "two"]], 1, "already"),
    "rating 11": ([["init", "one"], ["add", "--input", "a", "--output", "a", "--rating", "11"]], 1, "1 to 10"),
    "rating good": ([["init", "one"], ["add", "--input", "a", "--output", "a", "--rating", "good"]], 1, "good"),
    "an empty answer": ([["init", "one"], ["add", "--input", "a", "--output", "empty"]], 1, "empty"),
    "a file that is not there": ([["init", "one"], ["import", "gone.jsonl"]], 1, "gone.jsonl"),
    "no such example": ([["init", "one"], ["rate", "--id", "7", "--rating", "8"]], 1, "7"),
    "nothing to split": ([["init", "one"], ["split"]], 1, "at least 2"),
    "one example to split": ([["init", "one"], ["add", "--input", "a", "--output", "a", "--rating", "9"], ["split"]], 1, "at least 2"),
    "nothing to train on": ([["init", "one"], ["add", "--input", "a", "--output", "a", "--rating", "2"], ["train"]], 1, "rated 8"),
    "no run to evaluate": ([["init", "one"], ["eval"]], 1, "train"),
    "a verb that does not exist": ([["statss"]], 2, "stats"),
    "an option that does not exist": ([["init", "one"], ["split", "--ration", "0.8"]], 2, "--ratio"),
    "epochs that are no number": ([["init", "one"], ["train", "--epochs", "abc"]], 2, "abc"),
    "a rank below one": ([["init", "one"], ["train", "--lora-r", "-3"]], 2, "lora_r"),
    "a misspelt provider": ([["init", "one", "--provider", "togehter"]], 2, "together"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_gets_one_sentence_with_a_remedy_and_the_right_exit_code(ait, case):
    commands, code, word = WRONG[case]
    (ait.folder / "a").write_text("A text.", encoding="utf-8")
    (ait.folder / "empty").write_text("", encoding="utf-8")
    for words in commands[:-1]:
        assert ait(*words).returncode == 0
    before = {
        path: path.read_bytes()
        for path in ait.folder.rglob("*")
        if path.is_file() and ".aitelier/" not in str(path)
    }
    done = ait(*commands[-1])
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")
    assert "\ntry: " in done.stderr
    assert word in done.stderr
    after = {
        path: path.read_bytes()
        for path in ait.folder.rglob("*")
        if path.is_file() and ".aitelier/" not in str(path)
    }
    assert after == before


def test_a_failure_with_json_is_one_document_too(ait):
    done = ait("stats", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["hint"]


def test_help_is_no_error_and_names_every_verb(ait):
    done = ait("--help")
    assert done.returncode == 0
    for verb in ("init", "add", "import", "rate", "split", "train", "eval", "report", "demo"):
        assert f"  {verb}" in done.stdout
    assert "--ratio" in ait("split", "--help").stdout


def test_tags_and_a_flag_are_given_and_taken_off(ait, result, project):
    assert ait("annotate", "1", "--tag", "refund", "--tag", "angry", "--flag").returncode == 0
    [example] = [row for row in result("list")["examples"] if row["id"] == 1]
    assert example["tags"] == ["refund", "angry"]
    assert example["flagged"] is True
    assert ait("annotate", "1", "--no-flag").returncode == 0
    [example] = [row for row in result("list")["examples"] if row["id"] == 1]
    assert not example.get("flagged")
