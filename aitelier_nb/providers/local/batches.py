"""The plan of a run: which examples make up which step, drawn once from the seed.

Examples of similar length share a batch, so padding costs next to nothing. The plan is a pure function of
lengths and seed: a run that is resumed, or spread over several processes, sees the same batches.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from aitelier_nb.providers.local.conversations import IGNORED, Encoded

if TYPE_CHECKING:
    import torch

__all__ = ["collate", "plan", "shares"]

BUCKET = 8  # batches whose examples are sorted by length together: random enough, and hardly any padding


def plan(lengths: Sequence[int], *, batch_size: int, steps: int, seed: int) -> list[list[int]]:
    """Return for each step the places of its examples; every epoch sees each example once."""
    batches: list[list[int]] = []
    epoch = 0
    while len(batches) < steps:
        batches += _epoch(lengths, batch_size, random.Random(f"{seed}:{epoch}"))  # noqa: S311 - an order, no secret
        epoch += 1
    return batches[:steps]


def _epoch(lengths: Sequence[int], batch_size: int, draw: random.Random) -> list[list[int]]:
    order = list(range(len(lengths)))
    draw.shuffle(order)
    batches = []
    for start in range(0, len(order), batch_size * BUCKET):
        bucket = sorted(order[start : start + batch_size * BUCKET], key=lambda place: lengths[place])
        batches += [bucket[at : at + batch_size] for at in range(0, len(bucket), batch_size)]
    draw.shuffle(batches)
    return batches


def shares(batch: Sequence[int], *, parts: int, size: int) -> list[list[list[int]]]:
    """Return one step's examples as micro-batches of at most `size`, for each of `parts` processes.

    All processes get the same number of micro-batches, so that none waits for ever; a share may be empty.
    """
    own = [list(batch[part::parts]) for part in range(parts)]
    count = max(1, *(-(-len(share) // size) for share in own))
    return [[share[at * size : (at + 1) * size] for at in range(count)] for share in own]


def collate(examples: Sequence[Encoded], pad: int) -> dict[str, torch.Tensor]:
    """Return examples as a rectangle of ids, mask and labels, padded on the right; padding is not learnt."""
    import torch

    width = max(len(example.ids) for example in examples)
    rows = [(example.ids, example.labels, width - len(example.ids)) for example in examples]
    return {
        "input_ids": torch.tensor([ids + [pad] * gap for ids, _, gap in rows]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * gap for ids, _, gap in rows]),
        "labels": torch.tensor([labels + [IGNORED] * gap for _, labels, gap in rows]),
    }
