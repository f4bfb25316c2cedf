"""What is written for each provider, what is said of rows that are none of its, and of files that are no text."""

import gzip

from aitelier_nb.errors import DataError
from aitelier_nb.formats import encodings, hub, rules, tables, writers
from aitelier_nb.formats.preferences import Pair
from aitelier_nb.formats.rulebook import PROVIDERS
from aitelier_nb.schema import Example

CALL = {"id": "1", "type": "function", "function": {"name": "find", "arguments": '{"a": 1}'}}
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "properties": {}}}}
SYSTEM = {"role": "system", "content": "s"}
USER, ANSWER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
TOOLS = [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, {"role": "tool", "tool_call_id": "1", "content": "4"}, ANSWER]  # fmt: skip
EXAMPLES = [
    {"id": 1, "messages": [USER, ANSWER], "rating": 8, "version": 1},
    {"id": 2, "messages": [SYSTEM, USER, ANSWER, USER, {**ANSWER, "weight": 0}], "rating": 7.0, "split": "val"},
    {"id": 3, "messages": TOOLS, "tools": [TOOL], "parallel_tool_calls": False, "flagged": True},
    {"id": 4, "messages": [USER, {**ANSWER, "weight": 1}, USER, ANSWER], "rating": 9, "tags": ["x", "y"]},
    {"id": 5, "messages": [USER, ANSWER], "source": {"format": "kto", "label": False}, "note": "=1+1"},
    {"id": 6, "messages": [{"role": "user", "content": [{"type": "text", "text": "q"}]}, ANSWER], "rating": 1},
    {"id": 7, "messages": [{"role": "user", "content": '-1, "é"\n'}, {"role": "assistant", "content": "\tb"}], "rating": 10, "originalOutput": "@b"},
    {"id": 8, "messages": [{"role": "user", "content": "+q"}, {"role": "assistant", "content": "\rb"}], "source": "hand", "group": "g", "createdAt": "2026-01-01T00:00:00.000Z"},
    {"id": 9, "messages": [USER], "rating": 10},
]  # fmt: skip
PAIRS = [
    Pair((USER,), ANSWER, {"role": "assistant", "content": "b"}),
    Pair((SYSTEM, USER), ANSWER, ANSWER, tools=[TOOL]),
]
ROWS = {
    "chat": {"messages": [USER, ANSWER]},
    "chat of one turn": {"messages": [USER]},
    "chat with tools": {"messages": TOOLS, "tools": [TOOL]},
    "chat with calls in a row": {"messages": TOOLS, "tools": [TOOL], "parallel_tool_calls": True, "functions": []},
    "chat with a weight": {"messages": [USER, ANSWER], "weight": 1},
    "text": {"text": "once"},
    "an empty text": {"text": ""},
    "a text of turns": {"text": [USER, ANSWER]},
    "prompt and completion": {"prompt": "q", "completion": "a"},
    "prompt and completion of turns": {"prompt": [USER], "completion": [ANSWER], "tools": [TOOL]},
    "a prompt of a number": {"prompt": 4, "completion": "a"},
    "OpenAI's preference": {"input": {"messages": [USER]}, "preferred_output": [ANSWER], "non_preferred_output": [{**ANSWER, "content": "b"}]},
    "a preference of two answers": {"input": {"messages": [USER]}, "preferred_output": [ANSWER, ANSWER], "non_preferred_output": [USER]},
    "a preference without messages": {"input": "q", "preferred_output": [ANSWER], "non_preferred_output": [ANSWER]},
    "a preference with tools": {"input": {"messages": [USER], "tools": [TOOL], "parallel_tool_calls": False}, "preferred_output": [ANSWER], "non_preferred_output": [USER]},
    "a preference without content": {"input": {"messages": [USER]}, "preferred_output": [{"role": "assistant"}], "non_preferred_output": [{"role": "assistant", "content": 4}]},
    "a preference of calls": {"input": {"messages": [USER], "tools": [TOOL]}, "preferred_output": [{"role": "assistant", "tool_calls": [CALL]}], "non_preferred_output": ["b"]},
    "a function turn": {"messages": [USER, {"role": "assistant", "content": None, "function_call": {"name": "find", "arguments": "{}"}}, {"role": "function", "name": "find", "content": "4"}, ANSWER]},
    "names": {"messages": [{**SYSTEM, "name": "n"}, {**USER, "name": "n"}, {**ANSWER, "name": "n", "refusal": None}]},
    "a developer": {"messages": [{**SYSTEM, "role": "developer"}, USER, ANSWER]},
    "keys of other roles": {"messages": [{**SYSTEM, "weight": 1}, {**USER, "tool_call_id": "1"}, {**ANSWER, "tool_call_id": "1", "audio": None}]},
    "a tool turn with a name": {"messages": [*TOOLS[:2], {**TOOLS[2], "name": "find"}, ANSWER], "tools": [TOOL]},
    "TRL's preference": {"prompt": [USER], "chosen": [ANSWER], "rejected": [{**ANSWER, "content": "b"}]},
    "TRL's preference of texts": {"prompt": "q", "chosen": "a", "rejected": "b"},
    "TRL's preference without a prompt": {"chosen": [USER, ANSWER], "rejected": [USER, ANSWER]},
    "TRL's preference with a tool": {"prompt": "q", "chosen": "a", "rejected": "b", "tools": []},
    "KTO": {"prompt": "q", "completion": "a", "label": True},
    "KTO with a word": {"prompt": "q", "completion": "a", "label": "up"},
    "nothing": {},
    "something": {"foo": 1},
}  # fmt: skip
HEADS = {
    "zip": b"PK\x03\x04", "PDF": b"%PDF-1.7", "PNG": b"\x89PNG", "JPEG": b"\xff\xd8\xff", "pickle 4": b"\x80\x04\x95",
    "pickle 5": b"\x80\x05\x95", "SQLite": b"SQLite format 3\x00", "GGUF": b"GGUF", "Arrow": b"ARROW1",
    "zstandard": b"\x28\xb5\x2f\xfd", "bzip2": b"BZh9", "xz": b"\xfd7zXZ\x00", "a page": b" <!doctype html>", "XML": b"<?xml ",
    "SVG": b"<svg ", "HTML": b"<HTML>", "controls": b"\x01\x02\x03\x04ab", "few controls": b"\x01" + b"a" * 9,
    "half gzip": gzip.compress(b"a" * 500)[:-4], "no text": b"", "blank": b" \n", "text": b"a\n", "UTF-8": "é\n".encode(),
    "marked UTF-8": "é\n".encode("utf-8-sig"), "UTF-16": "é\n".encode("utf-16"), "UTF-16 BE": b"\xfe\xff" + "é\n".encode("utf-16-be"),
    "UTF-16 without a mark": '{"a": "é"}\n'.encode("utf-16-le"), "UTF-16 BE without a mark": '{"a": "é"}\n'.encode("utf-16-be"),
    "UTF-32": "é\n".encode("utf-32"), "UTF-32 BE": b"\x00\x00\xfe\xff" + "é\n".encode("utf-32-be"),
    "Windows-1252": "née\n".encode("cp1252"), "a broken line": "é\n".encode() * 3 + b"\xe9\n", "gzip": gzip.compress("é\n".encode()),
    "a cut UTF-16": "ab\n".encode("utf-16")[:-1],
}  # fmt: skip


def examples():
    return [Example.model_validate(line) for line in EXAMPLES]


def text(lines):
    return b"".join(lines).decode()


def decoded(content):
    try:
        found = encodings.decode(content, "export")
    except DataError as error:
        return [str(error), error.hint]
    return [found.text.decode("utf-8", "replace"), found.encoding, found.notices]


def test_what_is_written_stands(standing):
    written = {}
    for provider in PROVIDERS:
        written[f"chat for {provider}"] = text(writers.chat(examples(), provider))
        written[f"last turns for {provider}"] = text(writers.chat(examples(), provider, train_on="last"))
        written[f"pairs for {provider}"] = text(writers.preference(PAIRS, provider))
    for system in ("", "new"):
        written[f"chat with the system prompt {system!r}"] = text(
            writers.chat(examples(), "openai", system=system)
        )
    for threshold in (8, 8.5, 1):
        written[f"thumbs from {threshold}"] = text(writers.kto(examples(), threshold=threshold))
    written["a table"] = text(tables.csv(examples()))
    written["rows"] = [tables.row_of(example) for example in examples()]
    standing("written", written)


def test_a_table_of_simple_turns_has_them_in_columns_and_another_as_json():
    import io

    import pyarrow.parquet as pq

    simple = pq.read_table(io.BytesIO(tables.parquet(examples()[:1])))
    mixed = pq.read_table(io.BytesIO(tables.parquet(examples())))
    assert simple["messages"].to_pylist() == [[USER, ANSWER]]
    assert simple.schema.field("rating").type == "int8"
    assert mixed["messages"].to_pylist()[1].startswith('[{"role":"system"')
    assert mixed["flagged"].to_pylist()[2] is True
    assert mixed["tags"].to_pylist()[3] == '["x","y"]'


def test_what_is_said_of_a_row_of_each_kind_stands(standing):
    said = {}
    for name, row in ROWS.items():
        line = writers.encode(row)
        found = {
            p: [[f.rule, f.severity, f.message, f.remedy] for f in rules.check(line * 12, p)]
            for p in PROVIDERS
        }
        said[name] = {p: faults[:3] for p, faults in found.items()}
        said[f"{name} asked as chat"] = [
            [f.rule, f.message, f.remedy] for f in rules.check(line, "openai", kind="chat")
        ]
    standing("kinds", said)


def test_the_folder_of_a_dataset_stands(standing):
    found = {}
    for name, words in {
        "plain": {},
        "told": {"license": "mit", "intended_use": 'For <b>"us"</b>', "threshold": 8},
        "one side": {"threshold": 7.5},
    }.items():
        rows = [one for one in examples() if name != "one side" or one.split == "val"]
        files = hub.folder(rows, name='a "shop" <x>', **words)
        found[name] = {
            str(path): content.decode() for path, content in dict(files).items() if str(path).endswith(".md")
        }
        found[f"{name}, files"] = sorted(map(str, dict(files)))
    standing("cards", found)


def test_how_the_bytes_of_a_file_are_read_stands(standing):
    standing("encodings", {name: decoded(content) for name, content in HEADS.items()})
