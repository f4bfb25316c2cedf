"""Whatever the bytes are: no traceback, and no row gets lost in silence."""

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitelier_nb.errors import AitelierError
from aitelier_nb.formats import bulk, rules
from aitelier_nb.formats.readers import read, read_rows

GOOD = {
    "messages": [
        {"role": "user", "content": "Wo ist die Tür?"},
        {"role": "assistant", "content": "Dort → 🙂"},
    ]
}
SEEDS = [
    json.dumps(GOOD, ensure_ascii=False).encode() + b"\n" + json.dumps(GOOD).encode() + b"\n",
    json.dumps([GOOD, GOOD], indent=1).encode(),
    b'input,output,rating\na,b,9\n"c\n""d""",e,\n',
    json.dumps({"data": [GOOD]}).encode(),
    b'{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}\n',
    b'{"prompt": "a", "chosen": "b", "rejected": "c"}\n{"prompt": "a", "completion": "b", "label": true}\n',
    b'{"message_id": "1", "parent_id": null, "text": "a", "role": "prompter"}\n',
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["messages", "conversations", "role", "content", "from", "value", "input", "output", "prompt", "completion", "chosen",
     "rejected", "label", "instruction", "instances", "history", "rating", "split", "tags", "message_id", "parent_id",
     "text", "replies", "tools", "tool_calls", "system", "preferred_output", "non_preferred_output", "rewrite", "body"]
)  # fmt: skip
ROWS = st.dictionaries(
    NAMES, JSON | st.lists(st.dictionaries(NAMES, JSON, max_size=3), max_size=3), max_size=5
)


def mutated(content, seed):
    """The bytes with a few of them changed, cut, doubled or put in."""
    chance = random.Random(seed)
    content = bytearray(content)
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(len(content) + 1)
        junk = chance.choice(
            [b"", b"\0", b"\xff", b"\xc3", b'"', b"\n", b"\r", b"{", b"]", b",", b"\xe2\x80\xa8", b"[" * 2000]
        )
        content[place : place + chance.choice([0, 1, 1, 9])] = junk
    return bytes(content)


def looked_at(content, **more):
    try:
        return read(content, name="a.jsonl", **more)
    except AitelierError as refused:
        sentence, hint = str(refused), refused.hint
    assert "\n" not in sentence
    assert hint
    return None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SEEDS), st.integers(0, 10**9))
def test_a_damaged_file_is_read_or_refused_in_a_sentence(content, seed):
    damaged = mutated(content, seed)
    looked_at(damaged)
    for provider in ("together", "openai"):
        rules.check(damaged, provider)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_in_a_sentence(content):
    looked_at(content)
    looked_at(content[1:], format="messages")
    rules.check(content, "together")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(ROWS, JSON, st.just(GOOD)), min_size=1, max_size=6), st.integers(0, 10**9))
def test_rows_in_are_rows_imported_and_rows_reported(rows, seed):
    rows = [row for row in rows if not (isinstance(row, dict) and "message_id" in row)]
    written = [json.dumps(row, allow_nan=True).encode() for row in rows]
    lines = [mutated(line, seed + n) if n % 3 == 2 else line for n, line in enumerate(written)]
    content = b"\n".join([json.dumps(GOOD).encode(), *(line.replace(b"\n", b"") for line in lines)])
    parsed = looked_at(content)
    if parsed is None:
        return
    told = set(parsed.lines) | {one.line for one in parsed.rejected}
    there = {number for number, line in enumerate(content.split(b"\n"), 1) if line.strip()}
    assert told == there
    assert len(parsed.lines) == len(parsed.rows)


ROLE = st.sampled_from(["user", "assistant", "assistant", "system", "tool", "function", "human", "", 1])
CONTENT = st.sampled_from(["a", "Tür 🙂", "\\", '"', "", " ", "\u00a0", "\ud800", None, 0, ["a"]]) | st.text()
ODD = st.tuples(st.sampled_from(["role", "content", "weight", "name", "x", "messages"]), st.none() | ROLE)
TURN = st.tuples(
    st.permutations(["role", "content"]), ROLE, CONTENT, st.lists(ODD, max_size=1) | st.just([])
).map(lambda drawn: spelt([*((key, drawn[1 + (key == "content")]) for key in drawn[0]), *drawn[3]]))
PLAIN_LINE = st.tuples(st.lists(TURN, max_size=3), st.lists(ODD, max_size=1)).map(
    lambda drawn: (
        f'{{"messages": [{", ".join(drawn[0])}]'
        + "".join(f", {json.dumps(key)}: {json.dumps(value)}" for key, value in drawn[1])
        + "}"
    )
)


def spelt(pairs):
    """An object in JSON, in which a key may stand twice."""
    return "{" + ", ".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs) + "}"


@settings(max_examples=300, deadline=None)
@given(
    st.lists(PLAIN_LINE | st.just(json.dumps(GOOD)), min_size=1, max_size=3), st.none() | st.integers(0, 99)
)
def test_lines_read_a_block_at_a_time_get_the_verdicts_of_lines_read_one_by_one(lines, seed):
    content = "\n".join(lines).encode()
    content = content if seed is None else mutated(content, seed)
    at_once = as_objects(looked_at(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "_plain", lambda block, lines: None)
        assert as_objects(looked_at(content)) == at_once


def as_objects(parsed):
    return None if parsed is None else replace(parsed, examples=parsed.rows)


@settings(max_examples=150, deadline=None)
@given(st.lists(ROWS, max_size=4))
def test_rows_that_are_objects_already_are_read_or_reported(rows):
    try:
        parsed = read_rows(rows)
    except AitelierError:
        return
    assert {*parsed.lines, *(one.line for one in parsed.rejected)} == set(range(1, len(rows) + 1))
    assert all(isinstance(row["messages"], list) and row["messages"] for row in parsed.rows)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(ROWS, min_size=1, max_size=3),
    st.sampled_from(["together", "openai", "fireworks", "trl", "local"]),
)
def test_any_row_can_be_checked(rows, provider):
    rules.check(b"".join(json.dumps(row).encode() + b"\n" for row in rows), provider)
