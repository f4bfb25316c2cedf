"""Validation is chosen once, in proportion, and for ever."""

import json
import random
import tempfile
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitelier_nb.curation import candidates, duplicates
from aitelier_nb.curation.columns import Columns, ties
from aitelier_nb.curation.splits import SplitRow, assign, assign_columns
from aitelier_nb.errors import SplitError
from aitelier_nb.schema import Config
from aitelier_nb.storage.project import create


def rows(ratings, **more):
    return [SplitRow(number, rating, **more) for number, rating in enumerate(ratings, 1)]


def split(examples, **more):
    return assign(examples, **{"threshold": 8, "seed": 7, **more})


def applied(examples, found):
    return [
        SplitRow(row.id, row.rating, row.split or found.splits.get(row.id), row.group, row.key)
        for row in examples
    ]


def test_each_rating_is_shared_out_in_proportion_within_one_of_its_quota():
    found = split(rows([10] * 100 + [9] * 1000 + [8] * 8900))
    assert {s.rating: (s.train, s.val) for s in found.strata} == {
        "10": (80, 20),
        "9": (800, 200),
        "8": (7120, 1780),
    }


@given(st.lists(st.integers(8, 10), min_size=2, max_size=300), st.floats(0.05, 0.95))
def test_every_stratum_is_within_one_of_its_quota_and_the_total_is_the_rounded_one(ratings, ratio):
    found = split(rows(ratings), ratio=ratio)
    assert len(found.strata) == len(set(ratings))
    assert all(abs(s.val - s.quota) < 1.000001 for s in found.strata)
    wanted = min(max(round((1 - ratio) * len(ratings) + 1e-9), 1), len(ratings) - 1)
    assert abs(found.val - wanted) <= 1
    assert found.train + found.val == len(ratings)
    assert found.train
    assert found.val


def test_ratings_with_few_examples_are_strata_too():
    found = split(rows([10] * 4 + [9] * 3 + [8] * 50))
    assert {s.rating: (s.n, s.val) for s in found.strata} == {"8": (50, 10), "9": (3, 0), "10": (4, 1)}


def test_a_second_split_moves_nobody():
    examples = rows([8, 9, 10] * 300)
    first = split(examples)
    after = applied(examples, first)
    second = split(after)
    assert second.splits == {}
    assert (second.train, second.val, second.moved) == (first.train, first.val, 0)


def test_new_examples_are_placed_so_that_the_ratio_holds():
    examples = rows([9] * 100)
    after = [*applied(examples, split(examples)), *(SplitRow(n, 9) for n in range(101, 151))]
    found = split(after)
    assert set(found.splits) == set(range(101, 151))
    assert (found.train, found.val) == (120, 30)


def test_adding_one_at_a_time_does_not_drain_training():
    examples = rows([9] * 10)
    for number in range(11, 111):
        examples = [*applied(examples, split(examples)), SplitRow(number, 9)]
    found = split(examples)
    assert abs(found.val - 22) <= 1


def test_the_order_of_the_rows_makes_no_difference():
    examples = [SplitRow(n, random.Random(n).randint(6, 10), group=n // 3 or None) for n in range(1, 200)]
    shuffled = random.Random(1).sample(examples, len(examples))
    assert split(examples).splits == split(shuffled).splits


def test_another_seed_gives_another_split_and_the_same_seed_the_same():
    examples = rows([9] * 100)
    assert split(examples).splits == split(examples).splits
    assert split(examples).splits != split(examples, seed=8).splits


def test_the_places_are_the_same_on_every_machine():
    found = split(rows([9] * 20), seed=2026)
    assert [name for name, side in found.splits.items() if side == "val"] == [4, 6, 8, 20]


def test_only_examples_at_or_above_the_threshold_are_placed():
    found = split(rows([None, 1, 7, 8, 9, 10, 8, 9]))
    assert set(found.splits) == {4, 5, 6, 7, 8}
    assert found.unassigned == 3


def test_a_validation_example_that_is_rated_down_stays_and_is_told():
    examples = [SplitRow(1, 3, "val"), *(SplitRow(n, 9) for n in range(2, 40))]
    found = split(examples)
    assert 1 not in found.splits
    assert any("below the threshold" in note for note in found.notes)


def test_duplicates_stay_on_one_side():
    examples = [SplitRow(n, 8 + n % 3, key=f"question {n // 2}") for n in range(100)]
    sides = split([SplitRow(row.id + 1, row.rating, key=row.key) for row in examples]).splits
    assert all(sides[2 * pair + 1] == sides[2 * pair + 2] for pair in range(50))


def test_a_duplicate_of_validation_becomes_validation_and_one_of_training_becomes_training():
    examples = [SplitRow(1, 9, "val", key="a"), SplitRow(2, 9, "train", key="b")]
    found = split([*examples, SplitRow(3, 9, key="a"), SplitRow(4, 9, key="b")])
    assert found.splits == {3: "val", 4: "train"}


def test_a_duplicate_of_both_sides_becomes_validation():
    found = split([SplitRow(1, 9, "val", key="a"), SplitRow(2, 9, "train", key="a"), SplitRow(3, 9, key="a")])
    assert found.splits == {3: "val"}


def test_a_duplicate_of_deleted_validation_becomes_validation():
    examples = [SplitRow(n, 9, key=str(n)) for n in range(1, 11)]
    assert split(examples, locked_keys={"4"}).splits[4] == "val"


def test_a_group_stays_on_one_side_across_keys_and_ratings():
    examples = [SplitRow(n, 8 + n % 3, group=f"customer {n % 7}") for n in range(1, 71)]
    sides = split(examples).splits
    by_customer = [{sides[n] for n in range(1, 71) if n % 7 == customer} for customer in range(7)]
    assert all(len(found) == 1 for found in by_customer)


def test_one_example_cannot_be_split():
    with pytest.raises(SplitError, match="only 1 example") as refused:
        split(rows([9, 3]))
    assert "rate" in refused.value.hint


def test_no_example_at_the_threshold_is_told_with_the_threshold():
    with pytest.raises(SplitError, match="no example is rated 8 or higher"):
        split(rows([1, None]))


def test_two_examples_give_one_each_with_a_warning():
    found = split(rows([9, 8]))
    assert sorted(found.splits.values()) == ["train", "val"]
    assert "can never show a difference" in found.shortage


def test_two_duplicates_of_each_other_stay_together_in_training():
    found = split([SplitRow(1, 9, key="a"), SplitRow(2, 9, key="a")])
    assert set(found.splits.values()) == {"train"}
    assert any("smaller than asked" in note for note in found.notes)


@pytest.mark.parametrize("holdout", [1, 2, 30, 99])
def test_holdout_is_the_size_of_validation(holdout):
    assert split(rows([8, 9, 10, 10] * 25), holdout=holdout).val == holdout


@pytest.mark.parametrize(
    "wrong", [{"holdout": 0}, {"holdout": 10}, {"ratio": 0}, {"ratio": 1}, {"ratio": 1.5}]
)
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(SplitError):
        split(rows([9] * 10), **wrong)


def test_ties_join_equal_keys_and_groups_transitively():
    assert ties(["a", "a", "b", None, "c"], [None, 1, 1, None, ""]).tolist() == [0, 0, 0, -1, -1]


def test_a_million_examples_go_the_same_way_in_columns():
    rng = np.random.default_rng(0)
    ids, ratings = np.arange(1, 10_001), rng.integers(0, 11, 10_000)
    columns = Columns(ids, ratings, np.zeros(10_000, dtype=np.int64), np.full(10_000, -1))
    by_row = split([SplitRow(int(n), int(r) or None) for n, r in zip(ids, ratings, strict=True)])
    assert assign_columns(columns, threshold=8, seed=7).splits == by_row.splits


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.data())
def test_in_any_history_of_ratings_duplicates_and_splits_nobody_leaves_a_side(seed, data):
    chance = random.Random(seed)
    examples: list[SplitRow] = []
    sides: dict[int, str] = {}
    for step in range(data.draw(st.integers(1, 12))):
        for _ in range(chance.randint(1, 8)):
            key = str(chance.randint(0, 15))
            examples.append(SplitRow(len(examples) + 1, chance.choice([None, 5, 8, 9, 10]), key=key))
        examples = [
            SplitRow(
                r.id,
                chance.choice([r.rating, 3, 9]) if chance.random() < 0.2 else r.rating,
                sides.get(r.id),
                None,
                r.key,
            )
            for r in examples
        ]
        chance.shuffle(examples)
        try:
            found = split(examples, ratio=chance.choice([0.5, 0.8]), seed=step)
        except SplitError:
            continue
        assert not set(found.splits) & set(sides)
        sides |= found.splits
        held = {r.key for r in examples if sides.get(r.id) == "val"}
        assert not [r for r in examples if found.splits.get(r.id) == "train" and r.key in held]
    assert Counter(sides.values()).total() == len(sides)


ASKED = st.sampled_from(
    ["one?", "ONE", "on e", "o1 2", "o12", "o 1,2", "two", "¿", "?", "", "ﬁn", "fin", "nif"]
)
ROWS = st.tuples(
    st.lists(ASKED, max_size=2),
    st.sampled_from([None, 3, 8, 10]),
    st.sampled_from([None, None, "train", "val"]),
    st.sampled_from([None, None, "", "g", "h"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=24), st.lists(st.lists(ASKED, min_size=1, max_size=2), max_size=2))
def test_the_columns_of_the_mirror_tell_a_split_what_the_lines_tell_it(rows, gone):
    former = [[{"role": "user", "content": text} for text in turns] for turns in gone]
    locked = {duplicates.key(turns): duplicates.tally_of(turns) for turns in former}
    with tempfile.TemporaryDirectory() as folder, create(folder, Config(name="bot", model="m")) as project:
        dataset = project.dataset
        lines = [
            {
                "id": n,
                "messages": [{"role": "user", "content": text} for text in turns]
                + [{"role": "assistant", "content": "x"}],
            }
            | {"rating": rating, "split": side, "group": group}
            for n, (turns, rating, side, group) in enumerate(rows, 1)
        ]
        dataset.path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        for one in dataset.ids()[::5]:
            dataset.set_rating(one, 9)  # waits in the journal
        plain, held = candidates.read(dataset.raw(), threshold=8, locked_keys=locked)
        told, held_too = candidates.among(dataset.assessed(), dataset.raw, threshold=8, locked=locked)
        assert all(
            (getattr(plain, name) == getattr(told, name)).all() for name in ("id", "rating", "split", "tie")
        )
        assert (held == held_too).all()
