"""How many tokens examples have: exact where a tokenizer is there, else an estimate that is called one.

Prices are never assumed: a cost is told only for a price that somebody gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from aitelier_nb.schema import Example

__all__ = ["Counter", "Tokens", "cost", "count", "count_texts", "encoding_of", "estimate", "limit_of"]

Turns = Sequence[dict[str, Any]]
Counter = Callable[[Sequence[Turns]], Sequence[int]]

# OpenAI cookbook, "How to count tokens with tiktoken": each message is wrapped, each example primed.
PER_MESSAGE, PER_EXAMPLE = 3, 3
TEXT = frozenset({str})
TOGETHER = 1 << 10  # examples whose texts are taken at once
MOSTLY = 0.95  # of texts that come once, looking for equal ones does not pay
BYTES_PER_TOKEN = 4  # of an estimate; 12 % too high on English chat data
ENCODINGS = (
    ("gpt-oss", "o200k_harmony"),
    ("gpt-3.5", "cl100k_base"),
    ("gpt-4-", "cl100k_base"),
    ("gpt-", "o200k_base"),
    ("o1", "o200k_base"),
    ("o3", "o200k_base"),
    ("o4", "o200k_base"),
    ("chatgpt-", "o200k_base"),
    ("qwen3.5", "qwen3.5"),
)
# OpenAI fine-tuning guide: what is longer is cut off at its end. The figures for gpt-4.1 are not published.
LIMITS = (("gpt-4o", 65_536), ("gpt-3.5-turbo-0125", 16_385))


@dataclass(frozen=True)
class Tokens:
    """Tokens of each example, and how they were counted.

    `method` is the name of an encoding (o200k_base, ...), "model" for the base model's own tokenizer, or
    "estimate".
    """

    counts: list[int]
    method: str
    ids: list[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Tokens of one epoch."""
        return sum(self.counts)

    def over(self, limit: int) -> list[int]:
        """Return the ids of the examples with more tokens than `limit`."""
        return [name for name, number in zip(self.ids, self.counts, strict=True) if number > limit]


def count(
    examples: Iterable[Example],
    *,
    model: str | None = None,
    provider: str | None = None,
    counter: Counter | None = None,
    threads: int = 0,
) -> Tokens:
    """Count the tokens of whole examples, wrapping of the messages included.

    Parameters
    ----------
    model
        The base model: OpenAI's are counted exactly when the package `toktok-rs` is there.
    provider
        "openai" without a model counts as its current models do.
    counter
        The base model's own: conversations in, a number for each out.
    threads
        How many threads count; 0 is all cores.
    """
    if counter is not None:
        everyone = list(examples)
        counts = counter([[turn.to_json() for turn in example.messages] for example in everyone])
        return Tokens(list(counts), "model", [example.id for example in everyone])
    texts: list[str] = []
    ids: list[int] = []
    sizes: list[int] = [0]
    remaining = iter(examples)
    while some := list(islice(remaining, TOGETHER)):
        ids += [example.id for example in some]
        talks = [example.messages for example in some]
        sizes += map(len, talks)
        contents: list[Any] = [turn.content for turns in talks for turn in turns]
        if not TEXT.issuperset(map(type, contents)):
            contents = [turn.text for turns in talks for turn in turns]
        texts += contents
    edges = np.cumsum(sizes)
    found, method = count_texts(
        texts, model=model, provider=provider, threads=threads, again=edges[:-1].tolist()
    )
    totals = np.concatenate([[0], np.cumsum(found, dtype=np.int64)])[edges]
    counts = (np.diff(totals) + np.diff(edges) * PER_MESSAGE + PER_EXAMPLE).tolist()
    return Tokens(counts, method, ids)


def count_texts(
    texts: Sequence[str],
    *,
    model: str | None = None,
    provider: str | None = None,
    threads: int = 0,
    again: Sequence[int] = (),
) -> tuple[Sequence[int], str]:
    """Return the tokens of each text, and how they were counted.

    Parameters
    ----------
    again
        The places of texts that may come again and again, as system prompts do: equal ones of them
        are counted once.
    """
    encoding = encoding_of(model, provider)
    if encoding is not None:
        try:
            import toktok
        except ImportError:
            encoding = None
    if encoding is None:
        return [-(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN) for text in texts], "estimate"
    places = [place for place in again if place < len(texts)]
    repeated = [texts[place] for place in places]
    known = dict.fromkeys(repeated, 0)
    if len(known) > MOSTLY * len(repeated):
        return toktok.batch_count(texts, encoding, threads=threads), encoding
    others = list(texts)
    for place in places:
        others[place] = ""
    counts = toktok.batch_count([*others, *known], encoding, threads=threads)
    known = dict(zip(known, counts[len(texts) :], strict=True))
    for place, text in zip(places, repeated, strict=True):
        counts[place] = known[text]
    return counts[: len(texts)], encoding


def estimate(examples: Iterable[Example]) -> Tokens:
    """Return what the length of the texts tells of their tokens: the same on every machine."""
    return count(examples, model="", provider="")


def limit_of(model: str | None) -> int | None:
    """Return the tokens of an example beyond which a model's training cuts it off; None where unknown."""
    name = (model or "").lower().removeprefix("ft:").removeprefix("openai/")
    return next((limit for start, limit in LIMITS if name.startswith(start)), None)


def encoding_of(model: str | None, provider: str | None = None) -> str | None:
    """Return the encoding of a model, or None for one whose tokenizer is its own affair."""
    name = (model or "").lower().removeprefix("ft:").removeprefix("openai/")
    if not name:
        return "o200k_base" if provider == "openai" else None
    if name == "gpt-4":
        return "cl100k_base"
    return next((encoding for start, encoding in ENCODINGS if name.startswith(start)), None)


def cost(tokens: int, epochs: float, price: float | None) -> float | None:
    """Return what training costs at a price per million tokens; None without a price."""
    return None if price is None else tokens * epochs * price / 10**6
