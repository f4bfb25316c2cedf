"""Speed of import, checks, split, leaks and tokens, each as a ratio to an anchor timed in the same run.

Run: python tests/benchmarks/curation.py [--large] [--million]

Seconds are CPU seconds of one thread, the least of three runs. `--large` takes a million examples for the split and 90,000
against 2,000 for the leaks, as in the table of goals.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np

from aitelier_nb.curation import duplicates, near, tokens
from aitelier_nb.curation.columns import Columns
from aitelier_nb.curation.splits import assign_columns
from aitelier_nb.formats import readers, rules
from aitelier_nb.schema import Example

RUNS = 3


def seconds(work, runs=RUNS):
    """The least CPU time of a few runs, without the garbage collector."""
    best = float("inf")
    gc.disable()
    for _ in range(runs):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
        gc.enable()
        gc.collect()
        gc.disable()
    gc.enable()
    return best


def show(what, measured, anchor, of, goal):
    print(f"{what:<44} {measured:<22} {anchor:<28} {of:<12} {goal}")


def texts(count, seed, mean=60):
    """Texts of words with the frequencies of a language; the length is skewed as in chats."""
    rng = np.random.default_rng(seed)
    parts = [
        "ta",
        "re",
        "in",
        "ko",
        "sel",
        "ma",
        "der",
        "lo",
        "ing",
        "pe",
        "st",
        "an",
        "vi",
        "our",
        "ne",
        "ble",
    ]
    words = np.array(
        [parts[n % 16] + parts[n // 16 % 16] + (parts[n // 256 % 16] if n > 255 else "") for n in range(4096)]
    )
    weights = 1 / np.arange(1, len(words) + 1)
    lengths = np.clip(rng.lognormal(np.log(mean) - 0.3, 0.8, count).astype(int), 8, 600)
    drawn = words[rng.choice(len(words), size=lengths.sum(), p=weights / weights.sum())]
    return [drawn[end - length : end].tolist() for end, length in zip(lengths.cumsum(), lengths, strict=True)]


def chat_lines(count):
    """Lines of about 1 kB: a system prompt, a question, an answer."""
    questions, answers = texts(count, 1, 60), texts(count, 2, 110)
    return [
        json.dumps(
            {
                "messages": [
                    {"role": "system", "content": "You are a helpful, precise support agent."},
                    {"role": "user", "content": " ".join(question)},
                    {"role": "assistant", "content": " ".join(answer)},
                ]
            }
        ).encode()
        for question, answer in zip(questions, answers, strict=True)
    ]


def reading(count):
    lines = chat_lines(count)
    content = b"\n".join(lines) + b"\n"
    decode = msgspec.json.Decoder().decode
    bare = seconds(lambda: [None for line in lines if decode(line) is None])
    streamed = seconds(lambda: sum(1 for _ in readers.stream(content)))
    checked = seconds(lambda: rules.check(content, "together"))
    whole = seconds(lambda: readers.read(content))
    show("bytes a line", f"{len(content) / count:.0f}", "", "", "")
    show("decode alone (msgspec)", f"{count / bare / 1000:.0f}k/s", "anchor", "", "")
    show(
        "parse and validate (stream)",
        f"{count / streamed / 1000:.0f}k/s",
        f"{streamed / bare:.2f}x decode",
        "",
        "> 300k/s",
    )
    show(
        "import, rows kept",
        f"{count / whole / 1000:.0f}k/s",
        f"{whole / bare:.2f}x decode",
        "",
        "> 60k/s with storage",
    )
    try:
        from together.lib.utils.files import check_file
    except ImportError:
        show("check", f"{count / checked / 1000:.0f}k/s", "together is not installed", "", "")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        path.write_bytes(content)
        theirs = seconds(lambda: check_file(path), runs=1)
    show(
        "check for together",
        f"{count / checked / 1000:.0f}k/s",
        f"{theirs / checked:.1f}x check_file",
        "",
        ">= 2x",
    )


def splitting(count):
    rng = np.random.default_rng(0)
    columns = Columns(
        np.arange(1, count + 1), rng.integers(0, 11, count), np.zeros(count, np.int64), np.full(count, -1)
    )
    taken = seconds(lambda: assign_columns(columns, threshold=8, seed=1))
    loop = seconds(lambda: [hash((1, n)) for n in range(count)])
    show(
        f"assign {count:,}",
        f"{taken * 1000:.0f} ms",
        f"{taken / loop:.2f}x a loop of hash()",
        "",
        "< 200 ms for 1M",
    )


def changed(words, share, chance):
    words = list(words)
    for place in chance.sample(range(len(words)), round(share * len(words))):
        words[place] = f"new{chance.randint(0, 9999)}"
    return words


def leaking(train, held):
    chance = random.Random(3)
    corpus = texts(train, 4)
    levels = [0, 0.02, 0.05, 0.1]
    sources = [chance.randrange(train) for _ in range(held)]
    planted = [
        changed(corpus[source], levels[n % 4], chance) for n, source in enumerate(sources[: held // 2])
    ]
    unrelated = texts(held - len(planted), 5)
    found = []
    joined = [" ".join(words) for words in corpus]
    taken = seconds(
        lambda: found.append(list(near.Held(planted + unrelated).near(map(duplicates.words, joined)))), runs=1
    )
    keys = seconds(lambda: [duplicates.normalise(text) for text in joined], runs=1)
    hit = {(one.text, one.held) for one in found[-1]}
    texts_hit = {one.text for one in found[-1]}
    show(
        f"leaks, {train:,} against {held:,}",
        f"{taken:.1f} s",
        f"{taken / keys:.1f}x normalising them",
        "",
        "< 10 s for 90k x 2k",
    )
    for level_place, level in enumerate(levels):
        those = [n for n in range(len(planted)) if n % 4 == level_place]
        recall = sum(sources[n] in texts_hit for n in those) / len(those)
        show(
            f"  recall at {level:.0%} of words changed", f"{recall:.3f}", "", "", "1.0 to 5 %, >= .9 at 10 %"
        )
    wrong = sum(
        sources[held_place] != text if held_place < len(planted) else True for text, held_place in hit
    )
    show("  unrelated pairs flagged", f"{wrong}", f"of {train * held:,}", "", "<= 1 %")


def english(count):
    """Conversations of about 1 kB of real English: the help texts that come with Python."""
    from pydoc_data.topics import topics

    passages = [part.strip() for text in topics.values() for part in text.split("\n\n")]
    passages = [part for part in passages if 40 < len(part) < 2500]
    chance = random.Random(6)
    for number in range(1, count + 1):
        question, *answer = chance.choices(passages, k=3)
        turns = [
            {"role": "system", "content": "You are a helpful, precise support agent."},
            {"role": "user", "content": question[:300]},
            {"role": "assistant", "content": " ".join(answer)[:700]},
        ]
        yield Example.model_validate({"id": number, "messages": turns})


def counting(count):
    examples = list(english(count))
    texts_of = [turn.text for example in examples for turn in example.messages]
    found = []
    taken = seconds(lambda: found.append(tokens.count(examples, model="gpt-4.1", threads=1)), runs=7)
    rate = f"{count / taken / 1000:.0f}k/s"
    show("characters an example", f"{sum(map(len, texts_of)) / count:.0f}", "", "", "")
    try:
        import toktok
    except ImportError:
        show(f"tokens ({found[-1].method}), one thread", rate, "toktok-rs is not installed", "", "")
        return
    bare = seconds(lambda: toktok.batch_count(texts_of, "o200k_base", threads=1), runs=7)
    show(
        f"tokens ({found[-1].method}), one thread",
        rate,
        f"{taken / bare:.2f}x the tokenizer alone",
        "",
        ">= 150k/s",
    )


def importing(count):
    """The whole import into a project, beside an atomic copy of the file."""
    import aitelier_nb as ait
    from aitelier_nb.storage import files

    content = b"\n".join(chat_lines(count)) + b"\n"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "chat.jsonl"
        source.write_bytes(content)
        copied = seconds(lambda: files.replace(Path(folder) / "copy", [source.read_bytes()]))
        took = []
        for run in range(RUNS):
            project = ait.init("import", path=Path(folder) / str(run))
            start = time.process_time()
            ait.load(source, project=project)
            took.append(time.process_time() - start)
            project.close()
    show(
        f"import {count:,} into a project",
        f"{count / min(took) / 1000:.0f}k/s",
        f"{min(took) / copied:.1f}x an atomic copy",
        "",
        "> 60k/s",
    )


def rated_lines(count):
    """Lines of a project, rated and not split; no question comes twice."""
    lines = chat_lines(min(count, 100_000))
    for number in range(count):
        line = lines[number % len(lines)].replace(
            b'"user", "content": "', b'"user", "content": "%d ' % number
        )
        scalars = b'"rating":%d,"createdAt":"2026-01-01T00:00:00.000Z","version":1' % (8 + number % 3)
        yield b'{"id":%d,%b,%b}\n' % (number + 1, line[1:-1], scalars)


def sharing(count, runs):
    """The whole split verb, beside an atomic copy of the file that it writes anew."""
    import aitelier_nb as ait
    from aitelier_nb.storage import files

    copied, took = [], []
    with tempfile.TemporaryDirectory() as folder:
        for run in range(runs):
            project = ait.init("split", path=Path(folder) / str(run))
            with project.dataset.path.open("wb") as file:
                file.writelines(rated_lines(count))
            len(project.dataset)  # known, as in a notebook where it was imported or rated
            copy = Path(folder) / "copy"
            copied.append(seconds(lambda: files.replace(copy, [project.dataset.path.read_bytes()]), runs=2))  # noqa: B023
            start = time.process_time()
            ait.split(project=project)
            took.append(time.process_time() - start)
            project.close()
    show(
        f"split {count:,}, the verb",
        f"{min(took) * 1000:.0f} ms",
        f"{min(took) / min(copied):.1f}x an atomic copy",
        "",
        "< 3x",
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="the sizes of the goals")
    parser.add_argument("--million", action="store_true", help="also the split of a million examples")
    asked = parser.parse_args()
    large, million = asked.large, asked.million
    show("what", "measured", "anchor", "", "goal")
    reading(100_000 if large else 10_000)
    importing(100_000 if large else 10_000)
    sharing(10_000, runs=5)
    if large:
        sharing(100_000, runs=3)
    if million:
        sharing(1_000_000, runs=1)
    splitting(1_000_000 if large else 100_000)
    leaking(*((90_000, 2_000) if large else (9_000, 400)))
    counting(50_000 if large else 5_000)


if __name__ == "__main__":
    main()
