"""Batched generation with a KV cache: greedy or seeded, the same answer whoever else is in the batch asks.

Prompts are padded on the left; what all of them begin with is read once. Each answer has its own
seed, so sampling depends on the request and never on its neighbours or its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

__all__ = ["Asked", "Said", "generate", "stream"]

SHORTEST_PREFIX = 16  # tokens in common that are worth reading once
BATCH = 8  # answers at a time: measured, larger ones gain little on a CPU


@dataclass(frozen=True)
class Asked:
    """One prompt as token ids, and how to answer it."""

    ids: tuple[int, ...]
    most: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """One answer: its token ids without the end token, its text, and why it ended."""

    ids: tuple[int, ...]
    text: str
    finish_reason: str


def generate(model: Any, tokenizer: Any, asked: Sequence[Asked]) -> Iterator[tuple[int, Said]]:
    """Yield (place, answer) for all prompts, a batch of similar length at a time."""
    order = sorted(range(len(asked)), key=lambda place: len(asked[place].ids))
    common = _common([asked[place].ids for place in order])
    with torch.inference_mode():
        prefix = _read(model, asked[0].ids[:common]) if common >= SHORTEST_PREFIX and len(asked) > 1 else None
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            rows = _Rows(model, tokenizer, [asked[place] for place in places], prefix)
            while rows.step():
                pass
            yield from zip(places, rows.answers(), strict=True)


def stream(model: Any, tokenizer: Any, asked: Asked) -> Generator[str, None, Said]:
    """Yield one answer in pieces of text as they come, and return it; it is what `generate` gives."""
    with torch.inference_mode():
        rows = _Rows(model, tokenizer, [asked], None)
        given = ""
        going = True
        while going:
            going = rows.step()
            text = rows.answers()[0].text if not going else rows.settled(0)
            if text != given:
                yield text[len(given) :]
                given = text
        return rows.answers()[0]


@dataclass(frozen=True)
class _Prefix:
    """What all prompts begin with: how many tokens, and the model's cache after reading them."""

    length: int
    cache: Any


class _Rows:
    """Answers that grow together, one token a step; those that are done leave the batch."""

    def __init__(self, model: Any, tokenizer: Any, asked: Sequence[Asked], prefix: _Prefix | None) -> None:
        self._model, self._tokenizer, self._asked = model, tokenizer, asked
        self._ends = end_tokens(model, tokenizer)
        self._said: list[list[int]] = [[] for _ in asked]
        self._reasons = ["length" if one.most < 1 else "" for one in asked]
        self._draws = [torch.Generator().manual_seed(_seed(one)) for one in asked]
        self._alive = list(range(len(asked)))
        self._begin(prefix)

    def step(self) -> bool:
        """Add a token to each answer that is not done; return whether any is left to grow."""
        chosen = [self._choose(row, place) for row, place in enumerate(self._alive)]
        for place, token in zip(self._alive, chosen, strict=True):
            self._take(place, token)
        staying = [row for row, place in enumerate(self._alive) if not self._reasons[place]]
        if not staying:
            return False
        self._shrink(staying)
        self._forward(torch.tensor([[chosen[row]] for row in staying], device=self._model.device))
        return True

    def answers(self) -> list[Said]:
        """Return the answers as they stand."""
        return [
            Said(tuple(ids), self._text(place), self._reasons[place] or "length")
            for place, ids in enumerate(self._said)
        ]

    def settled(self, place: int) -> str:
        """Return the text that further tokens will not change: no half character, no half stop text."""
        text = self._text(place)
        if text.endswith("\N{REPLACEMENT CHARACTER}"):
            text = text.rstrip("\N{REPLACEMENT CHARACTER}")
        held = max((len(stop) - 1 for stop in self._asked[place].stop), default=0)
        return text[: len(text) - held] if held else text

    def _begin(self, prefix: _Prefix | None) -> None:
        """Read the prompts (what comes after the prefix), padded on the left."""
        skip = prefix.length if prefix else 0
        rest = [one.ids[skip:] for one in self._asked]
        width = max(len(ids) for ids in rest)
        gaps = [width - len(ids) for ids in rest]
        pad = self._tokenizer.pad_token_id or 0
        device = self._model.device
        ids = torch.tensor(
            [[pad] * gap + list(row) for gap, row in zip(gaps, rest, strict=True)], device=device
        )
        self._mask = torch.tensor(
            [[1] * skip + [0] * gap + [1] * (width - gap) for gap in gaps], device=device
        )
        self._cache: Any = _copied(prefix.cache, len(rest)) if prefix else None
        places = (self._mask.cumsum(-1) - 1).clamp(min=0)
        self._next = places[:, -1:] + 1
        self._run(ids, places[:, skip:])

    def _forward(self, ids: torch.Tensor) -> None:
        self._mask = torch.cat([self._mask, self._mask.new_ones(len(ids), 1)], dim=1)
        self._run(ids, self._next)
        self._next = self._next + 1

    def _run(self, ids: torch.Tensor, places: torch.Tensor) -> None:
        out = self._model(
            input_ids=ids,
            attention_mask=self._mask,
            position_ids=places,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self._cache, self._logits = out.past_key_values, out.logits[:, -1].float()

    def _shrink(self, staying: list[int]) -> None:
        """Drop the answers that are done from mask and cache."""
        if len(staying) == len(self._alive):
            return
        rows = torch.tensor(staying, device=self._model.device)
        self._cache.batch_select_indices(rows)
        self._mask, self._next = self._mask[rows], self._next[rows]
        self._alive = [self._alive[row] for row in staying]

    def _choose(self, row: int, place: int) -> int:
        """Return the next token: the likeliest, or one drawn with the answer's own seed."""
        one, logits = self._asked[place], self._logits[row]
        if one.temperature <= 0:
            return int(logits.argmax())
        likely = torch.softmax(logits.double().cpu() / one.temperature, dim=-1)
        sorted_, order = likely.sort(descending=True, stable=True)
        sorted_[sorted_.cumsum(0) - sorted_ >= one.top_p] = 0
        return int(order[torch.multinomial(sorted_, 1, generator=self._draws[place])])

    def _take(self, place: int, token: int) -> None:
        one, said = self._asked[place], self._said[place]
        if one.most < 1:
            return
        if token in self._ends:
            self._reasons[place] = "stop"
            return
        said.append(token)
        if one.stop and any(stop in self._decoded(place) for stop in one.stop):
            self._reasons[place] = "stop"
        elif len(said) >= one.most:
            self._reasons[place] = "length"

    def _decoded(self, place: int) -> str:
        text: str = self._tokenizer.decode(self._said[place], skip_special_tokens=True)
        return text

    def _text(self, place: int) -> str:
        text = self._decoded(place)
        cuts = [text.index(stop) for stop in self._asked[place].stop if stop in text]
        return text[: min(cuts)] if cuts else text


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the ids that end an answer, by the model's own settings and its tokenizer."""
    set_ = getattr(model.generation_config, "eos_token_id", None)
    ids = set_ if isinstance(set_, list) else [set_]
    return frozenset(one for one in [*ids, tokenizer.eos_token_id] if one is not None)


def _read(model: Any, ids: Sequence[int]) -> _Prefix:
    """Let the model read what all prompts begin with, once."""
    out = model(input_ids=torch.tensor([list(ids)], device=model.device), use_cache=True, logits_to_keep=1)
    return _Prefix(len(ids), out.past_key_values)


def _copied(cache: Any, rows: int) -> Any:
    """Return a cache of its own for a batch that goes on from a prefix."""
    from copy import deepcopy

    own = deepcopy(cache)
    own.batch_repeat_interleave(rows)
    return own


def _common(prompts: Sequence[tuple[int, ...]]) -> int:
    """Return how many tokens all prompts begin with; the last token of the shortest is never counted."""
    first, last = min(prompts), max(prompts)
    most = min(len(ids) for ids in prompts) - 1
    same = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), most)
    return max(0, min(same, most))


def _seed(one: Asked) -> int:
    """Return the seed of one answer: that of the request, joined with its prompt."""
    text = f"{one.seed}:{','.join(map(str, one.ids))}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
