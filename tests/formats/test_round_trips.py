"""What goes out comes back equal, through every format that can carry it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitelier_nb.errors import DataError
from aitelier_nb.formats import hub, preferences, rules, tables, writers
from aitelier_nb.formats.readers import read
from aitelier_nb.schema import Edit, Example

TEXT = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text.strip())


@st.composite
def examples(draw):
    """A conversation of any Unicode, with or without system prompt, rating, tags and the rest."""
    turns = [{"role": "system", "content": draw(TEXT)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        turns += [{"role": "user", "content": draw(TEXT)}, {"role": "assistant", "content": draw(TEXT)}]
    more = {
        "rating": st.integers(1, 10),
        "split": st.sampled_from(["train", "val"]),
        "tags": st.lists(TEXT, max_size=2),
        "note": TEXT.filter(lambda text: not text.startswith(tables.FORMULA)),
        "flagged": st.booleans(),
        "originalOutput": TEXT.filter(lambda text: not text.startswith(tables.FORMULA)),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(more))))
    return Example(id=draw(st.integers(1, 99)), messages=turns, **{name: draw(more[name]) for name in chosen})


def plain(example):
    line = example.to_json()
    return {name: value for name, value in line.items() if name not in ("id", "createdAt", "version")}


@given(st.lists(examples(), min_size=1, max_size=4))
@settings(max_examples=25, deadline=None)
def test_a_csv_file_gives_the_same_examples_back(many):
    parsed = read(b"".join(tables.csv(many)), name="a.csv")
    assert not parsed.rejected
    assert parsed.rows == [plain(example) for example in many]


@given(st.lists(examples(), min_size=1, max_size=4))
@settings(max_examples=15, deadline=None)
def test_a_parquet_file_gives_the_same_examples_back(many):
    parsed = read(tables.parquet(many), name="a.parquet")
    assert not parsed.rejected
    assert parsed.rows == [plain(example) for example in many]


@pytest.mark.parametrize("provider", ["together", "fireworks", "openai", "trl", "local"])
@given(many=st.lists(examples(), min_size=1, max_size=4))
@settings(max_examples=8, deadline=None)
def test_a_chat_file_gives_the_same_conversations_back_and_passes_the_check(provider, many):
    content = b"".join(writers.chat(many, provider))
    assert [row["messages"] for row in read(content).rows] == [plain(example)["messages"] for example in many]
    refused = {f.rule for f in rules.check(content, provider) if f.severity == "error"}
    assert refused <= {"too_few_examples"}


@pytest.mark.parametrize("provider", ["openai", "together", "fireworks", "trl"])
@given(many=st.lists(examples(), min_size=1, max_size=3), worse=TEXT)
@settings(max_examples=8, deadline=None)
def test_a_preference_file_gives_both_answers_back_and_passes_the_check(provider, many, worse):
    content = b"".join(
        writers.preference([preferences.pair_of(example, worse) for example in many], provider)
    )
    parsed = read(content)
    assert [row["messages"] for row in parsed.rows] == [plain(example)["messages"] for example in many]
    assert all(row["source"]["rejected"] == worse for row in parsed.rows)
    refused = {f.rule for f in rules.check(content, provider, kind="preference") if f.severity == "error"}
    assert refused <= {"too_few_examples"}


@given(st.lists(examples(), min_size=1, max_size=4))
@settings(max_examples=8, deadline=None)
def test_a_kto_file_gives_conversations_and_thumbs_back(many):
    rated = [example for example in many if example.rating is not None]
    content = b"".join(writers.kto(many, threshold=8))
    found = read(content).rows if content else []
    assert [row["messages"] for row in found] == [plain(example)["messages"] for example in rated]
    assert [row["source"]["label"] for row in found] == [example.rating >= 8 for example in rated]


CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"id": 4}'}}
WITH_TOOLS = Example(
    id=1,
    messages=[
        {"role": "user", "content": [{"type": "text", "text": "Where?"}]},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "Rome"},
        {"role": "assistant", "content": "In Rome.", "weight": 1},
    ],
    tools=[{"type": "function", "function": {"name": "find", "parameters": {}}}],
)


@pytest.mark.parametrize("content", [b"".join(tables.csv([WITH_TOOLS])), tables.parquet([WITH_TOOLS])])
def test_tools_parts_and_weights_survive_a_table(content):
    [row] = read(content).rows
    assert row["messages"][2:] == plain(WITH_TOOLS)["messages"][2:]
    assert row["messages"][1]["tool_calls"] == [CALL]
    assert row["tools"] == WITH_TOOLS.model_extra["tools"]


def test_what_went_out_to_trl_comes_back_with_calls_that_openai_takes():
    [back] = read(next(writers.chat([WITH_TOOLS], "trl")), name="trl.jsonl").rows

    asked, answered = back["messages"][1]["tool_calls"][0], back["messages"][2]
    assert json.loads(asked["function"]["arguments"]) == {"id": 4}
    assert answered["tool_call_id"] == asked["id"]
    content = json.dumps({name: back[name] for name in ("messages", "tools")}).encode() + b"\n"
    assert not [found for found in rules.check(content * 10, "openai") if found.severity == "error"]


def test_openai_gets_arguments_as_text_and_trl_as_an_object_with_the_tools_name():
    openai = json.loads(next(writers.chat([WITH_TOOLS], "openai")))
    trl = json.loads(next(writers.chat([WITH_TOOLS], "trl")))
    assert openai["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"id": 4}'
    assert trl["messages"][1]["tool_calls"][0]["function"]["arguments"] == {"id": 4}
    assert trl["messages"][2] == {"role": "tool", "content": "Rome", "name": "find"}
    assert openai["tools"] == trl["tools"]


def test_only_what_a_provider_reads_is_in_a_chat_file():
    private = Example(
        id=4, messages=plain(WITH_TOOLS)["messages"], rating=9, note="secret", tags=["a"], group="g"
    )
    assert set(json.loads(next(writers.chat([private], "together")))) == {"messages"}


def chat_of(example, **more):
    return json.loads(next(writers.chat([example], "together", **more)))["messages"]


TWO_ANSWERS = Example(
    id=1,
    messages=[
        {"role": "system", "content": "old"},
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "d"},
    ],
)


def test_the_system_prompt_can_be_kept_replaced_or_taken_out():
    assert chat_of(TWO_ANSWERS)[0]["content"] == "old"
    assert chat_of(TWO_ANSWERS, system="new")[0] == {"role": "system", "content": "new"}
    assert chat_of(TWO_ANSWERS, system="")[0]["role"] == "user"


def test_training_on_the_last_answer_gives_the_others_weight_0():
    weights = [turn.get("weight") for turn in chat_of(TWO_ANSWERS, train_on="last")]
    assert weights == [None, None, 0, None, 1]


def test_half_a_character_is_refused_with_a_sentence():
    with pytest.raises(DataError, match="half a character"):
        writers.encode({"messages": "\ud83d"})


def rewritten(rating, original="No idea."):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    return Example(id=1, messages=turns, rating=rating, originalOutput=original)


def edit(kind, before, after):
    return Edit(
        event="e", at="2026-01-01T00:00:00.000Z", by="me", id=1, kind=kind, before=before, after=after
    )


@pytest.mark.parametrize(
    ("before", "now", "pairs"),
    [(3, 9, 1), (9, 9, 0), (10, 9, 0), (3, 7, 0), (3, None, 0), (None, 9, 1)],
)
def test_a_rewrite_makes_a_pair_only_when_it_is_rated_above_its_original_and_at_the_threshold(
    before, now, pairs
):
    rewrite = edit(
        "rewrite", {"rating": before, "messages": []}, {"rating": now, "messages": [], "originalOutput": "x"}
    )
    history = {1: [edit("rate", {"rating": None}, {"rating": before}), rewrite]}
    assert len(list(preferences.from_rewrites([rewritten(now)], history, threshold=8))) == pairs


def test_the_originals_rating_is_found_even_when_the_rewrite_left_it_as_it_was():
    history = [
        edit("rate", {"rating": None}, {"rating": 9}),
        edit("rewrite", {"messages": []}, {"messages": []}),
    ]
    assert list(preferences.from_rewrites([rewritten(9)], {1: history}, threshold=8)) == []


def test_votes_make_pairs_in_the_direction_of_the_vote():
    example = TWO_ANSWERS
    won = list(preferences.from_votes([example], {1: "W"}, {1: ("base", "tuned")}))
    lost = list(preferences.from_votes([example], {1: "L"}, {1: ("base", "tuned")}))
    assert (won[0].preferred["content"], won[0].other["content"]) == ("tuned", "base")
    assert (lost[0].preferred["content"], lost[0].other["content"]) == ("base", "tuned")
    assert list(preferences.from_votes([example], {1: "T"}, {1: ("base", "tuned")})) == []


def test_a_formula_in_a_cell_is_shown_and_not_run():
    evil = Example(
        id=1, messages=[{"role": "user", "content": "=HYPERLINK(1)"}, {"role": "assistant", "content": "b"}]
    )
    assert b"'=HYPERLINK(1)" in b"".join(tables.csv([evil]))


def test_a_dataset_folder_loads_with_its_splits(tmp_path):
    datasets = pytest.importorskip("datasets")
    many = [rewritten(9), TWO_ANSWERS.model_copy(update={"split": "val", "id": 2}), WITH_TOOLS]
    many[0].split = "train"
    for path, content in hub.folder(many[:2], name='A "good" <b>set</b>', threshold=8).items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    found = datasets.load_dataset(str(tmp_path), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in found.items()} == {"train": 1, "validation": 1}
    assert found["validation"][0]["messages"] == plain(TWO_ANSWERS)["messages"]
    assert "<b>" not in (tmp_path / "README.md").read_text()
