"""An index that follows its file knows what a fresh reading knows, whatever happened to the file."""

from __future__ import annotations

import json
import os
import random

import pyarrow.parquet as pq
import pytest

from aitelier_nb.schema import Config
from aitelier_nb.storage import batches, following, heads, scanning, state, streams
from aitelier_nb.storage.following import followed, opened, save
from aitelier_nb.storage.index import scanned, signature
from aitelier_nb.storage.matching import Fresh, matched
from aitelier_nb.storage.project import create

BAD = [b"not json", b'{"id":5', b"", b"   ", b"null", b'{"id":"x","messages":[]}']


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(following, "LARGE", 1)
    monkeypatch.setattr(state, "LARGE", 1)
    monkeypatch.setattr(scanning, "BLOCK", 500)


def line(number, text="x"):
    example = {
        "id": number,
        "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": f"é{number}"}],
        "rating": number % 10 or None,
        "createdAt": "2026-01-01T00:00:00.000Z",
        "version": 1,
    }
    return json.dumps(example, ensure_ascii=False).encode()


def told(index):
    return (
        index.table(heads.schema().names).to_pylist(),
        [str(problem) for problem in index.problems()],
        [(index.number(row), index.body(row)) for row in range(len(index))],
        dict(index.bodies()),
        index.facts.blocks[0].start if index.facts.blocks else None,
        index.facts.lines,
    )


def changed(lines, chance):
    """Return the lines after a random edit by another program."""
    lines = list(lines)
    kind = chance.choice(
        ["edit", "same length", "insert", "delete", "append", "two", "swap", "bad", "double", "all"]
    )
    place = chance.randrange(len(lines))
    if kind == "edit":
        lines[place] = line(1000 + chance.randrange(100), "y" * chance.randrange(400))
    elif kind == "same length":
        lines[place] = bytes(reversed(lines[place])) if lines[place] else b""
    elif kind == "insert":
        lines.insert(place, line(2000 + chance.randrange(100)))
    elif kind == "delete":
        del lines[place]
    elif kind == "append":
        lines += [line(3000 + n) for n in range(chance.randrange(20))]
    elif kind == "two":
        lines[0] = line(4000)
        lines[-1] = line(4001, "end")
    elif kind == "swap":
        other = chance.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == "bad":
        lines.insert(place, chance.choice(BAD))
    elif kind == "double":
        lines.append(lines[place])
    else:
        lines = [line(n, "z") for n in range(1, 30)]
    return lines or [line(1)]


@pytest.mark.parametrize("seed", range(40))
def test_following_equals_reading_afresh(tmp_path, seed):
    chance = random.Random(seed)
    path, head = tmp_path / "examples.jsonl", tmp_path / "head.parquet"
    lines = [line(number + 1, "t" * chance.randrange(200)) for number in range(chance.randrange(1, 60))]
    path.write_bytes(b"\n".join(lines) + b"\n")
    index = opened(path, "examples.jsonl", head)
    for step in range(12):
        lines = changed(lines, chance)
        data = b"\n".join(lines) + chance.choice([b"\n", b"\n", b""])
        if chance.random() < 0.5:  # as an editor does
            path.with_suffix(".new").write_bytes(data)
            path.with_suffix(".new").replace(path)
        else:  # as the ait tool does
            path.write_bytes(data)
        os.utime(path, ns=(step, step + 1))
        index = followed(index, path)
        assert told(index) == told(scanned(path, "examples.jsonl"))
        if chance.random() < 0.3:
            save(index, head)
            assert told(index) == told(scanned(path, "examples.jsonl"))
        if head.exists() and chance.random() < 0.5:
            index = opened(path, "examples.jsonl", head)
            assert told(index) == told(scanned(path, "examples.jsonl"))


def test_a_large_file_that_grew_is_read_from_its_old_end_on(tmp_path, monkeypatch):
    monkeypatch.setattr(following, "COMPARED", 1000)
    path = tmp_path / "examples.jsonl"
    path.write_bytes(b"".join(line(number) + b"\n" for number in range(1, 50)))
    index = opened(path, "examples.jsonl", tmp_path / "head.parquet")
    with path.open("ab") as stream:
        stream.write(b"".join(line(number) + b"\n" for number in range(50, 60)))
    assert followed(index, path) is index
    assert told(index) == told(scanned(path, "examples.jsonl"))


def test_edits_here_and_there_cost_the_blocks_that_they_are_in(tmp_path):
    path = tmp_path / "examples.jsonl"
    lines = [line(number, "t" * (number % 90)) for number in range(1, 400)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    index = scanned(path, "examples.jsonl")
    lines[50], lines[200] = line(51, "longer than it was " * 9), line(201)
    del lines[300:303]
    lines += [line(number) for number in range(500, 510)]
    path.write_bytes(b"\n".join(lines) + b"\n")
    now = streams.opened(path)
    found = matched(index, now.descriptor, path.stat().st_size)
    fresh = [run.end - run.begin for run in found if isinstance(run, Fresh)]
    assert len(fresh) == 4
    assert sum(fresh) < 8 * scanning.BLOCK
    assert told(followed(index, path)) == told(scanned(path, "examples.jsonl"))


def test_a_new_process_finds_the_head_of_what_was_folded_or_only_looked_at(tmp_path):
    project = create(tmp_path / "project", Config(name="bot", model="m"))
    path = project.dataset.path
    path.write_bytes(b"".join(line(number) + b"\n" for number in range(1, 100)))
    head = tmp_path / "project" / "data" / "parquet" / "examples.head.parquet"

    def stands_for():
        return heads.read_facts(pq.ParquetFile(head)).signature

    assert len(project.dataset) == 99
    assert stands_for() == signature(path.stat())
    project.dataset.set_rating(7, 9)
    project.dataset.fold()
    assert stands_for() == signature(path.stat())
    with path.open("ab") as stream:
        stream.write(line(100) + b"\n")
    assert len(project.dataset) == 100
    project.close()
    assert stands_for() == signature(path.stat())
    assert told(opened(path, "examples.jsonl", head)) == told(scanned(path, "examples.jsonl"))


@pytest.mark.parametrize("harm", ["cut", "flip", "text", "empty"])
def test_a_head_that_was_harmed_is_not_believed(tmp_path, harm):
    path, head = tmp_path / "examples.jsonl", tmp_path / "head.parquet"
    path.write_bytes(b"".join(line(number) + b"\n" for number in range(1, 500)))
    save(opened(path, "examples.jsonl", head), head)
    data = bytearray(head.read_bytes())
    if harm == "cut":
        del data[len(data) // 2 :]
    elif harm == "flip":
        data[20] ^= 4
    elif harm == "text":
        data = bytearray(b"hello")
    else:
        data = bytearray()
    head.write_bytes(data)
    assert told(opened(path, "examples.jsonl", head)) == told(scanned(path, "examples.jsonl"))


SPELLINGS = ["2026-01-01T00:00:00.000Z", "2026-01-01 00:00:00.000Z", "2026-01-01T00:00:00Z", "x" * 24, ""]
SPELLINGS += ["2026-02-31T00:00:00.000Z", "0001-01-01T00:00:00.000Z", "2026-01-01T24:00:00.000Z", "é" * 24]


@pytest.mark.parametrize("seed", range(20))
def test_only_times_in_another_spelling_are_kept_as_text(seed):
    chance = random.Random(seed)
    columns = scanning.Columns()
    texts = [chance.choice(SPELLINGS[: chance.choice([1, 2, 9])]) for _ in range(4)]
    lines = [json.dumps(json.loads(line(n + 1)) | {"createdAt": text}) for n, text in enumerate(texts)]
    columns.extend(batches.of_lines([text.encode() for text in lines]))
    kept = heads.table(columns, ["created_at", "created"])
    spelt = heads.spelt(kept["created_at"].combine_chunks()).to_pylist()
    told = zip(kept["created"].to_pylist(), spelt, strict=True)
    assert [own if other is None else other for other, own in told] == texts
