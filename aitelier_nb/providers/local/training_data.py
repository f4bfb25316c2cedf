"""A training file as tokens: what is cut, left out or held back is counted and told."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from aitelier_nb.errors import DataError
from aitelier_nb.providers.local.conversations import Encoded, encode
from aitelier_nb.providers.local.folders import read_examples
from aitelier_nb.providers.local.hyperparameters import Hyperparameters

__all__ = ["conversations", "held_back", "pairs"]

T = TypeVar("T")
Report = Callable[..., None]
HELD_BACK = 0.1  # of the training examples, for early stopping


def conversations(
    tokenizer: Any, path: Path, hyperparameters: Hyperparameters, report: Report
) -> list[Encoded]:
    """Return the examples of a chat file; those without anything to learn are left out and counted."""
    longest = hyperparameters.max_length
    found = [
        encode(tokenizer, row["messages"], longest=longest, tools=row.get("tools"))
        for row in read_examples(path)
    ]
    usable = [example for example in found if example.learnt]
    _tell(report, sum(len(example.ids) == longest for example in usable), len(found) - len(usable), longest)
    return _not_empty(usable)


def pairs(
    tokenizer: Any, path: Path, hyperparameters: Hyperparameters, report: Report
) -> list[tuple[Encoded, Encoded]]:
    """Return the (chosen, rejected) pairs of a preference file, in OpenAI's or in TRL's shape."""
    longest = hyperparameters.max_length
    found = []
    for row in read_examples(path, preference=True):
        sides = []
        for answer in (row["chosen"], row["rejected"]):
            silent = [{**message, "weight": 0} for message in row["prompt"]]
            sides.append(encode(tokenizer, [*silent, *answer], longest=longest, tools=row.get("tools")))
        found.append((sides[0], sides[1]))
    usable = [pair for pair in found if pair[0].learnt and pair[1].learnt]
    cut = sum(longest in (len(chosen.ids), len(rejected.ids)) for chosen, rejected in usable)
    _tell(report, cut, len(found) - len(usable), longest)
    return _not_empty(usable)


def held_back(examples: Sequence[T], seed: int) -> tuple[list[T], list[T]]:
    """Return (to train on, to watch): a tenth of the training examples, drawn from the seed, at least one."""
    if len(examples) < 2:  # noqa: PLR2004 - one to learn from and one to watch
        raise DataError(
            "early stopping needs at least two examples: it watches a part that is cut from training",
            hint="rate more examples, or train without early_stopping",
        )
    order = list(range(len(examples)))
    random.Random(f"{seed}:held back").shuffle(order)  # noqa: S311 - an order, no secret
    watched = set(order[: max(1, round(len(order) * HELD_BACK))])
    kept = [example for place, example in enumerate(examples) if place not in watched]
    return kept, [examples[place] for place in sorted(watched)]


def _tell(report: Report, cut: int, left_out: int, longest: int) -> None:
    if cut:
        report("notice", message=f"{cut} examples were cut at {longest} tokens (max_length)")
    if left_out:
        message = f"{left_out} examples were left out: nothing to learn in the first {longest} tokens"
        report("notice", message=message)


def _not_empty(usable: list[T]) -> list[T]:
    if not usable:
        raise DataError(
            "the training file holds nothing to learn", hint="rate examples at or above the threshold"
        )
    return usable
