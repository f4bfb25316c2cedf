"""Files as people have them: what can be read is, nothing gets lost, and the rest is refused in a sentence."""

import json

import pytest

from aitelier_nb.errors import DataError
from aitelier_nb.formats import readers


def lines(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def talk(question="q", **more):
    return {
        "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": "a"}],
        **more,
    }


ROWS = {
    "a table that is called JSONL": (b"input,output\nhello,bye\n", "f.jsonl", 1),
    "a table with a byte order mark": ("\ufeffinput;output\nhä;bö\n".encode(), "f.csv", 1),
    "a spreadsheet's line that names the delimiter": (b"sep=;\ninput;output\na;b\n", "f.csv", 1),
    "lines that end with carriage returns alone": (lines(talk(), talk("2")).replace(b"\n", b"\r"), "f.jsonl", 2),
    "a table of an old Macintosh": (b"input,output\ra,b\rc,d\r", "f.csv", 2),
    "rows with commas after them": (b'{"input":"a","output":"b"},\n{"input":"c","output":"d"},\n', "f.jsonl", 2),
    "one conversation as a list": (json.dumps(talk()["messages"]).encode(), "f.json", 1),
    "a conversation a line": (lines(talk()["messages"], talk("2")["messages"]), "f.jsonl", 2),
    "columns and data": (json.dumps({"columns": ["input", "output"], "data": [["a", "b"]]}).encode(), "f.json", 1),
    "rows by name": (json.dumps({"x": {"input": "a", "output": "b"}, "y": {"input": "c", "output": "d"}}).encode(), "f.json", 2),
    "conversations in an object": (json.dumps({"conversations": [talk(), talk("2")]}).encode(), "f.json", 2),
    "a list for each side": (json.dumps({"train": [talk()], "validation": [talk("t")]}).encode(), "f.json", 2),
    "a second mark in the middle": (lines(talk()) + b"\xef\xbb\xbf" + lines(talk("2")), "f.jsonl", 2),
    "Gemini's contents": (
        lines({"contents": [{"role": "user", "parts": [{"text": "a"}]}, {"role": "model", "parts": [{"text": "b"}]}]}),
        "f.jsonl",
        1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ROWS)
def test_is_read(what):
    content, name, count = ROWS[what]
    found = readers.read(content, name=name)
    assert (len(found.rows), found.rejected) == (count, [])


def test_the_side_of_a_list_is_kept():
    content = json.dumps({"train": [talk()], "validation": [talk("t")], "test": [talk("u")]}).encode()
    found = readers.read(content, name="f.json")
    assert [row.get("split") for row in found.rows] == ["train", "val", None]
    assert any("'test'" in notice for notice in found.notices)


@pytest.mark.parametrize(
    ("content", "read", "refused"),
    [
        (b'[{"input":"a","output":"b"}, {"input":"c" "output":"d"}, {"input":"e","output":"f"}]', 2, 1),
        (b'[{"input":"a","output":"b"},\n{"input":"c","outp', 1, 1),
        (b'[\n {"input": "a",\n  "output": "b"},\n {"input": "c",\n  "output": d},\n {"input": "e", "output": "f"}\n]', 2, 1),
    ],
)  # fmt: skip
def test_one_broken_value_of_an_array_costs_no_other(content, read, refused):
    found = readers.read(content, name="f.json")
    assert (len(found.rows), len(found.rejected)) == (read, refused)


@pytest.mark.parametrize(
    "turn",
    [{"weight": "1"}, {"weight": 1.5}, {"weight": True}, {"name": 5}, {"tool_calls": {"x": 1}}, {"tool_calls": ["x"]}],
)  # fmt: skip
def test_a_turn_with_a_key_of_the_wrong_type_costs_its_row_alone(turn):
    bad = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", **turn}]}
    found = readers.read(lines(talk(), bad, talk("2")), name="f.jsonl")
    assert (len(found.rows), [row.line for row in found.rejected]) == (2, [2])


def test_calls_of_tools_in_sharegpt_become_tool_calls_with_ids():
    turns = [
        {"from": "human", "value": "weather?"},
        {"from": "function_call", "value": '{"name": "look", "arguments": {"at": "Bern"}}'},
        {"from": "observation", "value": "rain"},
        {"from": "gpt", "value": "It rains."},
    ]
    [row] = readers.read(lines({"conversations": turns}), name="f.jsonl").rows
    call, answer = row["messages"][1:3]
    assert call["tool_calls"][0]["function"] == {"name": "look", "arguments": '{"at":"Bern"}'}
    assert answer["tool_call_id"] == call["tool_calls"][0]["id"]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\xef\xbb\xbf", "f.jsonl"),
        (b"Hello, world. This is prose, with commas.\nAnd, another line.\n", "f.txt"),
        (b"import os\nprint('x', 1)\n", "f.py"),
        (b"- input: a\n  output: b\n", "f.yaml"),
    ],
)
def test_what_is_no_training_data_is_refused_in_one_sentence(content, name):
    with pytest.raises(DataError):
        readers.read(content, name=name)
