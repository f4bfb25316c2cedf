"""Rows as well-known data sets and tools have them: every turn comes in, what is left out is told."""

from __future__ import annotations

import copy
import json
import random

import pytest

from aitelier_nb.formats import readers, rules

S, Q, A = ("system", "s"), ("user", "q"), ("assistant", "a")
CALL = '{"name": "f", "arguments": {"x": 1}}'
ASKED = [{"role": "user", "content": "q"}]


def said(role, text):
    return {"role": role, "content": text}


SHAPES = {
    "UltraChat": ({"id": "0", "data": ["q", "a", "q2", "a2"]}, [Q, A, ("user", "q2"), ("assistant", "a2")]),
    "LIMA": ({"conversations": ["q", "a"], "source": "wikihow"}, [Q, A]),
    "OpenHermes with weights of a table": (
        {"conversations": [{"from": "human", "value": "q", "weight": 0.0}, {"from": "gpt", "value": "a", "weight": 1.0}]},
        [Q, A],
    ),
    "Claude, system beside": ({"system": [{"type": "text", "text": "s"}], "messages": [said("user", "q"), said("assistant", "a")]}, [S, Q, A]),
    "Claude, tools": (
        {
            "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {}}}],
            "messages": [
                said("user", "q"),
                said("assistant", [{"type": "text", "text": "let me"}, {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}}]),
                said("user", [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "42"}]}]),
                said("assistant", "a"),
            ],
        },
        [Q, ("assistant", "let me"), ("tool", "42"), A],
    ),
    "Bedrock": ({"system": [{"text": "s"}], "messages": [said("user", [{"text": "q"}]), said("assistant", [{"text": "a"}])]}, [S, Q, A]),
    "Gemini": (
        {"systemInstruction": {"parts": [{"text": "s"}]}, "contents": [{"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": [{"text": "a"}]}]},
        [S, Q, A],
    ),
    "Vertex": ({"context": "s", "messages": [{"author": "user", "content": "q"}, {"author": "bot", "content": "a"}]}, [S, Q, A]),
    "Cohere": (
        {"chat_history": [{"role": "USER", "message": "q"}, {"role": "CHATBOT", "message": "a"}], "message": "q2", "response": "a2"},
        [Q, A, ("user", "q2"), ("assistant", "a2")],
    ),
    "Claude's export": ({"uuid": "u", "chat_messages": [{"sender": "human", "text": "q", "content": []}, {"sender": "assistant", "text": "a", "content": []}]}, [Q, A]),
    "OpenAI's stored completions": ({"messages": ASKED, "response": {"choices": [{"message": said("assistant", "a")}]}}, [Q, A]),
    "OpenAI's evals": ({"input": [said("system", "s"), *ASKED], "ideal": "a"}, [S, Q, A]),
    "Axolotl": ({"segments": [{"label": False, "text": "<s>q\n"}, {"label": True, "text": "a</s>"}]}, [Q, A]),
    "ChatML": ({"text": "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"}, [S, Q, A]),
    "Llama 2": ({"text": "<s>[INST] <<SYS>>\ns\n<</SYS>>\n\nq [/INST] a </s>"}, [S, Q, A]),
    "Llama 3": ({"text": "<|start_header_id|>user<|end_header_id|>\n\nq<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>"}, [Q, A]),
    "Gemma": ({"text": "<bos><start_of_turn>user\nq<end_of_turn>\n<start_of_turn>model\na<end_of_turn>"}, [Q, A]),
    "Zephyr": ({"text": "<|system|>\ns</s>\n<|user|>\nq</s>\n<|assistant|>\na</s>"}, [S, Q, A]),
    "Guanaco": ({"text": "### Human: q### Assistant: a"}, [Q, A]),
    "Alpaca's text": ({"text": "s\n\n### Instruction:\nq\n\n### Input:\nmore\n\n### Response:\na"}, [S, ("user", "q\n\nmore"), A]),
    "Argilla": ({"fields": {"prompt": "q", "response": "a"}, "responses": {"rating": [{"value": 4}, {"value": 6}]}}, [Q, A]),
    "Argilla's first": ({"fields": {"prompt": "q", "response": "a"}, "responses": [{"values": {"rating": {"value": 4}}, "status": "submitted"}]}, [Q, A]),
    "Argilla on the Hub": ({"instruction": "q", "response": "a", "rating": [{"user_id": "x", "value": 4, "status": "submitted"}]}, [Q, A]),
    "Label Studio": ({"id": 1, "data": {"prompt": "q", "response": "a"}, "annotations": [{"result": [{"type": "rating", "value": {"rating": 4}}]}]}, [Q, A]),
    "LangSmith": ({"inputs": {"messages": ASKED}, "outputs": {"choices": [{"message": said("assistant", "a")}]}}, [Q, A]),
    "LangSmith, texts": ({"inputs": {"question": "q"}, "outputs": {"answer": "a"}}, [Q, A]),
    "LangChain": (
        {"inputs": {"messages": [[{"type": "system", "data": {"content": "s"}}, {"type": "constructor", "id": ["langchain", "HumanMessage"], "kwargs": {"content": "q"}}]]},
         "outputs": {"generations": [[{"text": "a", "message": {"type": "ai", "data": {"content": "a"}}}]]}},
        [S, Q, A],
    ),
    "Kiln": ({"input": "q", "output": {"output": "first", "rating": None}, "repaired_output": {"output": "a", "rating": {"type": "five_star", "value": 4}}}, [Q, A]),
    "a log of requests": ({"request": {"body": {"messages": ASKED}}, "response": {"body": {"choices": [{"message": said("assistant", "a")}]}}}, [Q, A]),
    "xLAM": ({"query": "q", "answers": f"[{CALL}]", "tools": '[{"name": "f", "parameters": {"x": {"type": "int", "default": 0}}}]'}, [Q, ("assistant", None)]),
    "Glaive": (
        {
            "system": 'SYSTEM: s {"name": "f", "parameters": {"type": "object", "properties": {}}}',
            "chat": "USER: q\n\n\nASSISTANT: <functioncall> {\"name\": \"f\", \"arguments\": '{\"x\": 1}'} <|endoftext|>\n\n\nFUNCTION RESPONSE: 42\n\n\nASSISTANT: a <|endoftext|>",
        },
        [("system", 's {"name": "f", "parameters": {"type": "object", "properties": {}}}'), Q, ("assistant", None), ("tool", "42"), A],
    ),
    "FLAN": ({"inputs": "q", "targets": "a"}, [Q, A]),
    "NuminaMath": ({"problem": "q", "solution": "a", "answer": "4"}, [Q, A]),
    "a German table": ({"Frage": "q", "Antwort": "a"}, [Q, A]),
}  # fmt: skip

PREFERENCES = {
    "Nectar": {"prompt": "\n\nHuman: q\n\nAssistant: ", "answers": [{"answer": "b", "rank": 7.0}, {"answer": "a", "rank": 1.0}, {"answer": "c", "rank": 2.0}]},
    "UltraFeedback": {"instruction": "q", "completions": [{"response": "a", "fine-grained_score": 4.5}, {"response": "b", "fine-grained_score": 2}]},
    "HelpSteer3": {"context": ASKED, "response1": "b", "response2": "a", "overall_preference": 2},
    "Arena": {"conversation_a": [*ASKED, said("assistant", "b")], "conversation_b": [*ASKED, said("assistant", "a")], "winner": "model_b"},
    "SHP": {"history": "q", "human_ref_A": "b", "human_ref_B": "a", "labels": 0},
    "WebGPT": {"question": {"full_text": "q"}, "answer_0": "a", "answer_1": "b", "score_0": 1.0, "score_1": -1.0},
    "SafeRLHF": {"prompt": "q", "response_0": "b", "response_1": "a", "better_response_id": 1},
    "HH, with a name in the middle of a line": {"chosen": "\n\nHuman: q\n\nAssistant: a", "rejected": "\n\nHuman: q\n\nAssistant: b"},
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_every_turn_of_a_known_shape_comes_in_and_can_be_trained_on(name):
    row, wanted = SHAPES[name]

    parsed = readers.read(json.dumps(row).encode(), name="rows.jsonl")

    assert not parsed.rejected
    [example] = parsed.rows
    assert [(turn["role"], turn["content"]) for turn in example["messages"]] == wanted
    assert example.get("rating") == (4 if "4" in json.dumps(row.get("rating")) or name in RATED else None)
    line = {name: example[name] for name in ("messages", "tools") if name in example}
    content = b"\n".join([json.dumps(line).encode()] * 10)
    assert not [found for found in rules.check(content, "openai") if found.severity == "error"]


RATED = ("Argilla", "Argilla's first", "Label Studio", "Kiln")


@pytest.mark.parametrize("name", PREFERENCES)
def test_of_answers_that_were_judged_the_better_is_the_target_and_the_worse_stays_beside(name):
    [example] = readers.read_rows([PREFERENCES[name]]).rows

    assert [(turn["role"], turn["content"]) for turn in example["messages"]] == [Q, A]
    assert example["source"]["rejected"] == "b"


def test_a_tie_has_no_better_answer_and_is_reported():
    row = {"prompt": "q", "response_a": "a", "response_b": "b", "winner": "tie"}

    [refused] = readers.read_rows([row]).rejected

    assert refused.reason == "neither answer is the better one"


def test_a_speaker_named_in_the_middle_of_a_line_begins_no_turn():
    row = {"prompt": "\n\nHuman: what does Assistant: mean?\n\nAssistant:", "chosen": "a", "rejected": "b"}

    [example] = readers.read_rows([row]).rows

    assert example["messages"][0] == {"role": "user", "content": "what does Assistant: mean?"}


def test_calls_of_known_shapes_carry_their_names_arguments_and_tools():
    for name in ("Claude, tools", "xLAM", "Glaive"):
        [example] = readers.read_rows([SHAPES[name][0]]).rows

        [call] = next(turn["tool_calls"] for turn in example["messages"] if "tool_calls" in turn)
        assert call["function"]["name"] == "f"
        assert json.loads(call["function"]["arguments"]) == {"x": 1}
        assert [tool["function"]["name"] for tool in example["tools"]] == ["f"]
        assert example["tools"][0]["function"]["parameters"]["type"] == "object"


def test_columns_that_have_no_place_are_told_and_those_that_are_used_are_not():
    rows = [{"prompt": "q", "response": f"a{n}", "system_prompt": "s", "helpfulness": 4} for n in range(3)]

    assert readers.read_rows(rows).notices == [
        "columns that have no place in an example were left out: helpfulness (3x)"
    ]


def test_what_only_the_source_knew_of_a_turn_is_left_out_and_told():
    turns = [{**said("user", "q"), "country": "NO"}, {**said("assistant", "a"), "toxic": False}]

    parsed = readers.read_rows([{"conversation": turns}])

    assert parsed.rows == [{"messages": [said("user", "q"), said("assistant", "a")]}]
    assert parsed.notices == [
        "keys of turns that have no place in a message were left out: country, toxic (1x)"
    ]


def test_rows_of_the_same_columns_may_be_of_different_shapes():
    kiln = {"input": "q", "output": {"output": "a"}}
    plain = {"input": "q2", "output": "a2"}
    unjudged = {"instruction": "q", "completions": []}
    judged = PREFERENCES["UltraFeedback"]

    for rows in ([kiln, plain], [plain, kiln]):
        assert not readers.read_rows(rows).rejected
    parsed = readers.read_rows([unjudged, judged])
    assert (parsed.lines, [row.line for row in parsed.rejected]) == ([2], [1])


def test_prompts_without_answers_are_no_conversation():
    [refused] = readers.read_rows([{"question_id": 81, "turns": ["q", "q2"]}]).rejected

    assert refused.reason == "turns are texts that do not say who speaks"


TABLES = {
    "a list as Python prints it": b"id,messages\n1,\"[{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'a'}]\"\n",
    "an index and columns without names": b",input,output,,\n0,q,a,,\n",
    "JSON twice": b'"{\\"input\\": \\"q\\", \\"output\\": \\"a\\"}"\n',
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_tables_as_other_programs_write_them_come_in(name):
    parsed = readers.read(TABLES[name], name="rows.csv" if b"," in TABLES[name][:12] else "rows.jsonl")

    assert not parsed.rejected
    assert [(turn["role"], turn["content"]) for turn in parsed.rows[0]["messages"]] == [Q, A]


ODD = [
    None, "", 0, True, [], {}, "x", 1.5, ["x"], [None], [{}], {"a": 1}, [[]], {"text": 1}, [{"type": "tool_use"}],
    [{"type": {}}], "[", '{"name": 1}', {"parts": [1]}, [{"role": "user"}], "<functioncall> {", "[INST]", "### ",
]  # fmt: skip


def test_a_known_shape_with_anything_inside_is_read_or_reported():
    chance = random.Random(5)
    shapes = [row for row, _ in SHAPES.values()] + list(PREFERENCES.values())
    for _ in range(1500):
        row = copy.deepcopy(chance.choice(shapes))
        for _ in range(chance.choice([1, 2])):
            holder, name = chance.choice(list(places(row)))
            holder[name] = copy.deepcopy(chance.choice(ODD))
        content = b'{"input": "q", "output": "a"}\n' + json.dumps(row).encode()

        parsed = readers.read(content, name="rows.jsonl")

        assert len(set(parsed.lines)) + len(parsed.rejected) == 2, row


def places(value):
    """Yield each place in a JSON value as its holder and the name or number in it."""
    names = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for name in names:
        yield value, name
        yield from places(value[name])
