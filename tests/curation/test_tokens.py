"""Tokens are counted exactly where that is possible, and called an estimate where not."""

import pytest

from aitelier_nb.curation import tokens
from aitelier_nb.curation.budgets import budget
from aitelier_nb.schema import Example


def example(number, *texts):
    roles = ("user", "assistant") * len(texts)
    return Example(
        id=number, messages=[{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)]
    )


def test_the_base_models_own_tokenizer_comes_first():
    found = tokens.count(
        [example(1, "a b", "c")],
        model="gpt-4o",
        counter=lambda talks: [sum(len(turn["content"].split()) for turn in talk) for talk in talks],
    )
    assert (found.counts, found.method) == ([3], "model")


def test_openai_models_are_counted_as_tiktoken_does():
    pytest.importorskip("toktok")
    texts = ["hello world", "", "Please send me the order number."]  # counted with tiktoken 0.14.0
    counts, method = tokens.count_texts(texts, model="gpt-4.1")
    assert (list(counts), method) == ([2, 0, 7], "o200k_base")


def test_what_comes_again_and_again_is_counted_as_often_as_it_comes():
    pytest.importorskip("toktok")
    several = [example(1, "hello world", "", "hello world"), example(2, "hello world"), example(3, "", "one")]
    wrapped = [tokens.PER_MESSAGE * n + tokens.PER_EXAMPLE for n in (3, 1, 2)]
    found = tokens.count([*several, example(4)], model="gpt-4.1")
    assert found.counts == [wrapped[0] + 4, wrapped[1] + 2, wrapped[2] + 1, tokens.PER_EXAMPLE]
    parts = Example(id=1, messages=[{"role": "user", "content": [{"type": "text", "text": "hello world"}]}])
    assert tokens.count([parts], model="gpt-4.1").counts == [wrapped[1] + 2]


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("gpt-4.1-nano", "o200k_base"),
        ("gpt-3.5-turbo-0125", "cl100k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-turbo", "cl100k_base"),
        ("openai/gpt-oss-20b", "o200k_harmony"),
        ("meta-llama/Llama-3.3-70B-Instruct", None),
        ("SmolLM2-135M-Instruct", None),
    ],
)
def test_a_models_encoding_is_known_by_its_name(model, encoding):
    assert tokens.encoding_of(model) == encoding


def test_a_model_of_unknown_tokenizer_gets_an_estimate_that_says_so():
    found = tokens.count([example(1, "a" * 40, "b" * 40)], model="some/model")
    assert found.method == "estimate"
    assert found.counts == [20 + 2 * tokens.PER_MESSAGE + tokens.PER_EXAMPLE]


def test_totals_and_examples_over_the_limit_are_told():
    found = tokens.count([example(4, "a" * 4, "b"), example(5, "a" * 4000, "b")])
    assert found.total == sum(found.counts)
    assert found.over(100) == [5]


def test_texts_that_come_again_are_counted_once_and_right():
    pytest.importorskip("toktok")
    repeated = ["You are helpful."] * 50 + ["hello world"]
    alone = [tokens.count_texts([text], model="gpt-4o")[0][0] for text in repeated]
    assert list(tokens.count_texts(repeated, model="gpt-4o")[0]) == alone


def test_a_limit_is_known_only_where_it_is_published():
    assert tokens.limit_of("gpt-4o-mini-2024-07-18") == 65_536
    assert tokens.limit_of("ft:gpt-3.5-turbo-0125") == 16_385
    assert tokens.limit_of("gpt-4.1") is None
    assert tokens.limit_of("meta-llama/Llama-3.3-70B-Instruct") is None


def test_a_budget_counts_an_epoch_what_is_cut_off_and_money_only_at_a_price():
    counted = tokens.Tokens([10, 20, 300], "estimate", [1, 2, 3])
    found = budget(counted, [2, 3], limit=100, epochs=3)
    assert (found.total, found.per_epoch, found.over, found.cost) == (330, 120, (3,), None)
    assert budget(counted, [2, 3], price=10).cost == pytest.approx(320 * 10 / 10**6)
    told = " ".join(budget(counted, [2, 3], limit=100, epochs=3, price=5).sentences())
    assert "about 120 an epoch" in told
    assert "longer than 100 tokens" in told
    assert "the price that was given" in told


def test_there_is_no_cost_without_a_price():
    assert tokens.cost(1_000_000, 3, None) is None
    assert tokens.cost(1_000_000, 3, 0.5) == 1.5
