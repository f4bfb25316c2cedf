from __future__ import annotations

import pytest

from aitelier_nb.errors import ProviderError
from aitelier_nb.providers.local.conversations import IGNORED, ask, encode

QUESTION = {"role": "user", "content": "hello"}
ANSWER = {"role": "assistant", "content": "good day"}


def learnt(tokenizer, encoded) -> list[str]:
    """Return the runs of learnt tokens as text."""
    texts, run = [], []
    for label in [*encoded.labels, IGNORED]:
        if label != IGNORED:
            run.append(label)
        elif run:
            texts.append(tokenizer.decode(run))
            run = []
    return texts


def test_the_answer_and_its_end_token_are_learnt_and_nothing_else(tokenizer):
    encoded = encode(tokenizer, [QUESTION, ANSWER], longest=512)
    assert learnt(tokenizer, encoded) == ["good day<|im_end|>"]


def test_every_assistant_turn_is_learnt_in_a_longer_conversation(tokenizer):
    again = {"role": "assistant", "content": "and again"}
    encoded = encode(tokenizer, [QUESTION, ANSWER, QUESTION, again], longest=512)
    assert learnt(tokenizer, encoded) == ["good day<|im_end|>", "and again<|im_end|>"]


def test_a_turn_of_weight_zero_is_read_and_not_learnt(tokenizer):
    silent = {**ANSWER, "weight": 0}
    last = {"role": "assistant", "content": "last", "weight": 1}
    encoded = encode(tokenizer, [QUESTION, silent, QUESTION, last], longest=512)
    assert learnt(tokenizer, encoded) == ["last<|im_end|>"]
    assert "good day" in tokenizer.decode(encoded.ids)


def test_what_is_learnt_follows_exactly_the_prompt_that_the_model_is_asked_with(tokenizer):
    encoded = encode(tokenizer, [QUESTION, ANSWER], longest=512)
    prompt = ask(tokenizer, [QUESTION])
    assert encoded.ids[: len(prompt)] == prompt
    assert encoded.labels[: len(prompt)] == [IGNORED] * len(prompt)
    assert encoded.labels[len(prompt)] != IGNORED


def test_an_answer_that_quotes_the_end_token_is_learnt_whole(tokenizer):
    quoting = {"role": "assistant", "content": "write <|im_end|> to end"}
    encoded = encode(tokenizer, [QUESTION, quoting], longest=512)
    assert "".join(learnt(tokenizer, encoded)) == "write <|im_end|> to end<|im_end|>"


def test_tool_calls_of_the_assistant_are_learnt(tokenizer):
    call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
    }
    result = {"role": "tool", "content": "sun", "tool_call_id": "1"}
    encoded = encode(tokenizer, [QUESTION, call, result, ANSWER], longest=512)
    first, second = learnt(tokenizer, encoded)
    assert "weather" in first
    assert first.endswith("<|im_end|>")
    assert second == "good day<|im_end|>"


def test_a_long_conversation_is_cut_at_the_length_that_was_asked_for(tokenizer):
    encoded = encode(tokenizer, [QUESTION, ANSWER], longest=20)
    assert len(encoded.ids) == len(encoded.labels) == 20


def test_content_parts_are_read_as_text(tokenizer):
    parts = {"role": "user", "content": [{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}]}
    assert ask(tokenizer, [parts]) == ask(tokenizer, [QUESTION])


def test_a_model_without_a_chat_template_is_refused_in_words(tokenizer):
    tokenizer.chat_template = None
    with pytest.raises(ProviderError, match="no chat template"):
        ask(tokenizer, [QUESTION])


def test_a_template_that_refuses_a_role_says_so(tokenizer):
    tokenizer.chat_template = "{{ raise_exception('System role not supported') }}"
    with pytest.raises(ProviderError, match="System role not supported"):
        ask(tokenizer, [QUESTION])
