"""Made examples for the benchmarks: words in the frequencies of a language, the lengths of real chats."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

LETTERS = np.array(list("etaoinshrdlucmfwypvbgk"))
WORDS, TEXT_WORDS = 20_000, 6_000_000
SYSTEM = "You are a helpful, precise support agent."
BEYOND = " “é\u2028ü” 🙂 "  # letters beyond ASCII, in one example of eight
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 10_000


def running_text(chance: np.random.Generator) -> str:
    """Return words one after the other, the k-th most frequent with a share of about 1/k."""
    lengths = chance.integers(2, 11, WORDS)
    words = np.array(["".join(chance.choice(LETTERS, length)) for length in lengths], dtype=object)
    shares = 1 / np.arange(3, WORDS + 3)
    return " ".join(words[chance.choice(WORDS, TEXT_WORDS, p=shares / shares.sum())])


def write(path: Path, count: int, seed: int = 0) -> None:
    """Write `count` examples of about 1.4 kB each as the `ait` tool writes them."""
    chance = np.random.default_rng(seed)
    text = running_text(chance)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        for begin in range(0, count, BATCH):
            size = min(BATCH, count - begin)
            stream.write("".join(lines(text, begin, size, chance)).encode())


def lines(text: str, begin: int, size: int, chance: np.random.Generator) -> list[str]:
    """Return some examples as lines."""
    asked, answered = (
        np.minimum(chance.lognormal(mean, 0.7, size).astype(int) + 20, 12_000) for mean in (5.4, 6.4)
    )
    places = chance.integers(0, len(text) - 30_000, size)
    ratings, sides = chance.integers(0, 11, size), chance.integers(0, 10, size)
    return [
        line(
            begin + number + 1,
            text[place : place + ask],
            text[place + ask : place + ask + answer],
            int(ratings[number]) or None,
            int(sides[number]),
        )
        for number, (place, ask, answer) in enumerate(zip(places, asked, answered, strict=True))
    ]


def line(number: int, asked: str, answered: str, rating: int | None, side: int) -> str:
    """Return one example as a line."""
    if not number % 8:
        asked, answered = (
            asked + BEYOND,
            answered[: len(answered) // 2] + BEYOND + answered[len(answered) // 2 :],
        )
    stamp = (FIRST + timedelta(milliseconds=7919 * number)).isoformat(timespec="milliseconds")
    example = {
        "id": number,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": asked},
            {"role": "assistant", "content": answered},
        ],
        "rating": rating,
        "createdAt": stamp.replace("+00:00", "Z"),
        "version": 1,
        **({} if side < 3 else {"split": "val" if side == 3 else "train"}),
    }
    return json.dumps(example, ensure_ascii=False, separators=(",", ":")) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
