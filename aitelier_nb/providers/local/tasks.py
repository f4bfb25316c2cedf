"""What a run learns from: conversations (SFT) or preference pairs (DPO), each with its loss.

A task knows its examples' lengths and weights, makes tensors of some of them, and computes a summed loss;
the step divides by the weight of the whole batch, so micro-batches and processes change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch.nn.functional import cross_entropy, logsigmoid, pad

from aitelier_nb.providers.local.batches import collate
from aitelier_nb.providers.local.conversations import IGNORED, Encoded

__all__ = ["Chat", "Preference", "Task", "labelled_loss"]

Tensors = dict[str, torch.Tensor]


class Task(Protocol):
    """What the steps of a run ask of their data."""

    lengths: list[int]
    """Tokens of each example, for bucketing."""

    def weight(self, place: int) -> int:
        """Return how much an example counts in the mean: learnt tokens, or one pair."""
        ...

    def tensors(self, places: Sequence[int], *, learn: bool = True) -> Tensors:
        """Return examples as tensors; without `learn` they are read and count for nothing."""
        ...

    def loss(self, model: Any, bare: Any, batch: Tensors) -> torch.Tensor:
        """Return the summed loss of some examples; `model` may be wrapped, `bare` is the model itself."""
        ...

    def told(self) -> dict[str, float]:
        """Return what else an event should say about the step that was just taken."""
        ...


class Chat:
    """Conversations, of which the assistant's tokens are learnt."""

    def __init__(self, examples: Sequence[Encoded], padding: int) -> None:
        self._examples, self._padding = examples, padding
        self.lengths = [len(example.ids) for example in examples]

    def weight(self, place: int) -> int:
        """Return how many tokens of an example are learnt."""
        return self._examples[place].learnt

    def tensors(self, places: Sequence[int], *, learn: bool = True) -> Tensors:
        """Return conversations as ids, mask and labels."""
        rows = [self._examples[place] for place in places]
        return collate(rows if learn else [_silent(row) for row in rows], self._padding)

    def loss(self, model: Any, bare: Any, batch: Tensors) -> torch.Tensor:
        """Return the cross entropy summed over learnt tokens, in nats."""
        return labelled_loss(model, bare, **batch)

    def told(self) -> dict[str, float]:
        """Return nothing more than the loss."""
        return {}


class Preference:
    """Pairs of answers, of which the first is to become likelier than the second: DPO.

    Loss per pair: -log sigmoid(beta * margin), where margin is how much more the trained model prefers
    the chosen answer than the untrained one does (Rafailov et al. 2023, equation 7).
    """

    def __init__(self, pairs: Sequence[tuple[Encoded, Encoded]], padding: int, *, beta: float) -> None:
        self._pairs, self._padding, self._beta = pairs, padding, beta
        self.lengths = [max(len(chosen.ids), len(rejected.ids)) for chosen, rejected in pairs]
        self._margins: list[float] = []
        self._reference = [0.0] * len(pairs)

    def weight(self, place: int) -> int:  # noqa: ARG002 - each pair counts the same
        """Return one: a pair."""
        return 1

    def tensors(self, places: Sequence[int], *, learn: bool = True) -> Tensors:
        """Return pairs as rows: all chosen answers, then all rejected ones; and what the base prefers."""
        pairs = [self._pairs[place] for place in places]
        rows = collate([chosen for chosen, _ in pairs] + [rejected for _, rejected in pairs], self._padding)
        rows["reference"] = torch.tensor([self._reference[place] for place in places])
        rows["counts"] = torch.tensor(1.0 if learn else 0.0)
        return rows

    def loss(self, model: Any, bare: Any, batch: Tensors) -> torch.Tensor:
        """Return the DPO loss summed over pairs."""
        reference, counts = batch.pop("reference"), batch.pop("counts")
        scores = answer_scores(model, bare, **batch)
        half = len(scores) // 2
        margins = (scores[:half] - scores[half:]) - reference
        if counts:
            self._margins += margins.detach().tolist()
        return -logsigmoid(self._beta * margins).sum() * counts

    def told(self) -> dict[str, float]:
        """Return the mean margin of the last step (nats), and the share of pairs where it is positive."""
        margins, self._margins = self._margins, []
        if not margins:
            return {}
        right = sum(margin > 0 for margin in margins) / len(margins)
        return {"margin": sum(margins) / len(margins), "accuracy": right}

    def refer(self, bare: Any, companies: Iterable[Sequence[int]]) -> None:
        """Note how much the untrained model prefers each chosen answer, in nats.

        A pair is read in the company in which it is first trained on: in bf16 it rounds otherwise in
        another, and the first loss would not be that of no preference, ln 2.
        """
        bare.eval()
        with torch.no_grad():
            for places in companies:
                batch = self.tensors(places)
                rows = {key: batch[key].to(bare.device) for key in ("input_ids", "attention_mask", "labels")}
                scores = answer_scores(bare, bare, **rows)
                preferred = (scores[: len(places)] - scores[len(places) :]).tolist()
                for place, more in zip(places, preferred, strict=True):
                    self._reference[place] = more
        bare.train()


def labelled_loss(
    model: Any, bare: Any, *, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the summed cross entropy over labelled positions; no other position's logits are computed."""
    logits, targets, _ = _labelled(model, bare, input_ids, attention_mask, labels)
    return cross_entropy(logits, targets, reduction="sum", ignore_index=IGNORED)


def answer_scores(
    model: Any, bare: Any, *, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the log probability of each row's labelled tokens, shape (rows,), in nats."""
    logits, targets, rows = _labelled(model, bare, input_ids, attention_mask, labels)
    each = -cross_entropy(logits, targets, reduction="none", ignore_index=IGNORED)
    return torch.zeros(len(input_ids), device=each.device).index_add(0, rows, each)


def _labelled(
    model: Any, bare: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return (logits, targets, row) of each labelled position: shapes (n, vocabulary), (n,), (n,).

    Where nothing is labelled one position stands in, its target ignored: every process needs a gradient.
    """
    targets = pad(labels[:, 1:], (0, 1), value=IGNORED)
    places = targets != IGNORED
    if not places.any():
        places[0, 0] = True
    with _head_sees_only(bare.get_output_embeddings(), places):
        logits = model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits[0]
    return logits.float(), targets[places], places.nonzero()[:, 0]


@contextmanager
def _head_sees_only(head: torch.nn.Module, places: torch.Tensor) -> Iterator[None]:
    """Let the output layer compute only the marked positions (rows, tokens) of its input, as one row."""
    hook = head.register_forward_pre_hook(lambda _, inputs: (inputs[0][places].unsqueeze(0), *inputs[1:]))
    try:
        yield
    finally:
        hook.remove()


def _silent(example: Encoded) -> Encoded:
    return Encoded(example.ids, [IGNORED] * len(example.ids))
