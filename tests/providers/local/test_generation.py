from __future__ import annotations

import threading

import pytest

from aitelier_nb.interrupts import interrupted_by
from aitelier_nb.providers.base import ChatRequest
from aitelier_nb.providers.local import worker
from aitelier_nb.providers.local.generation import Asked, generate, stream
from aitelier_nb.providers.local.provider import LocalProvider

PROMPTS = [tuple(range(10, 10 + length)) for length in (5, 9, 3, 21, 7, 13, 11, 6, 17, 8)]
PREFIX = tuple(range(40, 64))


def said(model, tokenizer, asked):
    return [answer.ids for _, answer in sorted(generate(model, tokenizer, asked), key=lambda pair: pair[0])]


def test_greedy_answers_are_those_of_transformers_one_by_one(model, tokenizer):
    import torch

    expected = []
    for ids in PROMPTS:
        out = model.generate(
            torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), max_new_tokens=12, do_sample=False
        )
        tokens = out[0, len(ids) :].tolist()
        expected.append(tuple(tokens[: tokens.index(2)] if 2 in tokens else tokens))
    assert said(model, tokenizer, [Asked(ids, 12) for ids in PROMPTS]) == expected


def test_a_common_beginning_is_read_once_and_changes_no_answer(model, tokenizer):
    together = [Asked(PREFIX + ids, 12) for ids in PROMPTS]
    alone = [said(model, tokenizer, [one])[0] for one in together]
    assert said(model, tokenizer, together) == alone


def test_equal_prompts_get_equal_answers(model, tokenizer):
    first, second = said(model, tokenizer, [Asked(PREFIX, 12), Asked(PREFIX, 12)])
    assert first == second


def test_sampling_depends_on_the_seed_and_not_on_the_neighbours(model, tokenizer):
    drawn = [Asked(ids, 12, temperature=1.0, seed=5) for ids in PROMPTS]
    alone = [said(model, tokenizer, [one])[0] for one in drawn]
    assert said(model, tokenizer, drawn) == alone
    assert said(model, tokenizer, [Asked(ids, 12, temperature=1.0, seed=6) for ids in PROMPTS]) != alone


def test_a_tiny_top_p_leaves_only_the_likeliest_token(model, tokenizer):
    narrow = [Asked(ids, 12, temperature=1.0, top_p=1e-9, seed=5) for ids in PROMPTS]
    assert said(model, tokenizer, narrow) == said(model, tokenizer, [Asked(ids, 12) for ids in PROMPTS])


def test_an_answer_that_reaches_its_length_says_so(model, tokenizer):
    answers = dict(generate(model, tokenizer, [Asked(ids, 3) for ids in PROMPTS]))
    assert {answer.finish_reason for answer in answers.values()} <= {"stop", "length"}
    assert all((answer.finish_reason == "length") == (len(answer.ids) == 3) for answer in answers.values())


def test_an_answer_of_no_tokens_is_empty(model, tokenizer):
    [(_, answer)] = generate(model, tokenizer, [Asked(PROMPTS[0], 0)])
    assert (answer.ids, answer.text, answer.finish_reason) == ((), "", "length")


def test_a_stop_text_ends_the_answer_and_is_not_part_of_it(model, tokenizer):
    whole = max(
        dict(generate(model, tokenizer, [Asked(ids, 20) for ids in PROMPTS])).items(),
        key=lambda x: len(x[1].text),
    )
    place, answer = whole
    stop = answer.text[3:5]
    [(_, cut)] = generate(model, tokenizer, [Asked(PROMPTS[place], 20, stop=(stop,))])
    assert cut.text == answer.text[: answer.text.index(stop)]
    assert cut.finish_reason == "stop"


def test_the_pieces_of_a_stream_are_the_whole_answer(model, tokenizer):
    for ids in PROMPTS:
        [(_, answer)] = generate(model, tokenizer, [Asked(ids, 20)])
        assert "".join(stream(model, tokenizer, Asked(ids, 20))) == answer.text


def test_who_waits_beside_a_cell_is_interrupted_in_the_middle_of_an_answer(tiny):
    stop, requests = threading.Event(), [ChatRequest(str(tiny), [{"role": "user", "content": "the"}])]
    provider = LocalProvider()
    worker._worker.end()
    stop.set()  # nobody waits for the process to come up
    with interrupted_by(stop), pytest.raises(KeyboardInterrupt):
        list(provider.answers(requests))
    ((_, answer),) = provider.answers(requests)
    provider.close()
    assert answer.error is None
