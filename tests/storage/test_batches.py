"""What is found of many lines at once is what each of them has by itself."""

from __future__ import annotations

import json
import random

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aitelier_nb.storage import batches, bodies
from aitelier_nb.storage.fingerprints import content_key
from aitelier_nb.storage.lines import parse
from aitelier_nb.storage.questions import tally_of

TEXTS = st.text(st.sampled_from("aB 1.é注🙂\0"), max_size=5)
PARTS = st.lists(st.builds(lambda text: {"type": "text", "text": text}, TEXTS), max_size=2)
TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": TEXTS}
)
ODD = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]), "content": TEXTS | PARTS | st.none()},
    optional={"name": TEXTS, "weight": st.sampled_from([0, 1, None]), "tool_calls": st.just([{"id": "1"}])},
)
PLAIN_ROWS = st.lists(st.lists(TURN, min_size=1, max_size=4), max_size=5)
ROWS = PLAIN_ROWS | st.lists(st.lists(TURN | ODD, min_size=1, max_size=4), max_size=5)


@given(ROWS)
def test_hashes_tallies_and_texts_of_many_lines_are_those_of_each(rows):
    spelt = [json.dumps({"id": n, "messages": turns}).encode() for n, turns in enumerate(rows, 1)]
    found, table = batches.of_lines(spelt), bodies.table(batches.of_lines(spelt))
    table.validate(full=True)
    lines = list(map(parse, spelt))
    texts = [[batches.text_of(turn) for turn in line.messages] for line in lines]
    assert found.contents.tolist() == [content_key(line.messages) for line in lines]
    assert found.tallies.tolist() == [tally_of(turns) for turns in rows]
    assert found.sizes.tolist() == [sum(map(len, each)) for each in texts]
    kept = [[turn["content"] for turn in turns] for turns in table["messages"].to_pylist()]
    assert kept == texts
    assert list(zip(table["input"].to_pylist(), table["output"].to_pylist(), strict=True)) == [
        asked_and_answered(line.messages, each) for line, each in zip(lines, texts, strict=True)
    ]


def asked_and_answered(turns, texts):
    answers = [place for place, turn in enumerate(turns) if turn.role == "assistant"]
    before = answers[-1] if answers else len(turns)
    asked = [place for place, turn in enumerate(turns[:before]) if turn.role == "user"]
    return (texts[asked[-1]] if asked else None), (texts[answers[-1]] if answers else None)


@given(st.lists(TURN, min_size=1, max_size=3), st.lists(TURN, min_size=1, max_size=3))
def test_messages_have_one_hash_only_if_they_are_the_same(one, other):
    """Where a text ends and whose it is counts as much as its letters."""
    keys = [
        content_key(parse(json.dumps({"id": 1, "messages": turns}).encode()).messages)
        for turns in (one, other)
    ]
    assert (keys[0] == keys[1]) == (one == other)


@pytest.mark.parametrize(("asked", "words"), [("NONE", 40), ("LZ4", 400)])
def test_texts_that_stand_twice_are_kept_as_lightly_as_there_is_room(project, asked, words):
    """The mirror of long questions would be larger than the file if they stood there as they are."""
    chance = random.Random(1)
    vocabulary = ["".join(chance.choices("abcdefghij", k=7)) for _ in range(500)]
    rows = [
        [
            {"role": "user", "content": " ".join(chance.choices(vocabulary, k=words))},
            {"role": "assistant", "content": " ".join(chance.choices(vocabulary, k=100))},
        ]
        for _ in range(300)
    ]
    project.dataset.add([{"messages": turns} for turns in rows])
    parquet = project.dataset.mirror()
    assert sum(file.stat().st_size for file in parquet.iterdir()) < project.dataset.path.stat().st_size
    group = pq.ParquetFile(parquet / "examples.body.parquet").metadata.row_group(0)
    codecs = {
        column.path_in_schema: column.compression for column in map(group.column, range(group.num_columns))
    }
    assert codecs["input"] == ("UNCOMPRESSED" if asked == "NONE" else "LZ4")
    assert codecs["messages.list.element.content"] == "ZSTD"
