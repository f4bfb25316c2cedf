from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aitelier_nb.providers.local.batches import collate, plan, shares
from aitelier_nb.providers.local.conversations import Encoded


def test_every_epoch_sees_each_example_once():
    batches = plan([5] * 10, batch_size=4, steps=6, seed=1)
    seen = Counter(place for batch in batches for place in batch)
    assert seen == dict.fromkeys(range(10), 2)


def test_the_same_seed_gives_the_same_plan_and_another_seed_another():
    lengths = list(range(10, 50))
    assert plan(lengths, batch_size=4, steps=20, seed=3) == plan(lengths, batch_size=4, steps=20, seed=3)
    assert plan(lengths, batch_size=4, steps=20, seed=3) != plan(lengths, batch_size=4, steps=20, seed=4)


def test_padding_is_under_a_twentieth_where_lengths_differ_threefold():
    lengths = [40 + 80 * place // 160 for place in range(160)]
    batches = plan(lengths, batch_size=4, steps=40, seed=0)
    padded = sum(max(lengths[place] for place in batch) * len(batch) for batch in batches)
    assert padded < 1.05 * sum(lengths)


@given(
    batch=st.lists(st.integers(0, 99), min_size=1, max_size=20, unique=True),
    parts=st.integers(1, 5),
    size=st.integers(1, 8),
)
def test_processes_share_a_batch_without_loss_and_in_equally_many_micro_batches(batch, parts, size):
    shared = shares(batch, parts=parts, size=size)
    assert sorted(place for own in shared for part in own for place in part) == sorted(batch)
    assert len({len(own) for own in shared}) == 1
    assert all(len(part) <= size for own in shared for part in own)


@pytest.mark.parametrize("parts", [1, 2])
def test_a_preference_is_first_looked_at_in_the_company_in_which_it_is_trained_on(parts):
    from aitelier_nb.providers.local.learning import Steps
    from aitelier_nb.providers.local.tasks import Preference

    pairs = [
        (Encoded([place] * (3 + place), [place] * (3 + place)), Encoded([1], [1])) for place in range(11)
    ]
    task = Preference(pairs, 0, beta=0.1)
    order = plan(task.lengths, batch_size=4, steps=7, seed=2)
    ranks = [Steps(task, order, micro_tokens=20, rank=rank, parts=parts) for rank in range(parts)]
    first = list(ranks[-1].companies())
    assert sorted(place for company in first for place in company) == list(range(11))
    trained = [
        rows["input_ids"].tolist()
        for step in range(3)  # an epoch
        for own in ranks
        for rows in own[step]["micro_batches"]
        if rows["counts"]
    ]
    assert [task.tensors(company)["input_ids"].tolist() for company in first] == trained


def test_padding_is_masked_by_position_even_where_the_pad_token_is_the_end_token():
    rows = collate([Encoded([1, 2], [-100, 2]), Encoded([1, 5, 2], [-100, 5, 2])], pad=2)
    assert rows["labels"].tolist() == [[-100, 2, -100], [-100, 5, 2]]
    assert rows["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]


@pytest.mark.parametrize("width", [0, 1, 17])
def test_padding_never_changes_the_loss(model, tokenizer, width):
    import torch

    from aitelier_nb.providers.local.conversations import IGNORED, encode
    from aitelier_nb.providers.local.tasks import labelled_loss

    example = encode(
        tokenizer, [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "cd"}], longest=99
    )
    plain = collate([example], pad=2)
    longer = Encoded([5] * (len(example.ids) + width), [IGNORED] * (len(example.ids) + width))
    padded = collate([example, longer], pad=2)
    alone, beside = labelled_loss(model, model, **plain), labelled_loss(model, model, **padded)
    assert torch.allclose(alone, beside, rtol=1e-5)


def test_the_loss_is_that_of_the_model_itself(model, tokenizer):
    import torch

    from aitelier_nb.providers.local.conversations import encode
    from aitelier_nb.providers.local.tasks import labelled_loss

    examples = [
        encode(
            tokenizer,
            [{"role": "user", "content": text}, {"role": "assistant", "content": text[::-1]}],
            longest=99,
        )
        for text in ("hello", "a much longer one")
    ]
    rows = collate(examples, pad=2)
    own = labelled_loss(model, model, **rows) / sum(example.learnt for example in examples)
    assert torch.allclose(own, model(**rows).loss, rtol=1e-5)
