"""Data of any shape comes in; what cannot is named with its line, reason and remedy."""

import gzip
import json

import pandas as pd
import pytest

from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.formats.readers import read, read_rows

TURNS = [{"role": "user", "content": "Where is it?"}, {"role": "assistant", "content": "On its way."}]
SYSTEM = {"role": "system", "content": "Be brief."}
CALL = {"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
TOOL_TURNS = [
    TURNS[0],
    {"role": "assistant", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "1", "content": "4"},
    TURNS[1],
]


def jsonl(*rows):
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


def messages(parsed):
    assert not parsed.rejected, parsed.rejected
    return [row["messages"] for row in parsed.rows]


SHAPES = {
    "messages": ({"messages": TURNS}, "messages"),
    "messages with tools": ({"messages": TOOL_TURNS, "tools": []}, "messages"),
    "messages of parts": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Where is it?"}]}, TURNS[1]]},
        "messages",
    ),
    "messages with other roles": (
        {"messages": [{"role": "human", "content": "Where is it?"}, {"role": "bot", "content": "On its way."}]},
        "messages",
    ),
    "an empty system prompt": ({"messages": [{"role": "system", "content": ""}, *TURNS]}, "messages"),
    "ShareGPT": (
        {"conversations": [{"from": "human", "value": "Where is it?"}, {"from": "gpt", "value": "On its way."}]},
        "sharegpt",
    ),
    "ShareGPT with user and assistant": (
        {"conversations": [{"from": "user", "value": "Where is it?"}, {"from": "assistant", "value": "On its way."}]},
        "sharegpt",
    ),
    "ShareGPT with role and content": ({"conversation": TURNS}, "sharegpt"),
    "pairs in a conversation": (
        {"conversation": [{"human": "Where is it?", "assistant": "On its way."}]},
        "sharegpt",
    ),
    "alternating texts": ({"dialogue": [{"speaker": "human", "text": "Where is it?"}, {"speaker": "gpt", "text": "On its way."}]}, "sharegpt"),
    "Alpaca": ({"instruction": "Where is it?", "input": "", "output": "On its way."}, "alpaca"),
    "Dolly": ({"instruction": "Where is it?", "context": "", "response": "On its way.", "category": "qa"}, "alpaca"),
    "prompt and completion": ({"prompt": "Where is it?", "completion": "On its way."}, "prompt-completion"),
    "prompt and completion of turns": ({"prompt": TURNS[:1], "completion": TURNS[1:]}, "prompt-completion"),
    "prompt and response": ({"prompt": "Where is it?", "response": "On its way."}, "pairs"),
    "query and response": ({"query": "Where is it?", "response": "On its way.", "history": []}, "query-response"),
    "question and answer": ({"question": "Where is it?", "answer": "On its way."}, "question-answer"),
    "input and output": ({"input": "Where is it?", "output": "On its way."}, "input-output"),
    "the web export": (
        {"input": "Where is it?", "output": "On its way.", "rating": 9, "split": "train", "created_at": "2026-02-20"},
        "input-output",
    ),
    "a rewrite of the web": ({"input": "Where is it?", "output": "No.", "rewrite": "On its way."}, "web"),
    "self-instruct": (
        {"instruction": "Where is it?", "instances": [{"input": "", "output": "On its way."}]},
        "self-instruct",
    ),
    "OpenAI preference": (
        {"input": {"messages": TURNS[:1]}, "preferred_output": TURNS[1:], "non_preferred_output": [{"role": "assistant", "content": "No."}]},
        "preference",
    ),
    "prompt, chosen and rejected": ({"prompt": "Where is it?", "chosen": "On its way.", "rejected": "No."}, "preference"),
    "whole conversations chosen and rejected": (
        {"chosen": TURNS, "rejected": [TURNS[0], {"role": "assistant", "content": "No."}]},
        "preference",
    ),
    "prompt and whole conversations": (
        {"prompt": "Where is it?", "chosen": TURNS, "rejected": [TURNS[0], {"role": "assistant", "content": "No."}]},
        "preference",
    ),
    "transcripts chosen and rejected": (
        {"chosen": "\n\nHuman: Where is it?\n\nAssistant: On its way.", "rejected": "\n\nHuman: Where is it?\n\nAssistant: No."},
        "preference",
    ),
    "ShareGPT preference": (
        {"conversations": [{"from": "human", "value": "Where is it?"}], "chosen": {"from": "gpt", "value": "On its way."}, "rejected": {"from": "gpt", "value": "No."}},
        "preference",
    ),
    "messages with a rejected response": ({"messages": TURNS, "rejected_response": "No."}, "preference"),
    "question, response_j, response_k": ({"question": "Where is it?", "response_j": "On its way.", "response_k": "No."}, "preference"),
    "KTO": ({"prompt": "Where is it?", "completion": "On its way.", "label": True}, "kto"),
    "KTO of turns": ({"messages": TURNS, "label": False}, "kto"),
    "an OASST tree": (
        {"message_tree_id": "t", "prompt": {"text": "Where is it?", "role": "prompter", "replies": [{"text": "On its way.", "role": "assistant", "replies": []}]}},
        "oasst",
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_this_shape_is_recognised_and_gives_the_conversation(shape):
    row, name = SHAPES[shape]
    parsed = read(jsonl(row))
    assert parsed.format == name
    [turns] = messages(parsed)
    texts = [
        turn["content"][0]["text"] if isinstance(turn.get("content"), list) else turn.get("content")
        for turn in turns
    ]
    assert (texts[0], texts[-1]) == ("Where is it?", "On its way.")
    assert turns[0]["role"] == "user"
    assert turns[-1]["role"] == "assistant"


@pytest.mark.parametrize(
    "shape", ["OpenAI preference", "prompt, chosen and rejected", "transcripts chosen and rejected"]
)
def test_the_worse_answer_stays_with_the_example(shape):
    [row] = read(jsonl(SHAPES[shape][0])).rows
    assert row["source"] == {"format": "preference", "rejected": "No."}


def test_a_thumb_is_kept_and_is_no_rating():
    parsed = read(jsonl(SHAPES["KTO"][0]))
    assert parsed.rows[0]["source"] == {"format": "kto", "label": True}
    assert "rating" not in parsed.rows[0]
    assert any("no ratings" in notice for notice in parsed.notices)


def test_a_rewrite_of_the_web_keeps_the_first_text():
    assert read(jsonl(SHAPES["a rewrite of the web"][0])).rows[0]["originalOutput"] == "No."


def test_system_history_and_context_come_along():
    [turns] = messages(
        read(
            jsonl(
                {
                    "system": "Be brief.",
                    "instruction": "Do",
                    "input": "this",
                    "output": "ok",
                    "history": [["a", "b"]],
                }
            )
        )
    )
    assert [turn["content"] for turn in turns] == ["Be brief.", "a", "b", "Do\n\nthis", "ok"]


def test_a_tree_gives_a_conversation_for_each_last_answer_in_one_group():
    def node(text, role, *replies):
        return {"text": text, "role": role, "replies": list(replies)}

    tree = node(
        "q",
        "prompter",
        node("a", "assistant", node("q2", "prompter", node("a2", "assistant"))),
        node("b", "assistant"),
    )
    parsed = read(jsonl({"message_tree_id": "t1", "prompt": tree}))
    assert [[turn["content"] for turn in turns] for turns in messages(parsed)] == [
        ["q", "a", "q2", "a2"],
        ["q", "b"],
    ]
    assert {row["group"] for row in parsed.rows} == {"t1"}


def test_messages_of_trees_one_a_row_are_put_together_and_orphans_reported():
    rows = [
        {"message_id": "2", "parent_id": "1", "text": "On its way.", "role": "assistant"},
        {"message_id": "1", "parent_id": None, "text": "Where is it?", "role": "prompter"},
        {"message_id": "4", "parent_id": "3", "text": "lost", "role": "assistant"},
    ]
    parsed = read(jsonl(*rows))
    assert [row["messages"] for row in parsed.rows] == [TURNS]
    assert [(one.line, one.reason) for one in parsed.rejected] == [
        (3, "the parent of this message is not in the file")
    ]


def test_a_line_of_a_project_keeps_what_it_says_but_its_id():
    line = {"id": 7, "messages": TURNS, "rating": 9, "createdAt": "2026-01-01T00:00:00Z", "version": 2,
            "originalOutput": "No.", "split": "val", "note": "good", "mood": {"x": 1}}  # fmt: skip
    [row] = read(jsonl(line)).rows
    assert row == {
        "messages": TURNS,
        "rating": 9,
        "originalOutput": "No.",
        "split": "val",
        "note": "good",
        "mood": {"x": 1},
    }


CONTAINERS = {
    "JSONL": b'{"input": "a", "output": "b"}\n{"input": "c", "output": "d"}\n',
    "JSONL without a last line feed": b'{"input": "a", "output": "b"}\n{"input": "c", "output": "d"}',
    "JSONL with CRLF and blank lines": b'{"input": "a", "output": "b"}\r\n\r\n \n{"input": "c", "output": "d"}\r\n',
    "a JSON array": b'[{"input": "a", "output": "b"}, {"input": "c", "output": "d"}]',
    "a pretty-printed array": b'[\n {\n  "input": "a",\n  "output": "b"\n },\n {"input": "c", "output": "d"}\n]\n',
    "an object around a list": b'{"data": [{"input": "a", "output": "b"}, {"input": "c", "output": "d"}]}',
    "a pretty-printed object around a list": b'{\n"version": 1,\n"data": [{"input": "a", "output": "b"}, {"input": "c", "output": "d"}]\n}',
    "columns": b'{"input": ["a", "c"],\n "output": ["b", "d"]}',
    "columns by number": b'{"input": {"0": "a", "1": "c"}, "output": {"0": "b", "1": "d"}}',
    "objects over several lines": b'{\n"input": "a",\n"output": "b"\n}\n{\n"input": "c",\n"output": "d"\n}\n',
    "CSV": b"input,output\na,b\nc,d\n",
    "CSV with quotes and CRLF": b'"input","output"\r\n"a","b"\r\nc,d\r\n',
    "CSV with semicolons": b"input;output\na;b\nc;d\n",
    "TSV": b"input\toutput\na\tb\nc\td\n",
    "UTF-8 with a mark": b'\xef\xbb\xbf{"input": "a", "output": "b"}\n{"input": "c", "output": "d"}\n',
    "UTF-16": '{"input": "a", "output": "b"}\n{"input": "c", "output": "d"}\n'.encode("utf-16"),
    "UTF-16 without a mark": '{"input": "a", "output": "b"}\n{"input": "c", "output": "d"}\n'.encode(
        "utf-16-le"
    ),
    "gzip": gzip.compress(b'{"input": "a", "output": "b"}\n{"input": "c", "output": "d"}\n'),
    "gzip of CSV": gzip.compress(b"input,output\na,b\nc,d\n"),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_this_file_gives_its_two_rows(container):
    found = messages(read(CONTAINERS[container]))
    assert [[turn["content"] for turn in turns] for turns in found] == [["a", "b"], ["c", "d"]]


def test_parquet_and_a_frame_give_their_rows(tmp_path):
    frame = pd.DataFrame({"messages": [TURNS, TOOL_TURNS], "rating": [9, None]})
    frame.to_parquet(tmp_path / "a.parquet")
    for parsed in (
        read((tmp_path / "a.parquet").read_bytes(), name="a.parquet"),
        read_rows(frame.to_dict("records")),
    ):
        assert messages(parsed) == [TURNS, TOOL_TURNS]
        assert [row.get("rating") for row in parsed.rows] == [9, None]


def test_a_hugging_face_dataset_gives_its_rows():
    datasets = pytest.importorskip("datasets")
    found = datasets.Dataset.from_list(
        [{"messages": TURNS, "rating": 9}, {"messages": TOOL_TURNS, "rating": None}]
    )
    assert messages(read_rows(found)) == [TURNS, TOOL_TURNS]


def test_windows_1252_is_read_and_told():
    parsed = read("input,output\nWo ist die Tür?,Grün “dort”.\n".encode("cp1252"), name="a.csv")
    assert messages(parsed)[0][0]["content"] == "Wo ist die Tür?"
    assert "windows-1252" in parsed.notices[0]


def test_in_a_utf8_file_a_broken_line_is_rejected_and_the_others_stay_right():
    good = {"input": "Tür", "output": "b"}
    parsed = read(jsonl(good) + b'{"input": "T\xfcr", "output": "b"}\n' + jsonl(good))
    assert len(parsed.rows) == 2
    assert parsed.rows[0]["messages"][0]["content"] == "Tür"
    assert [(one.line, one.reason) for one in parsed.rejected] == [(2, "byte 13 is not UTF-8")]


def test_line_separators_inside_a_text_do_not_end_the_line():
    text = "a\u2028b\u2029c\x85d"
    assert messages(read(jsonl({"input": text, "output": text})))[0][0]["content"] == text


REFUSED = {
    "an empty file": (b"", "empty"),
    "white space": (b" \n\n", "empty"),
    "a Git LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", "LFS"),
    "a web page": (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
    "a zip archive": (b"PK\x03\x04\x14\x00", "zip"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "picture"),
    "binary": (bytes(range(256)) * 4, "binary"),
    "half a gzip file": (gzip.compress(b"a" * 1000)[:-9], "gzip"),
    "half a Parquet file": (b"PAR1" + b"\0" * 40, "Parquet"),
    "plain text": (b"Once upon a time\nthere was a queen.\n", "plain text"),
    "text without turns": (jsonl({"text": "Once"}, {"text": "upon"}), "only text"),
    "requests for embeddings": (
        jsonl({"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {"input": "a"}}),
        "embeddings",
    ),
    "inputs for embeddings": (jsonl({"input": "a", "model": "text-embedding-3-small"}), "embeddings"),
    "requests of a batch": (
        jsonl({"custom_id": "1", "url": "/v1/chat/completions", "body": {"messages": TURNS[:1]}}),
        "requests",
    ),
    "two columns of one name": (b"input,output,input\na,b,c\n", "two columns"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_training_data_is_refused_in_one_sentence(what):
    content, word = REFUSED[what]
    with pytest.raises(DataError, match=word) as refused:
        read(content, name="export.bin")
    assert str(refused.value).startswith("export.bin")
    assert "\n" not in str(refused.value)
    assert refused.value.hint


BROKEN = {
    "no JSON": (b'{"input": "a", "output": }', "not JSON"),
    "a cut line": (b'{"input": "a", "out', "not JSON"),
    "two objects": (b'{"input": "a", "output": "b"}{"input": "a", "output": "b"}', "not JSON"),
    "NaN": (b'{"input": "a", "output": "b", "x": NaN}', "NaN"),
    "half a character": (b'{"input": "\\ud83d", "output": "b"}', "half a character"),
    "a list": (b"[1, 2]", "a list"),
    "null": (b"null", "null"),
    "a text": (b'"hello"', "a text"),
    "unknown columns": (b'{"foo": 1, "bar": 2}', "no known columns"),
    "an empty answer": (b'{"input": "a", "output": " "}', "output is empty"),
    "an answer that is an object": (b'{"input": "a", "output": {"x": 1}}', "an object"),
    "messages that are a number": (b'{"messages": 4}', "a number"),
    "no messages": (b'{"messages": []}', "empty"),
    "a wrong role": (b'{"messages": [{"role": "narrator", "content": "a"}]}', "narrator"),
    "a role that is a list": (b'{"messages": [{"role": ["user"], "content": "a"}]}', "role"),
    "no answer": (b'{"messages": [{"role": "user", "content": "a"}]}', "no assistant turn"),
    "a message without text": (b'{"messages": [{"role": "user"}, {"role": "assistant", "content": "a"}]}', ""),
    "rating 11": (b'{"input": "a", "output": "b", "rating": 11}', "rating 11"),
    "rating 0": (b'{"input": "a", "output": "b", "rating": 0}', "rating 0"),
    "rating 8.5": (b'{"input": "a", "output": "b", "rating": 8.5}', "rating 8.5"),
    "rating good": (b'{"input": "a", "output": "b", "rating": "good"}', "rating 'good'"),
    "rating true": (b'{"input": "a", "output": "b", "rating": true}', "rating True"),
    "an unfinished tree": (b'{"prompt": {"text": "a", "role": "prompter", "replies": []}}', "no assistant turn"),
    "chosen without a prompt": (b'{"chosen": "a", "rejected": "b"}', "no prompt"),
    "a very deep line": (b'{"messages": ' + b"[" * 5000 + b"]" * 5000 + b"}", ""),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_bad_row_is_rejected_with_line_reason_and_remedy_and_the_rest_comes_in(what):
    line, reason = BROKEN[what]
    good = b'{"input": "a", "output": "b"}\n'
    parsed = read(good + line + b"\n" + good)
    assert len(parsed.rows) == 2
    [rejected] = parsed.rejected
    assert rejected.line == 2
    assert reason in rejected.reason
    assert rejected.remedy
    assert rejected.raw == line.decode()


def test_rejected_rows_can_be_mended_and_imported_again():
    parsed = read(b'[{"input": "a"},\n {"input": "c",\n "output": ""}]')
    assert [one.line for one in parsed.rejected] == [1, 2]
    again = (
        "\n".join(one.raw for one in parsed.rejected)
        .replace('""', '"d"')
        .replace('"a"', '"a", "output": "b"')
    )
    assert len(messages(read(again.encode()))) == 2


def test_in_an_array_the_rows_before_the_fault_come_in():
    parsed = read(b'[{"input": "a", "output": "b"},\n{"input": "c" "output": "d"}]', name="a.json")
    assert len(parsed.rows) == 1
    assert parsed.rejected[0].line == 2


def test_a_csv_row_of_another_length_is_rejected_with_the_line_it_begins_on():
    parsed = read(b'input,output\n"a\nlong one",b\nc,d,e\nf\n')
    assert [(one.line, one.reason) for one in parsed.rejected] == [
        (4, "3 cells, but the header names 2"),
        (5, "1 cell, but the header names 2"),
    ]


def test_a_cell_may_be_longer_than_the_csv_module_likes():
    assert len(messages(read(b"input,output\na," + b"b" * 200_000))[0][1]["content"]) == 200_000


def test_a_cell_may_hold_messages_as_json():
    content = pd.DataFrame({"messages": [json.dumps(TURNS)], "rating": ["9"]}).to_csv(index=False).encode()
    [row] = read(content).rows
    assert row == {"messages": TURNS, "rating": 9}


def test_columns_can_be_named():
    parsed = read(
        b"frage,antwort,sterne\na,b,4\n", columns={"input": "frage", "output": "antwort", "rating": "sterne"}
    )
    assert parsed.rows == [
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "rating": 4}
    ]


def test_a_named_column_that_is_not_there_is_told():
    parsed = read(b"a,b\n1,2\n", columns={"input": "question", "output": "b"})
    assert "'question'" in parsed.rejected[0].reason


def test_a_scale_is_told_and_mapped_only_on_request():
    content = jsonl(*[{"input": "a", "output": str(n), "rating": n} for n in range(1, 6)])
    kept, mapped = read(content), read(content, scale="1-5")
    assert [row["rating"] for row in kept.rows] == [1, 2, 3, 4, 5]
    assert any("scale" in notice for notice in kept.notices)
    assert [row["rating"] for row in mapped.rows] == [1, 3, 6, 8, 10]
    assert any("mapped" in notice for notice in mapped.notices)


def test_other_words_for_the_sides_are_read_and_unknown_ones_left_out_and_told():
    parsed = read(jsonl(*[{"input": side, "output": "b", "split": side} for side in ("validation", "test")]))
    assert [row.get("split") for row in parsed.rows] == ["val", None]
    assert len(parsed.notices) == 2


def test_a_format_that_is_insisted_on_rejects_other_rows():
    parsed = read(jsonl({"input": "a", "output": "b"}), format="sharegpt")
    assert len(parsed.rejected) == 1


@pytest.mark.parametrize(
    "wrong", [{"format": "word"}, {"columns": {"colour": "a"}}, {"scale": "five"}, {"scale": "5-1"}]
)
def test_wrong_words_are_a_usage_error(wrong):
    with pytest.raises(UsageError):
        read(jsonl({"input": "a", "output": "b"}), **wrong)


def test_mixed_shapes_in_one_file_are_all_read_and_named():
    parsed = read(jsonl({"input": "a", "output": "b"}, {"messages": TURNS}, {"messages": TURNS}))
    assert parsed.format == "messages and input-output"
    assert len(parsed.rows) == 3


def told(content, **words):
    try:
        parsed = read(content, **words)
    except (DataError, UsageError) as error:
        return [str(error), error.hint]
    rejected = [[one.line, one.reason, one.remedy, one.raw[:80]] for one in parsed.rejected]
    return [parsed.format, parsed.rows, parsed.lines, parsed.notices, rejected]


def test_what_comes_of_each_file_and_what_is_said_of_it_stands(standing):
    files = {name: jsonl(row) for name, (row, _) in SHAPES.items()}
    files |= CONTAINERS
    files |= {name: line for name, (line, _) in BROKEN.items()}
    files |= {name: content for name, (content, _) in REFUSED.items()}
    standing("readings", {name: told(content) for name, content in files.items()})
