"""Pairs of a better and a worse answer to the same turns: from rewrites, and from blind votes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aitelier_nb.schema import Edit, Example, Message

__all__ = ["Pair", "from_imports", "from_rewrites", "from_votes", "is_pair", "pair_of"]


@dataclass(frozen=True)
class Pair:
    """One preference: the turns before the answer, the better and the worse answer."""

    prompt: tuple[dict[str, Any], ...]
    preferred: dict[str, Any]
    other: dict[str, Any]
    tools: Any = None
    id: int | None = None


def from_rewrites(
    examples: Iterable[Example], history: Mapping[int, Sequence[Edit]], *, threshold: float
) -> Iterator[Pair]:
    """Yield a pair for each rewrite that is rated above its original and at or above the threshold.

    Parameters
    ----------
    examples
        The candidates; those that were never rewritten give nothing.
    history
        The edits of each example by id, oldest first: the original's last rating stands there. An
        original that nobody rated counts as lower.
    threshold
        The lowest rating of a preferred answer (1-10).
    """
    for example in examples:
        original = example.original_output
        if original is None or original == example.output or example.rating is None:
            continue
        before = original_rating(history.get(example.id, ()))
        if example.rating >= threshold and (before is None or example.rating > before):
            yield pair_of(example, original)


def from_imports(examples: Iterable[Example], *, threshold: float) -> Iterator[Pair]:
    """Yield the pairs that came in as pairs, but those whose better answer was rated below the threshold."""
    for example in examples:
        worse = _rejected(example)
        good = example.rating is None or example.rating >= threshold
        if good and worse is not None and worse != example.output:
            yield pair_of(example, worse)


def is_pair(example: Example) -> bool:
    """Return whether an example came in with a worse answer beside its own."""
    return _rejected(example) is not None


def _rejected(example: Example) -> str | dict[str, Any] | None:
    worse = example.source.get("rejected") if isinstance(example.source, dict) else None
    return worse if isinstance(worse, (str, dict)) else None


def from_votes(
    examples: Iterable[Example], outcomes: Mapping[int, str], texts: Mapping[int, tuple[str, str]]
) -> Iterator[Pair]:
    """Yield a pair for each blind vote that preferred one answer.

    The examples of a study are validation examples: such pairs are for looking at and for other
    projects, not for training this model again.

    Parameters
    ----------
    examples
        The examples that were compared.
    outcomes
        "W" (tuned preferred), "L" (base preferred), "T" or "B" by id.
    texts
        The answers (base, tuned) by id.
    """
    for example in examples:
        outcome = outcomes.get(example.id)
        if outcome not in ("W", "L") or example.id not in texts:
            continue
        base, tuned = texts[example.id]
        better, worse = (tuned, base) if outcome == "W" else (base, tuned)
        pair = pair_of(example, worse)
        yield replace(pair, preferred={"role": "assistant", "content": better})


def original_rating(edits: Sequence[Edit]) -> int | None:
    """Return the last rating that the first text had before its first rewrite, or None."""
    rating = None
    for edit in edits:
        before, after = edit.before or {}, edit.after or {}
        if "messages" in before or "originalOutput" in after:
            return before.get("rating", rating)
        if "rating" in after:
            rating = after["rating"]
    return rating


def pair_of(example: Example, worse: str | dict[str, Any]) -> Pair:
    """Return the pair whose better answer is the example's own; `worse` is a text or a turn."""
    better = next(turn for turn in reversed(example.messages) if turn.role == "assistant")
    return Pair(
        prompt=tuple(_plain(turn) for turn in example.prompt),
        preferred=_plain(better),
        other={"role": "assistant", "content": worse} if isinstance(worse, str) else worse,
        tools=(example.model_extra or {}).get("tools"),
        id=example.id,
    )


def _plain(turn: Message) -> dict[str, Any]:
    return {name: value for name, value in turn.to_json().items() if value is not None and name != "weight"}
