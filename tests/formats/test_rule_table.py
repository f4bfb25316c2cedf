"""One file for each rule of the rulebook that breaks it: who refuses it, who only warns, where it is written."""

import json

import pytest

from aitelier_nb.formats import rules
from aitelier_nb.formats.rulebook import PROVIDERS, RULES

USER, ANSWER = {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
TEXT = {"type": "text", "text": "t"}


def chat(*turns, **more):
    return {"messages": list(turns), **more}


def said(**more):
    return chat(USER, {**ANSWER, **more})


def asked(content):
    return chat({"role": "user", "content": content}, {"role": "assistant", "content": [TEXT]})


def picture(url):
    return asked([TEXT, {"type": "image_url", "image_url": {"url": url}}])


def call(**more):
    made = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}
    return chat(USER, {"role": "assistant", "content": None, "tool_calls": [made]}, ANSWER)


def pair(asking=(USER,), better=(ANSWER,), worse=({"role": "assistant", "content": "b"},)):
    return {
        "input": {"messages": list(asking)},
        "preferred_output": list(better),
        "non_preferred_output": list(worse),
    }


GOOD = chat(USER, ANSWER)
# rule: what breaks it, as rows or as bytes
BROKEN = {
    "empty_file": b"",
    "too_few_examples": [GOOD],
    "byte_order_mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "not_utf8": json.dumps(GOOD).encode()[:-3] + b"\xff" + b'"}]}',
    "mixed_kinds": [GOOD, pair()],
    "blank_line": json.dumps(GOOD).encode() + b"\n\n" + json.dumps(said(content="b")).encode(),
    "carriage_return": b'{"messages": [\r{"role": "user"}]}',
    "not_json": b'{"messages": [}',
    "not_a_number": b'{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":NaN}]}',
    "not_object": b'["messages"]',
    "unknown_format": [{"instruction": "i", "output": "o"}],
    "extra_column": [{**GOOD, "rating": 9}],
    "messages_not_list": [{"messages": "text"}],
    "messages_empty": [{"messages": []}],
    "message_not_object": [chat("text", ANSWER)],
    "role_missing": [chat({"content": "q"}, ANSWER)],
    "role_unknown": [chat({"role": "narrator", "content": "q"}, ANSWER)],
    "same_role_twice": [chat(USER, USER, ANSWER)],
    "starts_with_assistant": [chat(ANSWER, USER, ANSWER)],
    "system_not_first": [chat(USER, {"role": "system", "content": "s"}, ANSWER)],
    "ends_with_user": [chat(USER, ANSWER, USER)],
    "no_assistant": [chat(USER)],
    "content_missing": [chat({"role": "user"}, ANSWER)],
    "assistant_says_nothing": [chat(USER, {"role": "assistant", "tool_calls": []}, ANSWER)],
    "content_null": [chat({"role": "user", "content": None}, ANSWER)],
    "content_type": [chat({"role": "user", "content": 5}, ANSWER)],
    "content_empty": [chat({"role": "user", "content": ""}, ANSWER)],
    "content_no_parts": [asked([])],
    "content_blank": [chat({"role": "user", "content": " \n"}, ANSWER)],
    "unknown_message_key": [said(mood="good")],
    "part_not_object": [asked(["t"])],
    "part_type": [asked([{"type": "audio"}])],
    "part_text": [asked([{"type": "text"}])],
    "image_role": [
        chat({"role": "user", "content": [TEXT]}, {"role": "assistant", "content": [TEXT, PICTURE]})
    ],
    "image_url": [asked([TEXT, {"type": "image_url", "image_url": "x"}])],
    "image_link": [picture("ftp://example.org/a.png")],
    "image_size": [picture("data:image/png;base64," + "A" * (14 * 2**20))],
    "too_many_images": [asked([TEXT, *[PICTURE] * 11])],
    "image_weight": [chat({"role": "user", "content": [TEXT, PICTURE], "weight": 1}, ANSWER)],
    "mixed_parts": [chat({"role": "user", "content": [TEXT]}, ANSWER)],
    "weight_type": [said(weight="1")],
    "weight_boolean": [said(weight=True)],
    "weight_value": [said(weight=2)],
    "weight_role": [chat({**USER, "weight": 1}, ANSWER)],
    "weights_all_zero": [said(weight=0)],
    "tools_shape": [{**GOOD, "tools": "none"}],
    "tool_call_shape": [call(type="code")],
    "tool_call_arguments": [call(function={"name": "f", "arguments": {}})],
    "tool_call_id_missing": [chat(USER, ANSWER, {"role": "tool", "content": "x"}, ANSWER)],
    "tool_without_call": [
        chat(USER, ANSWER, {"role": "tool", "content": "x", "tool_call_id": "9"}, ANSWER)
    ],
    "tools_unsupported": [call()],
    "function_name": [call(function={"name": "no spaces", "arguments": "{}"})],
    "parallel_tool_calls": [{**GOOD, "parallel_tool_calls": "yes"}],
    "text_type": [{"prompt": 5, "completion": "c"}],
    "preference_input": [{**pair(), "input": "q"}],
    "preference_ends_with_assistant": [pair(asking=(USER, ANSWER))],
    "preference_output": [pair(better=(ANSWER, ANSWER))],
    "preference_identical": [pair(worse=(ANSWER,))],
    "label_type": [{"prompt": "p", "completion": "c", "label": "up"}],
    "only_assistant": [chat(ANSWER)],
    "duplicate_keys": b'{"messages":[{"role":"user","content":"x","content":"q"},{"role":"assistant","content":"a"}]}',
    "duplicate_line": [GOOD, GOOD],
    "nul_character": [said(content="a\x00")],
    "lone_surrogate": b'{"messages":[{"role":"user","content":"\\ud83d"},{"role":"assistant","content":"a"}]}',
    "mixed_system_prompts": [GOOD, chat({"role": "system", "content": "s"}, USER, ANSWER)],
}  # fmt: skip
# Looked at elsewhere: the name and size of the file, the kind that was asked for, and what the verbs bring.
ELSEWHERE = {"file_extension", "file_too_large", "wrong_kind", "personal_data", "too_long"}


def content(broken):
    return (
        broken if isinstance(broken, bytes) else b"".join(json.dumps(row).encode() + b"\n" for row in broken)
    )


def test_the_table_has_every_rule():
    assert set(BROKEN) | ELSEWHERE == set(RULES)
    assert all(rule.source for rule in RULES.values())


@pytest.mark.parametrize("rule", BROKEN)
def test_a_file_that_breaks_a_rule_is_found_out_where_the_rule_counts(rule):
    seen = False
    for provider in PROVIDERS:
        found = {f.rule: f for f in rules.check(content(BROKEN[rule]), provider)}
        wanted = RULES[rule]
        if rule in found:
            seen = True
            assert found[rule].severity == ("error" if provider in wanted.errors else "warning")
            assert found[rule].message
            assert found[rule].source == wanted.source
        assert not (rule in found and provider not in wanted.errors | wanted.warnings)
    assert seen


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("file_extension", lambda: rules.check(content([GOOD]), "openai", name="train.JSONL")),
        ("wrong_kind", lambda: rules.check(content([GOOD]), "openai", kind="preference")),
        (
            "personal_data",
            lambda: rules.check(content([GOOD]), "openai", private=lambda text: [("mail", 0, 1)]),
        ),
    ],
)
def test_the_rules_that_need_more_than_the_content_count_too(rule, found):
    assert rule in {finding.rule for finding in found()}


def test_what_is_said_of_each_broken_rule_stands(standing):
    said = {
        rule: {
            provider: [
                [f.line, f.rule, f.severity, f.message, f.remedy, f.source]
                for f in rules.check(content(broken), provider)
            ]
            for provider in PROVIDERS
        }
        for rule, broken in BROKEN.items()
    }
    standing("findings", said)
