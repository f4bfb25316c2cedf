"""Numbers that grow tell what one plain list of them tells, however they came in."""

from __future__ import annotations

import random

import numpy as np
import pytest

from aitelier_nb.storage.growing import Growing, Places


@pytest.mark.parametrize("seed", range(30))
def test_growing_numbers_equal_a_list_and_a_dictionary(seed):
    chance = random.Random(seed)
    ids = sorted(chance.sample(range(1, 400), chance.randrange(60)))
    if chance.random() < 0.3:
        chance.shuffle(ids)
        ids += ids[:2]
    column = Growing(np.array(ids, np.int64))
    places = Places(column)
    for _ in range(8):
        new = [max(ids, default=0) + n + 1 for n in range(chance.choice([0, 1, 3, 40]))]
        if chance.random() < 0.3:
            new = [chance.randrange(1, 500) for _ in range(5)]
        ids += new
        column.extend(np.array(new, np.int64))
        places.add()
        if chance.random() < 0.3:
            assert column.values.tolist() == ids
        first = {example: row for row, example in reversed(list(enumerate(ids)))}
        asked = list(range(502))
        assert [places.find(example) for example in asked] == [first.get(example) for example in asked]
        assert places.find_all(np.array(asked)).tolist() == [first.get(example, -1) for example in asked]
        assert places.doubles == [row for row, example in enumerate(ids) if first[example] != row]
        assert places.highest == max(ids, default=0)
        rows = np.array(chance.choices(range(len(ids)), k=9) if ids else [], np.int64)
        assert column[rows].tolist() == [column[row] for row in rows.tolist()] == [ids[row] for row in rows]
        assert len(column) == len(ids)
