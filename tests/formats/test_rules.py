"""The verdict on a training file is the provider's own."""

import json

import pytest

from aitelier_nb.errors import UsageError
from aitelier_nb.formats import rulebook, rules

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Where is my parcel?"}
ASSISTANT = {"role": "assistant", "content": "Please send me the order number."}
CHAT = {"messages": [SYSTEM, USER, ASSISTANT]}
PAIR = {
    "input": {"messages": [USER]},
    "preferred_output": [ASSISTANT],
    "non_preferred_output": [{"role": "assistant", "content": "No idea."}],
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"id": 4}'}}
CALLING = {"role": "assistant", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "on its way"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
TEXT_PART = {"type": "text", "text": "What is this?"}


def jsonl(*rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def chat(*turns, **more):
    """A file of one odd and eleven good examples, so that only the odd one can be the reason."""
    good = [{"messages": [{**USER, "content": f"question {n}"}, ASSISTANT]} for n in range(11)]
    return jsonl({"messages": list(turns), **more}, *good)


def errors(content, provider, **kwargs):
    return {f.rule for f in rules.check(content, provider, **kwargs) if f.severity == "error"}


def warnings(content, provider, **kwargs):
    return {f.rule for f in rules.check(content, provider, **kwargs) if f.severity == "warning"}


@pytest.mark.parametrize("provider", rulebook.PROVIDERS)
def test_the_safe_intersection_passes_everywhere_without_a_word(provider):
    content = chat(USER, ASSISTANT, {**USER, "content": "And now?"}, ASSISTANT)
    assert rules.check(content, provider) == []


EVERYWHERE = {
    "an empty file": (b"", "empty_file"),
    "only blank lines": (b"\n\n  \n", "empty_file"),
    "latin-1": ('{"messages": [{"role": "user", "content": "é"}]}\n'.encode("latin-1"), "not_utf8"),
    "UTF-16": (chat(USER, ASSISTANT).decode().encode("utf-16"), "not_utf8"),
    "a JSON array": (json.dumps([CHAT]).encode(), "not_object"),
    "JSON over several lines": (json.dumps(CHAT, indent=1).encode(), "not_json"),
    "a trailing comma": (chat(USER, ASSISTANT).replace(b"]}\n", b"],}\n", 1), "not_json"),
    "a cut last line": (chat(USER, ASSISTANT)[:-20], "not_json"),
    "two objects on a line": (chat(USER, ASSISTANT).replace(b"\n", b"", 1), "not_json"),
    "a string as line": (b'"hello"\n' + chat(USER, ASSISTANT), "not_object"),
    "a number as line": (b"4\n" + chat(USER, ASSISTANT), "not_object"),
    "null as line": (b"null\n" + chat(USER, ASSISTANT), "not_object"),
    "messages that are no list": (chat(messages="hello"), "messages_not_list"),
    "no messages": (chat(), "messages_empty"),
    "messages of texts": (chat("hello"), "message_not_object"),
    "a turn without role": (chat({"content": "hello"}, ASSISTANT), "role_missing"),
    "an unknown role": (chat({**USER, "role": "human"}, ASSISTANT), "role_unknown"),
    "a role that is a list": (chat({**USER, "role": ["user"]}, ASSISTANT), "role_unknown"),
    "a turn without content": (chat({"role": "user"}, ASSISTANT), "content_missing"),
    "null as content": (chat({"role": "user", "content": None}, ASSISTANT), "content_null"),
    "a number as content": (chat({"role": "user", "content": 4}, ASSISTANT), "content_type"),
    "no assistant turn": (chat(SYSTEM, USER), "no_assistant"),
    "weight 2": (chat(USER, {**ASSISTANT, "weight": 2}), "weight_value"),
    "weight as text": (chat(USER, {**ASSISTANT, "weight": "1"}), "weight_type"),
    "weight 1.0": (chat(USER, {**ASSISTANT, "weight": 1.0}), "weight_type"),
    "weight null": (chat(USER, {**ASSISTANT, "weight": None}), "weight_type"),
    "a row of Alpaca": (chat() + jsonl({"instruction": "a", "output": "b"}), "unknown_format"),
    "a row of ShareGPT": (jsonl({"conversations": [{"from": "human", "value": "a"}]}), "unknown_format"),
}


@pytest.mark.parametrize("provider", rulebook.PROVIDERS)
@pytest.mark.parametrize("what", EVERYWHERE)
def test_every_provider_refuses(what, provider):
    content, rule = EVERYWHERE[what]
    if what == "messages that are no list":
        content = jsonl({"messages": "hello"}) + chat(USER, ASSISTANT)
    assert rule in errors(content, provider)


@pytest.mark.parametrize("name", ["train.JSONL", "train.json", "train.txt", "train", "train.jsonl.gz"])
@pytest.mark.parametrize("provider", rulebook.PROVIDERS)
def test_every_provider_looks_at_the_extension_and_its_case(name, provider):
    assert errors(chat(USER, ASSISTANT), provider, name=name) == {"file_extension"}


TOGETHER = {
    "two user turns in a row": (chat(USER, USER, ASSISTANT), "same_role_twice"),
    "two assistant turns in a row": (chat(USER, ASSISTANT, ASSISTANT), "same_role_twice"),
    "a blank line": (chat(USER, ASSISTANT) + b"\n" + jsonl(CHAT), "blank_line"),
    "a byte order mark": (b"\xef\xbb\xbf" + chat(USER, ASSISTANT), "byte_order_mark"),
    "the role developer": (chat({**SYSTEM, "role": "developer"}, USER, ASSISTANT), "role_unknown"),
    "an extra column": (chat(USER, ASSISTANT, rating=9), "extra_column"),
    "parallel_tool_calls": (chat(USER, ASSISTANT, parallel_tool_calls=True), "extra_column"),
    "two kinds on one line": (jsonl({**CHAT, "text": "hello"}), "extra_column"),
    "two kinds in one file": (jsonl(CHAT, {"text": "hello"}), "mixed_kinds"),
    "a prompt that is a number": (jsonl({"prompt": 4, "completion": "b"}), "text_type"),
    "a prompt alone": (jsonl({"prompt": "a"}), "unknown_format"),
    "text null": (jsonl({"text": None}), "text_type"),
    "a picture in the assistant": (chat(USER, {**ASSISTANT, "content": [PICTURE]}), "image_role"),
    "a picture by link": (
        chat(
            {**USER, "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}]}, ASSISTANT
        ),
        "image_link",
    ),
    "a GIF": (
        chat(
            {**USER, "content": [{"type": "image_url", "image_url": {"url": "data:image/gif;base64,AAA"}}]},
            ASSISTANT,
        ),
        "image_link",
    ),
    "a picture as bare text": (
        chat(
            {**USER, "content": [{"type": "image_url", "image_url": "data:image/png;base64,AAA"}]}, ASSISTANT
        ),
        "image_url",
    ),
    "eleven pictures": (
        chat({**USER, "content": [PICTURE] * 11}, {**ASSISTANT, "content": [TEXT_PART]}),
        "too_many_images",
    ),
    "a picture with weight 1": (
        chat({**USER, "content": [PICTURE], "weight": 1}, {**ASSISTANT, "content": [TEXT_PART]}),
        "image_weight",
    ),
    "parts beside plain texts": (chat({**USER, "content": [TEXT_PART]}, ASSISTANT), "mixed_parts"),
    "a part without type": (chat({**USER, "content": [{"text": "a"}]}, ASSISTANT), "part_type"),
    "a part of audio": (chat({**USER, "content": [{"type": "input_audio"}]}, ASSISTANT), "part_type"),
    "a pair without output": (jsonl({**PAIR, "preferred_output": []}), "preference_output"),
    "a pair with two outputs": (jsonl({**PAIR, "preferred_output": [ASSISTANT] * 2}), "preference_output"),
    "a pair with a user's output": (jsonl({**PAIR, "preferred_output": [USER]}), "preference_output"),
    "a pair whose input ends with the assistant": (
        jsonl({**PAIR, "input": {"messages": [USER, ASSISTANT]}}),
        "preference_ends_with_assistant",
    ),
}


@pytest.mark.parametrize("what", TOGETHER)
def test_together_refuses(what):
    content, rule = TOGETHER[what]
    assert rule in errors(content, "together")


OPENAI = {
    "nine examples": (jsonl(*[CHAT] * 9), "too_few_examples"),
    "an empty list of parts": (chat({**USER, "content": []}, ASSISTANT), "content_no_parts"),
    "empty content": (chat(USER, {**ASSISTANT, "content": ""}), "content_empty"),
    "an unknown key in a message": (chat({**USER, "customer": 7}, ASSISTANT), "unknown_message_key"),
    "arguments that are an object": (
        chat(USER, {**CALLING, "tool_calls": [{**CALL, "function": {"name": "find", "arguments": {}}}]}),
        "tool_call_arguments",
    ),
    "a call without id": (
        chat(USER, {**CALLING, "tool_calls": [{"type": "function", "function": CALL["function"]}]}),
        "tool_call_shape",
    ),
    "a result without the call's id": (
        chat(USER, CALLING, {"role": "tool", "content": "x"}, ASSISTANT),
        "tool_call_id_missing",
    ),
    "a result without a call": (chat(USER, RESULT, ASSISTANT), "tool_without_call"),
    "a bad function name": (
        chat(USER, ASSISTANT, tools=[{"type": "function", "function": {"name": "find it!"}}]),
        "function_name",
    ),
    "weight true": (chat(USER, {**ASSISTANT, "weight": True}), "weight_boolean"),
    "a weight on a user turn": (chat({**USER, "weight": 1}, ASSISTANT), "weight_role"),
    "prompt and completion": (jsonl(*[{"prompt": "a", "completion": "b"}] * 10), "unknown_format"),
    "text": (jsonl(*[{"text": "a"}] * 10), "unknown_format"),
    "a pair with two outputs": (
        jsonl(*[{**PAIR, "preferred_output": [ASSISTANT] * 2}] * 10),
        "preference_output",
    ),
}


@pytest.mark.parametrize("what", OPENAI)
def test_openai_refuses(what):
    content, rule = OPENAI[what]
    assert rule in errors(content, "openai")


@pytest.mark.parametrize("provider", ["together", "openai", "fireworks"])
def test_a_conversation_with_tools_passes(provider):
    tools = [{"type": "function", "function": {"name": "find", "parameters": {}}}]
    assert errors(chat(USER, CALLING, RESULT, ASSISTANT, tools=tools), provider) == set()


def test_openai_takes_the_role_developer_and_linked_pictures():
    linked = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    turns = ({**SYSTEM, "role": "developer"}, {**USER, "content": [TEXT_PART, linked]}, ASSISTANT)
    assert errors(chat(*turns), "openai") == set()


POOR = {
    "a last user turn": (chat(USER, ASSISTANT, USER), "ends_with_user"),
    "a first assistant turn": (chat(ASSISTANT, USER, ASSISTANT), "starts_with_assistant"),
    "assistant turns only": (chat(ASSISTANT), "only_assistant"),
    "all weights 0": (chat(USER, {**ASSISTANT, "weight": 0}), "weights_all_zero"),
    "a NUL character": (chat({**USER, "content": "a\0b"}, ASSISTANT), "nul_character"),
    "half a character": (chat({**USER, "content": "a\ud83d"}, ASSISTANT), "lone_surrogate"),
    "a key given twice": (
        chat(USER, ASSISTANT).replace(b'"role"', b'"role": "user", "role"', 1),
        "duplicate_keys",
    ),
    "the same line twice": (jsonl(*[CHAT] * 12), "duplicate_line"),
    "two system prompts": (chat(SYSTEM, USER, ASSISTANT), "mixed_system_prompts"),
}


@pytest.mark.parametrize("provider", ["together", "openai"])
@pytest.mark.parametrize("what", POOR)
def test_poor_data_passes_with_a_warning(what, provider):
    content, rule = POOR[what]
    assert rule in warnings(content, provider)
    assert errors(content, provider) == set()


def test_a_pair_of_equal_answers_is_warned_about():
    content = jsonl(*[{**PAIR, "non_preferred_output": [ASSISTANT]}] * 10)
    assert "preference_identical" in warnings(content, "together")


def test_a_full_unicode_character_written_as_two_escapes_is_no_half_one():
    content = chat({**USER, "content": "🙂 \\ud83d"}, ASSISTANT)
    assert rules.check(content, "together") == []


def test_each_finding_names_line_remedy_and_source():
    content = chat(USER, ASSISTANT) + jsonl({"messages": [USER]})
    [finding] = [f for f in rules.check(content, "openai") if f.severity == "error"]
    assert (finding.line, finding.rule) == (13, "no_assistant")
    assert finding.remedy
    assert finding.source


def test_a_rule_that_every_line_breaks_is_shown_a_hundred_times_and_then_counted():
    findings = rules.check(jsonl(*[{"messages": [USER]}] * 250), "together")
    broken = [f for f in findings if f.rule == "no_assistant"]
    assert len(broken) == 101
    assert "150 more" in broken[-1].message


def test_a_preference_file_is_not_taken_for_a_chat_file():
    assert "wrong_kind" in errors(jsonl(*[PAIR] * 10), "openai", kind="chat")
    assert rules.kind_of(jsonl(PAIR)) == "preference"
    assert rules.kind_of(jsonl(CHAT)) == "chat"


def test_an_unknown_provider_is_named_with_those_that_there_are():
    with pytest.raises(UsageError, match="nobody"):
        rules.check(b"", "nobody")


@pytest.mark.parametrize("rule", rulebook.RULES)
def test_every_rule_has_a_source_and_counts_for_somebody(rule):
    assert rulebook.source_of(rule)
    assert any(rulebook.severity_of(rule, provider) for provider in rulebook.PROVIDERS)


def test_openai_counts_the_functions_of_a_line():
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    for count, refused in ((128, False), (129, True)):
        row = {"messages": turns, "functions": [{"name": f"f{n}", "parameters": {}} for n in range(count)]}
        content = (json.dumps(row) + "\n").encode() * 10
        assert any(found.severity == "error" for found in rules.check(content, "openai")) == refused
