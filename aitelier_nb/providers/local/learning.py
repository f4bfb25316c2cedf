"""One run's steps: transformers' Trainer, fed with a fixed plan of batches, its loss on learnt tokens only.

Trainer brings optimiser, schedule, clipping, checkpoints, resuming, devices and several processes.
Ours are the plan, the loss over learnt tokens, and one event per step.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from aitelier_nb.errors import TrainingError
from aitelier_nb.providers.local.batches import collate, shares
from aitelier_nb.providers.local.conversations import IGNORED, Encoded
from aitelier_nb.providers.local.hyperparameters import Hyperparameters
from aitelier_nb.providers.local.models import sha256

__all__ = ["Learner", "Reporter", "Steps", "arguments", "last_checkpoint"]

Report = Callable[..., None]
MANIFEST = "whole.json"


class Steps(Dataset[dict[str, Any]]):  # type: ignore[misc]
    """The plan as a dataset, an entry a step: this process's micro-batches, and the tokens learnt."""

    def __init__(
        self,
        examples: Sequence[Encoded],
        plan: Sequence[Sequence[int]],
        pad: int,
        *,
        micro: int,
        rank: int = 0,
        parts: int = 1,
    ) -> None:
        self._examples, self._plan, self._pad = examples, plan, pad
        self._micro, self._rank, self._parts = micro, rank, parts

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, step: int) -> dict[str, Any]:
        batch = self._plan[step]
        own = shares(batch, parts=self._parts, size=self._micro)[self._rank]
        return {
            "micro_batches": [self._collated(part, batch) for part in own],
            "learnt": sum(self._examples[place].learnt for place in batch),
        }

    def _collated(self, part: Sequence[int], batch: Sequence[int]) -> dict[str, torch.Tensor]:
        """Return a micro-batch; an empty share reads the step's first example and learns nothing from it."""
        if part:
            return collate([self._examples[place] for place in part], self._pad)
        first = self._examples[batch[0]]
        return collate([Encoded(first.ids, [IGNORED] * len(first.ids))], self._pad)


class Learner(Trainer):  # type: ignore[misc]
    """Trainer whose step is one entry of `Steps`: the mean loss per learnt token of the whole batch."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        self.remove_callback(PrinterCallback)  # our events say it all

    def get_train_dataloader(self) -> Any:
        """Return the plan in its order; it is already this process's share."""
        return DataLoader(self.train_dataset, batch_size=1, shuffle=False, collate_fn=_only)

    def floating_point_ops(self, inputs: Any) -> int:  # noqa: ARG002 - Trainer's signature
        """Return 0: nobody reads the count."""
        return 0

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:  # noqa: ARG002
        """Compute the gradients of one step and return its loss, in nats per learnt token."""
        model.train()
        inputs = self._prepare_inputs(inputs)
        micro_batches = inputs["micro_batches"]
        total = torch.zeros((), device=self.args.device)
        for place, micro_batch in enumerate(micro_batches):
            last = place == len(micro_batches) - 1
            with nullcontext() if last else self.accelerator.no_sync(model=model):
                with self.compute_loss_context_manager():
                    summed = labelled_loss(model, self.model, **micro_batch)
                loss = summed * self.args.world_size / inputs["learnt"]  # processes average their gradients
                self.accelerator.backward(loss)
            total += loss.detach()
        return total


def labelled_loss(
    model: Any, bare: Any, *, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the summed cross entropy over labelled positions; logits of other positions are never computed.

    `model` may be wrapped for several processes, `bare` is the model itself.
    """
    targets = labels[:, 1:]
    places = torch.nn.functional.pad(targets != IGNORED, (0, 1))
    if not places.any():
        places[0, 0] = True  # keeps the graph whole; weighs nothing
        targets = torch.zeros(1, dtype=torch.long, device=labels.device)
        return _logits(model, bare, places, input_ids, attention_mask).sum() * 0
    logits = _logits(model, bare, places, input_ids, attention_mask)
    return cross_entropy(logits.float(), targets[targets != IGNORED], reduction="sum")


def _logits(
    model: Any, bare: Any, places: torch.Tensor, input_ids: torch.Tensor, attention_mask: torch.Tensor
) -> torch.Tensor:
    with _head_sees_only(bare.get_output_embeddings(), places):
        logits: torch.Tensor = model(
            input_ids=input_ids, attention_mask=attention_mask, use_cache=False
        ).logits[0]
    return logits


@contextmanager
def _head_sees_only(head: torch.nn.Module, places: torch.Tensor) -> Iterator[None]:
    """Let the output layer compute only the marked positions (batch, tokens) of its input, as one row."""
    hook = head.register_forward_pre_hook(lambda _, inputs: (inputs[0][places].unsqueeze(0), *inputs[1:]))
    try:
        yield
    finally:
        hook.remove()


class Reporter(TrainerCallback):  # type: ignore[misc]
    """Writes an event at each step, stops a run whose loss is no number, and seals each checkpoint."""

    def __init__(self, report: Report, total: int) -> None:
        self._report, self._total = report, total
        self._began, self._first = time.monotonic(), 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Start the clock at the step that the run continues from."""
        self._began, self._first = time.monotonic(), state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Report a step: its number from 1, its loss and the seconds that are left."""
        if not logs or "loss" not in logs:
            return
        step, loss = state.global_step, float(logs["loss"])
        if loss != loss or loss in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN alone differs from itself
            raise TrainingError(f"the loss is no number at step {step}", hint="lower the learning rate")
        seconds = (time.monotonic() - self._began) / max(1, step - self._first) * (self._total - step)
        self._report(
            "step",
            step=step,
            total_steps=self._total,
            loss=loss,
            learning_rate=logs.get("learning_rate"),
            seconds_left=round(seconds, 1),
        )

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Note the digest of each file of a checkpoint, so that a broken one is noticed."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero and folder.is_dir():
            digests = {file.name: sha256(file) for file in sorted(folder.iterdir()) if file.name != MANIFEST}
            (folder / MANIFEST).write_text(json.dumps(digests), "utf-8")


def last_checkpoint(folder: Path) -> tuple[Path | None, list[Path]]:
    """Return the newest checkpoint whose files are as they were written, and the newer ones that are not."""
    broken: list[Path] = []
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: -int(path.name.rpartition("-")[2]))
    for checkpoint in found:
        if _is_whole(checkpoint):
            return checkpoint, broken
        broken.append(checkpoint)
    return None, broken


def _is_whole(checkpoint: Path) -> bool:
    try:
        digests = json.loads((checkpoint / MANIFEST).read_text("utf-8"))
        return all(sha256(checkpoint / name) == digest for name, digest in digests.items())
    except (OSError, ValueError):
        return False


def arguments(
    hyperparameters: Hyperparameters, steps: int, folder: Path, *, processes: int = 1
) -> TrainingArguments:
    """Return what Trainer is told; the effective batch is ours, so its own sizes stay 1."""
    made = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,
        learning_rate=hyperparameters.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(steps * hyperparameters.warmup_ratio),
        weight_decay=0.0,
        max_grad_norm=hyperparameters.max_grad_norm,
        optim="adamw_torch",
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=max(1, min(50, steps // 6)),
        save_total_limit=2,
        report_to=[],
        disable_tqdm=True,
        seed=hyperparameters.seed,
        bf16=hyperparameters.precision == "bf16",
        ddp_backend=None if processes == 1 or torch.cuda.is_available() else "gloo",
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
    made._n_gpu = min(made.n_gpu, 1)  # noqa: SLF001 - one device a process; more are asked for as workers
    return made


def _only(entries: list[Any]) -> Any:
    return entries[0]
