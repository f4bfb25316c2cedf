"""ChatGPT's data export: the way to the current message, without what was hidden or tried otherwise."""

import json

import pytest

from aitelier_nb.formats.readers import read


def node(name, parent, role=None, *parts, hidden=False, to="all", **content):
    """A node of the tree, with its message where it has a role."""
    message = None
    if role:
        message = {
            "id": name,
            "author": {"role": role, "name": None, "metadata": {}},
            "content": content or {"content_type": "text", "parts": list(parts)},
            "metadata": {"is_visually_hidden_from_conversation": True} if hidden else {},
            "recipient": to,
            "weight": 0.0 if hidden else 1.0,
        }
    return {"id": name, "message": message, "parent": parent}


def export(*nodes, **more):
    mapping = {one["id"]: {**one, "children": []} for one in nodes}
    for one in nodes:
        if one["parent"] in mapping:
            mapping[one["parent"]]["children"].append(one["id"])
    return {"title": "t", "create_time": 1.5, "mapping": mapping, "conversation_id": "c", **more}


START = (
    node("root", None),
    node("system", "root", "system", "", hidden=True),
    node(
        "settings",
        "system",
        "user",
        hidden=True,
        content_type="user_editable_context",
        user_profile="a baker",
    ),
    node("q", "settings", "user", "How many loaves?"),
)
TALK = export(
    *START,
    node("first", "q", "assistant", "Two."),
    node("other", "first", "user", "Sure?"),
    node("thoughts", "q", "assistant", content_type="thoughts", thoughts=[{"content": "count"}]),
    node("call", "thoughts", "assistant", to="python", content_type="code", language="python", text="1 + 2"),
    node("result", "call", "tool", content_type="execution_output", text="3"),
    node("again", "result", "tool", content_type="execution_output", text="done"),
    node("lost", "again", "assistant", '{"q": "bread"}', to="web.run"),
    node("answer", "lost", "assistant", "Three.", ""),
    node("heard", "answer", "user", content_type="multimodal_text", parts=[
        {"content_type": "audio_transcription", "text": "Thank you."}, {"content_type": "audio_asset_pointer"}
    ]),
    node("last", "heard", "assistant", "You are welcome."),
    current_node="last",
)  # fmt: skip


def document(*conversations):
    return json.dumps(list(conversations)).encode()


def test_the_way_to_the_current_message_is_the_conversation():
    parsed = read(document(TALK), name="conversations.json")
    assert (parsed.format, parsed.rejected) == ("chatgpt", [])
    [row] = parsed.rows
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "python", "arguments": '{"input":"1 + 2"}'},
    }
    assert row["messages"] == [
        {"role": "user", "content": "How many loaves?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "3\ndone", "tool_call_id": "call_1"},
        {"role": "assistant", "content": "Three."},
        {"role": "user", "content": "Thank you."},
        {"role": "assistant", "content": "You are welcome."},
    ]


def test_what_is_left_out_is_told():
    told = " ".join(read(document(TALK), name="conversations.json").notices)
    assert "branches beside the current one (edited questions, answers made anew) were left out (1x)" in told
    assert "thinking were left out (1x)" in told
    assert "calls of tools without a result" in told


def test_hidden_messages_are_left_out_and_counted():
    hidden = node("h", "q", "assistant", "secret", hidden=True)
    parsed = read(
        document(export(*START, hidden, node("a", "h", "assistant", "Two."), current_node="a")), name="c.json"
    )
    assert [turn["content"] for turn in parsed.rows[0]["messages"]] == ["How many loaves?", "Two."]
    assert any("hid from the user were left out (1x)" in notice for notice in parsed.notices)


def test_without_a_current_message_the_latest_branch_is_taken_and_told():
    nodes = (*START, node("a", "q", "assistant", "Two."), node("b", "q", "assistant", "Three."))
    parsed = read(document(export(*nodes, current_node="gone")), name="c.json")
    assert parsed.rows[0]["messages"][-1]["content"] == "Three."
    assert any("the latest branch was taken" in notice for notice in parsed.notices)


PICTURE = {
    "content_type": "multimodal_text",
    "parts": [{"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"}, "What is it?"],
}
ROUND = export(node("x", "y", "user", "a"), node("y", "x", "assistant", "b"), current_node="y")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (
            export(
                *START, node("p", "q", "user", **PICTURE), node("a", "p", "assistant", "A."), current_node="a"
            ),
            "picture",
        ),
        (ROUND, "the tree of messages has a fault"),
        (export(node("root", None), current_node="root"), "messages is empty"),
        (export(*START, current_node="q"), "no assistant turn"),
        ({"title": "t", "mapping": {"a": 1}, "current_node": "a"}, "the tree of messages has a fault"),
    ],
)
def test_a_conversation_that_cannot_be_one_costs_no_other(bad, reason):
    parsed = read(document(TALK, bad, TALK), name="conversations.json")
    assert len(parsed.rows) == 2
    [rejected] = parsed.rejected
    assert reason in rejected.reason
    assert rejected.remedy


def test_one_conversation_by_itself_is_read():
    assert len(read(json.dumps(TALK, indent=1).encode(), name="c.json").rows) == 1
    assert len(read(json.dumps(TALK).encode(), name="c.json").rows) == 1
