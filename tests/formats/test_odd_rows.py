"""Rows of every shape with one thing wrong or unusual in each; what comes of them is held word for word."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.formats import readers, rules, writers
from aitelier_nb.tuning import hyperparameters

ASK, SAY = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}


def node(name, parent=None, role="prompter", **more):
    tree = {"message_tree_id": "t", "message_id": name, "parent_id": parent}
    return {**tree, "text": f"text {name}", "role": role, **more}


def tree(*replies, **more):
    return {"message_tree_id": "t", "prompt": {**node("1"), "replies": list(replies), **more}}


def reply(name="2", *replies, **more):
    return {**node(name, "1", "assistant"), "replies": list(replies), **more}


TREES = {
    "two answers, one unanswered": [tree(reply("2", node("4", "2")), reply("3"))],
    "a reply without text": [tree({"role": "assistant"})],
    "a reply that is no object": [tree("hello")],
    "replies that are no list": [tree(reply("2", replies={"a": 1}))],
    "an answer taken out, so what was before it stays": [
        tree(reply("2", {**node("3", "2"), "replies": [reply("4", deleted=True)]}))
    ],
    "all of it taken out": [tree(reply("2", review_result=False))],
    "a question alone": [tree()],
    "a question after an answer, taken out": [tree(reply("2", node("3", "2", deleted=True)))],
    "a group that is a number": [{**tree(reply()), "message_tree_id": 7}],
    "an unanswered question after an answer, beside one that goes on": [
        tree(reply("2", node("3", "2"), {**node("4", "2"), "replies": [reply("5")]}))
    ],
    "messages one a row": [node("1"), node("2", "1", "assistant"), node("3", "2"), node("4", "3", "assistant")],
    "a message twice": [node("1"), node("2", "1", "assistant"), node("2", "1", "assistant")],
    "messages that hang on each other": [node("1", "2"), node("2", "1", "assistant"), node("3"), node("4", "3", "assistant")],
    "a message whose parent is not there": [node("2", "1", "assistant")],
    "other rows between them": [node("1"), {"input": "i", "output": "o"}, node("2", "1", "assistant")],
    "a role that is no text": [tree({**reply(), "role": 5})],
}  # fmt: skip

CHOICES = {
    "answers that begin differently": [{"chosen": [ASK, SAY], "rejected": [{**ASK, "content": "other"}, SAY]}],
    "answers without a question": [{"chosen": "a", "rejected": "b"}],
    "an answer that is a number": [{"prompt": "q", "chosen": 5, "rejected": "b"}],
    "an answer of one turn": [{"prompt": "q", "chosen": SAY, "rejected": "b"}],
    "an answer that ends with a question": [{"prompt": "q", "chosen": [ASK], "rejected": "b"}],
    "an answer of several turns": [{"prompt": "q", "chosen": [SAY, ASK, SAY], "rejected": "b"}],
    "an empty answer": [{"prompt": "q", "chosen": " ", "rejected": "b"}],
    "an answer that repeats the question": [{"prompt": [ASK], "chosen": [ASK, SAY], "rejected": "b"}],
    "a prompt that is a number": [{"prompt": 5, "chosen": "a", "rejected": "b"}],
    "a prompt of turns inside an object": [{"prompt": {"messages": [ASK]}, "chosen": "a", "rejected": "b"}],
    "an instruction with an input": [{"instruction": "do", "input": "this", "chosen": "a", "rejected": "b"}],
    "a transcript": [{"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"}],
    "tools beside the question": [{"input": {"messages": [ASK], "tools": [{"type": "function"}]}, "preferred_output": [SAY], "non_preferred_output": [{**SAY, "content": "b"}]}],
    "a worse answer beside messages": [{"messages": [ASK, SAY], "rejected_response": "b"}],
    "a thumb in words": [{"prompt": "q", "completion": "a", "label": "True"}],
    "a thumb as a number": [{"prompt": "q", "completion": "a", "label": 0}],
    "a thumb that is none": [{"prompt": "q", "completion": "a", "label": "maybe"}],
    "a thumb on turns": [{"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "label": True}],
    "a thumb on an answer to nothing": [{"completion": "a", "label": True}],
}  # fmt: skip

PAIRS = {
    "instances that are no list": [{"instruction": "i", "instances": {}}],
    "an instance that is a text": [{"instruction": "i", "instances": ["a"]}],
    "two instances": [
        {"instruction": "i", "instances": [{"input": "x", "output": "y"}, {"input": "", "output": "z"}]}
    ],
    "a system prompt that is a list": [{"system": ["s"], "instruction": "i", "output": "o"}],
    "a system prompt of white space": [{"system": "  ", "instruction": "i", "output": "o"}],
    "a history that is a text": [{"query": "q", "response": "r", "history": "h"}],
    "a history of turns": [{"query": "q", "response": "r", "history": [ASK, SAY]}],
    "a history of pairs": [{"query": "q", "response": "r", "history": [["a", "b"]]}],
    "a history of something else": [{"query": "q", "response": "r", "history": [["a", "b", "c"]]}],
    "a rewrite that is empty": [{"input": "i", "output": "o", "rewrite": ""}],
    "a rewrite": [{"input": "i", "output": "o", "rewrite": "better"}],
    "pairs of sentences": [{"sentence1": "a", "sentence2": "b"}],
    "anchors": [{"anchor": "a", "positive": "b", "negative": "c"}],
    "a rating left empty": [{"input": "i", "output": "o", "rating": ""}],
    "a rating in words": [{"input": "i", "output": "o", "rating": "good"}],
}

TURNS = {
    "bare texts": [{"messages": ["q", "a"]}],
    "turns that are numbers": [{"messages": [1, 2]}],
    "a turn without text": [{"messages": [{"role": "user"}, SAY]}],
    "other names for speaker and text": [{"messages": [{"speaker": "human", "utterance": "q"}, {"author": "bot", "message": "a"}]}],
    "parts of text": [{"messages": [{"role": "user", "parts": [{"text": "a"}, {"text": "b"}]}, {"role": "model", "parts": [{"text": "c"}]}]}],
    "parts of a picture": [{"messages": [{"role": "user", "parts": [{"text": "a"}, {"image": "b"}]}, SAY]}],
    "parts that are text already": [{"messages": [{"role": "user", "parts": "a"}, SAY]}],
    "a call that is no JSON": [{"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": "{"}, {"from": "observation", "value": "r"}, {"from": "gpt", "value": "a"}]}],
    "a call as an object": [{"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": {"name": "f", "arguments": {}}}, {"from": "observation", "value": "r"}, {"from": "gpt", "value": "a"}]}],
}  # fmt: skip

QUESTIONS = {
    "answers that are numbers": [{"context": "c", "question": "q", "answers": [1]}],
    "answers that are a text": [{"context": "c", "question": "q", "answers": "a"}],
    "a context that is empty": [{"context": " ", "question": "q", "answers": ["a"]}],
    "several answers": [{"context": "c", "question": "q", "answers": {"text": ["a", "b", "a"]}}],
    "no answer": [{"context": "c", "question": "q", "answers": {"text": []}}],
    "impossible": [{"context": "c", "question": "q", "is_impossible": True, "answers": ["a"]}],
}

FILES = {
    "a paragraph without questions": json.dumps({"data": [{"title": "t", "paragraphs": [{"context": "c"}, {"context": "d", "qas": [{"question": "q", "answers": ["a"]}, "bare"]}]}]}).encode(),
    "columns of another length than the rows": json.dumps({"columns": ["input", "output"], "data": [["a"]]}).encode(),
    "a table with tabs": b"input\toutput\n\n a \tb\n \t \n",
    "a table of semicolons with a name twice": b"input;output;input\na;b;c\n",
    "nothing but white space": b" \n\t\n",
    "objects one after the other": b'{"input":"a","output":"b"} {"input":"c","output":"d"}',
    "an array that is cut off": b'[{"input":"a","output":"b"}, {"inp',
}  # fmt: skip


def said(read, *words, **named):
    try:
        parsed = read(*words, **named)
    except (DataError, UsageError) as error:
        return [str(error), error.hint]
    rejected = [[one.line, one.reason, one.remedy] for one in parsed.rejected]
    return [parsed.format, parsed.rows, parsed.lines, parsed.notices, rejected]


def test_what_comes_of_each_row_and_what_is_said_of_it_stands(standing):
    rows = {**TREES, **CHOICES, **PAIRS, **TURNS, **QUESTIONS}
    found = {name: said(readers.read_rows, given) for name, given in rows.items()}
    found |= {name: said(readers.read, content, name="f.txt") for name, content in FILES.items()}
    found["a table that says so"] = said(readers.read, FILES["a table with tabs"], name="f.tsv")
    standing("odd_rows", found)


def test_rows_in_are_examples_and_rejected_rows_out():
    for name, given in {**CHOICES, **PAIRS, **TURNS}.items():
        try:
            parsed = readers.read_rows(given)
        except DataError:
            continue
        assert parsed.rows or parsed.rejected, name


def test_arrays_of_numpy_are_lists():
    turns = np.array([ASK, SAY], dtype=object)
    assert readers.read_rows([{"messages": turns, "rating": np.int64(9)}]).rows == [
        {"messages": [ASK, SAY], "rating": 9}
    ]


def test_a_large_file_streams_what_reading_it_whole_gives():
    rows = [
        {"messages": [ASK, SAY]},
        {"input": "i", "output": "o"},
        {"input": 5},
        *TREES["messages one a row"],
    ]
    content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    whole = readers.read(content, name="f.jsonl")
    streamed = list(readers.stream(content, name="f.jsonl"))
    refused = [one for one in streamed if isinstance(one, readers.Rejection)]
    assert [one.line for one in refused] == [one.line for one in whole.rejected]
    assert len(streamed) - len(refused) == len(whole.rows)


@pytest.mark.parametrize(
    ("provider", "row", "rule"),
    [
        ("trl", {"prompt": [ASK], "chosen": [SAY], "rejected": [{**SAY, "content": "b"}]}, None),
        ("trl", {"prompt": 5, "chosen": "a", "rejected": "b"}, "text_type"),
        ("trl", {"prompt": [ASK], "chosen": [ASK], "rejected": "b"}, "no_assistant"),
        ("openai", {"messages": [ASK, {**SAY, "content": None, "refusal": "no"}]}, None),
        ("openai", {"messages": [ASK, {**SAY, "content": [{"type": "refusal", "refusal": "no"}]}]}, None),
        ("openai", {"messages": [ASK, {"role": "assistant"}]}, "content_missing"),
    ],
)
def test_this_row_breaks_this_rule_or_none(provider, row, rule):
    content = (json.dumps(row) + "\n").encode() * 10
    errors = {one.rule for one in rules.check(content, provider) if one.severity == "error"}
    assert errors == ({rule} if rule else set())


def test_a_call_whose_arguments_are_no_json_is_named():
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{"}}
    with pytest.raises(DataError, match="the arguments of a call of look are no JSON"):
        writers._trl_call(call, {})


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("epoch", 3, "did you mean epochs?"),
        ("zzz", 3, "one of "),
        ("lora_r", 2.5, "a whole number from"),
        ("epochs", True, "a number from"),
        ("epochs", float("nan"), "a number from"),
        ("learning_rate", "fast", "a number from"),
        ("early_stopping", 1, "True or False"),
        ("precision", "fp8", "auto or fp32 or bf16"),
    ],
)
def test_a_hyperparameter_out_of_its_limits_is_told_with_them(name, value, hint):
    with pytest.raises(UsageError) as told:
        hyperparameters.checked({name: value})
    assert hint in told.value.hint


def test_hyperparameters_come_sorted_and_whole_numbers_whole():
    given = {"precision": "bf16", "learning_rate": 1, "epochs": 2.0, "early_stopping": True}
    assert list(hyperparameters.checked(given).items()) == [
        ("early_stopping", True),
        ("epochs", 2),
        ("learning_rate", 1),
        ("precision", "bf16"),
    ]
