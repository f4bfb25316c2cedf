"""Every name under which other tools keep what we read, and what comes of it, word for word."""

import json

import pytest

from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.formats import transcripts
from aitelier_nb.formats.readers import read

USERS = ["user", "human", "prompter", "customer", "question"]
MODELS = [
    "assistant",
    "gpt",
    "bot",
    "chatbot",
    "model",
    "ai",
    "chatgpt",
    "bing",
    "bard",
    "assistant_response",
]
TOOLS = [
    "tool",
    "tool_response",
    "observation",
    "function_response",
    "ipython",
    "function-response",
    "tool-response",
]
SYSTEMS = ["system", "developer", "system_prompt", "function", "function_result", "narrator"]
SPEAKERS = ["role", "from", "speaker", "author", "sender"]
TEXTS = ["content", "value", "text", "message", "utterance", "parts", "said"]
LISTS = [
    "messages",
    "conversations",
    "conversation",
    "dialogue",
    "dialog",
    "turns",
    "chat",
    "contents",
    "exchange",
]
QUESTIONS = [
    "input",
    "prompt",
    "question",
    "query",
    "user",
    "human",
    "instruction",
    "request",
    "customer",
    "asked",
]
ANSWERS = ["output", "completion", "response", "answer", "reply", "assistant", "bot", "target", "gpt", "said"]
BETTER = [
    ("preferred_output", "non_preferred_output"),
    ("chosen", "rejected"),
    ("response_j", "response_k"),
    ("chosen_response", "rejected_response"),
    ("chosen", "rejected_response"),
]
PROMPTS = ["prompt", "messages", "conversations", "question", "query", "instruction", "input", "asked"]
TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]


def called(call, who="function_call"):
    said = call if call == "find" else json.dumps(call)
    middle = [{"from": who, "value": said}, {"from": "observation", "value": "4"}]
    return {"conversations": [{"from": "human", "value": "q"}, *middle, {"from": "gpt", "value": "a"}]}


def turns():
    """One row of turns for each name of a speaker, a text and a list."""
    for who in [*USERS, *MODELS, *TOOLS, *SYSTEMS, "Human", "GPT", " user "]:
        turn = (
            {"from": who, "value": "x", "tool_call_id": "1"} if who in TOOLS else {"from": who, "value": "x"}
        )
        yield (
            f"who {who}",
            {"conversations": [{"from": "human", "value": "q"}, turn, {"from": "gpt", "value": "a"}]},
        )
    for name in SPEAKERS:
        yield (
            f"speaker {name}",
            {"conversations": [{name: "human", "value": "q"}, {name: "gpt", "value": "a"}]},
        )
    for name in TEXTS:
        yield f"text {name}", {"conversations": [{"from": "human", name: "q"}, {"from": "gpt", name: "a"}]}
    for name in LISTS:
        yield f"list {name}", {name: TURNS}


def columns():
    """One row for each name of a question, an answer, a choice and what stands beside them."""
    for name in QUESTIONS:
        yield f"question {name}", {name: "q", "output": "a"}
        yield f"question {name.title()}", {name.title(): "q", "Answer": "a"}
    for name in ANSWERS:
        yield f"answer {name}", {"input": "q", name: "a"}
        yield f"answer {name} to an instruction", {"instruction": "q", name: "a"}
    for better, worse in BETTER:
        yield f"{better} over {worse}", {"prompt": "q", better: "a", worse: "b"}
    for name in PROMPTS:
        given = TURNS[:1] if name in ("messages", "conversations") else "q"
        yield f"{name} of a choice", {name: given, "chosen": "a", "rejected": "b", "system": "s"}
        yield f"{name} of a thumb", {name: given, "completion": "a", "kto_tag": False}
    for name in ("context", "passage", "document", "system", "system_prompt", "history", "group"):
        beside = [["q0", "a0"]] if name == "history" else "c"
        yield f"{name} beside a pair", {"question": "q", "answer": "a", name: beside}
        yield f"{name} beside turns", {"conversations": TURNS, name: beside}
        yield f"{name} beside an instruction", {"instruction": "i", "input": "q", "output": "a", name: beside}


def keys():
    """One row for each value of a key of ours."""
    for side in ("train", "training", "val", "validation", "valid", "dev", "test", "Train", 1):
        yield f"side {side}", {"input": "q", "output": "a", "split": side}
    for rating in (1, 10, 0, 11, "7", "7.0", 7.0, 7.5, None, "", True, "7/10", [7]):
        yield f"rating {rating!r}", {"input": "q", "output": "a", "rating": rating}
    for name, value in {
        "tags": "a, b",
        "tags 2": '["a", 2]',
        "tags 3": 5,
        "ratings": {"ann": 3, "bob": 10},
        "ratings 2": {"ann": 30},
        "ratings 3": '{"ann": true}',
        "ratings 4": {"ann": 0},
        "flagged": True,
        "flagged 2": "true",
        "note": 4,
        "tools": "[]",
        "meta": '{"a": 1}',
        "id": "x7",
    }.items():
        yield f"key {name}", {"input": "q", "output": "a", name.split()[0]: value}


def oddities():
    yield "a system instruction", {"systemInstruction": {"parts": [{"text": "s"}]}, "contents": [{"role": "user", "parts": [{"text": "q"}]}, {"role": "model", "parts": [{"text": "a"}]}]}  # fmt: skip
    yield "an older system instruction", {"system_instruction": "s", "conversations": TURNS}
    yield "messages in a cell", {"messages": json.dumps(TURNS)}
    yield "a rejected conversation", {"messages": TURNS, "rejected_messages": [TURNS[0], {"role": "assistant", "content": "b"}]}  # fmt: skip
    yield "an empty question", {"input": " ", "output": "a"}
    yield "an empty instruction", {"instruction": "", "input": "q", "output": "a"}
    yield "a question that is a number", {"input": 4, "output": "a"}
    yield "weights", {"messages": [TURNS[0], {**TURNS[1], "weight": 0}, *TURNS]}
    yield "a weight that is a text", {"messages": [TURNS[0], {**TURNS[1], "weight": "1"}]}
    yield "a name", {"messages": [{**TURNS[0], "name": "ann"}, TURNS[1]]}
    yield "a name that is a number", {"messages": [{**TURNS[0], "name": 4}, TURNS[1]]}
    yield "calls that are a text", {"messages": [TURNS[0], {"role": "assistant", "tool_calls": "find"}]}
    yield "null in an answer", {"messages": [TURNS[0], {"role": "assistant", "content": None}]}
    yield "an answer of parts", {"messages": [TURNS[0], {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}  # fmt: skip
    yield "an answer of odd parts", {"messages": [TURNS[0], {"role": "assistant", "content": [4]}]}
    yield "a text", {"text": "once"}
    for who in ["function_call", "tool_call", "tool_calls", "function-call", "tool-call", "Function_Call"]:
        yield f"calling as {who}", called({"name": "f", "arguments": {"a": 1}}, who)
    for what, call in {
        "text": "find",
        "no name": {"arguments": {}},
        "a text of arguments": {"name": "f", "arguments": '{"a": 1}'},
        "parameters": {"name": "f", "parameters": {"a": 1}},
        "nothing": {"name": "f"},
        "two": [{"name": "f"}, {"name": "g"}],
    }.items():
        yield f"a call of {what}", called(call)
    answers = [{"from": "observation", "value": "4"}, {"from": "observation", "value": "5"}]
    calls = [{"from": "function_call", "value": json.dumps({"name": name})} for name in "fg"]
    yield (
        "calls in a row",
        {"conversations": [{"from": "human", "value": "q"}, *calls, *answers, {"from": "gpt", "value": "a"}]},
    )
    yield "nothing", {}


FORMATS = [
    "messages",
    "openai",
    "chat",
    "chatml",
    "ait",
    "together",
    "fireworks",
    "trl",
    "sharegpt",
    "conversations",
    "csv",
    "pairs",
    "preference",
    "openai-preference",
    "dpo",
    "trl-preference",
    "kto",
    "alpaca",
    "dolly",
    "prompt-completion",
    "instruction",
    "question-answer",
    "qa",
    "query-response",
    "input-output",
    "self-instruct",
    "squad",
    "web",
    "oasst",
    "chatgpt",
    "text",
    "word",
]
TABLES = {
    "a comma": b"input,output,rating\nq,a,7\n",
    "a semicolon": b"question;answer\nq;a\n",
    "a tabulator": b"prompt\tcompletion\nq\ta\n",
    "a bar": b"query|response\nq|a\n",
    "a named separator": b"sep=;\ninput;output\nq;a\n",
    "columns nobody knows": b"foo,bar\nq,a\n",
    "one column": b"input\nq\n",
    "quotes": b'instruction,reply\n"q, ""r""","a\nb"\n',
    "a short row": b"input,output\nq\nq,a\n",
    "chosen": b"prompt,chosen,rejected\nq,a,b\n",
    "user and assistant": b"user,assistant\nq,a\n",
}
TRANSCRIPTS = [
    *(
        f"{who}: q\nAssistant: a"
        for who in ["system", "developer", "user", "human", "customer", "you", "User", "HUMAN", "narrator"]
    ),
    *(f"User: q\n{who}: a" for who in ["assistant", "ai", "bot", "agent", "gpt", "model", "Bot"]),
    "System: s\nUser: q\nmore\n\nAssistant: a",
    "q\n---\na",
    "q\n--\na",
    "q\n-----\n\na\nb",
    "q\n---\na\n---\nb",
    " \n---\na",
    "User:\nAssistant: a",
    json.dumps(TURNS),
    json.dumps({"messages": TURNS}),
    '{"input": "q"}',
    "[1]",
    "[",
    "just a text",
    "",
]


def outcome(work):
    try:
        return work()
    except (DataError, UsageError) as error:
        return [str(error), error.hint]


def told(content, **words):
    parsed = read(content, **words)
    rejected = [[one.line, one.reason, one.remedy] for one in parsed.rejected]
    return [parsed.format, parsed.rows, parsed.notices, rejected]


def test_what_comes_of_each_name_stands(standing):
    lines = {
        name: json.dumps(row).encode() + b"\n" for name, row in (*turns(), *columns(), *keys(), *oddities())
    }
    assert len(lines) > 150
    found = {name: outcome(lambda line=line: told(line)) for name, line in lines.items()}
    found |= {
        f"table with {name}": outcome(lambda text=text: told(text, name="t.csv"))
        for name, text in TABLES.items()
    }
    pair = b'{"input": "q", "output": "a"}\n'
    found |= {f"insisting on {name}": outcome(lambda name=name: told(pair, format=name)) for name in FORMATS}
    standing("names", found)


def test_what_comes_of_each_transcript_stands(standing):
    standing(
        "transcripts", {text: outcome(lambda text=text: transcripts.parse(text)) for text in TRANSCRIPTS}
    )


@pytest.mark.parametrize("name", [*USERS, *MODELS, *TOOLS])
def test_this_speaker_is_known(name):
    [row] = read(json.dumps({"conversations": [{"from": "human", "value": "q"}, {"from": name, "value": "a", "tool_call_id": "1"}, {"from": "gpt", "value": "a"}]}).encode()).rows  # fmt: skip
    wanted = "user" if name in USERS else "assistant" if name in MODELS else "tool"
    assert row["messages"][1]["role"] == wanted
