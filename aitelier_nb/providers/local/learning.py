"""One run's steps: transformers' Trainer, fed with a fixed plan of batches and a task's own loss.

Trainer brings optimiser, schedule, clipping, checkpoints, resuming, devices and several processes; ours are
the plan, the loss and the events. It stays as long as a step costs at most 1.15 times that of a bare loop of
torch and peft on the same tensors: 1.01 times were measured, and 0.72 times TRL's SFTTrainer, which computes
all positions' logits (tests/benchmarks/local.py steps). So TRL is no dependency, also not for DPO, whose
loss is one line here; it is what a recipe is written for.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.training_args import ParallelMode

from aitelier_nb.errors import TrainingError
from aitelier_nb.providers.local import checkpoints
from aitelier_nb.providers.local.batches import shares
from aitelier_nb.providers.local.hyperparameters import Hyperparameters
from aitelier_nb.providers.local.tasks import Task

__all__ = ["Learner", "Reporter", "Steps", "arguments"]

Report = Callable[..., None]
SCHEDULES = {"cosine": "cosine", "linear": "linear", "constant": "constant_with_warmup"}


class Steps(Dataset[dict[str, Any]]):  # type: ignore[misc]
    """The plan as a dataset, an entry a step: this process's micro-batches, and the whole batch's weight.

    A micro-batch holds `micro_batch_size` examples; where that is None, as many as fit into
    `micro_tokens`, padding included, and at least one.
    """

    def __init__(
        self,
        task: Task,
        plan: Sequence[Sequence[int]],
        *,
        micro_tokens: int = 512,
        micro_batch_size: int | None = None,
        rank: int = 0,
        parts: int = 1,
    ) -> None:
        self._task, self._plan = task, plan
        self._micro_tokens, self._micro_batch_size = micro_tokens, micro_batch_size
        self._rank, self._parts = rank, parts

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, step: int) -> dict[str, Any]:
        batch = self._plan[step]
        own = self._shares(batch)[self._rank]
        return {
            "micro_batches": [self._task.tensors(part or batch[:1], learn=bool(part)) for part in own],
            "weight": sum(self._task.weight(place) for place in batch),
            "tokens": sum(self._task.lengths[place] for place in batch),
        }

    def companies(self) -> Iterator[list[int]]:
        """Yield the micro-batches, those of all processes, in which each example is met first."""
        met: set[int] = set()
        for batch in self._plan:
            if not met.issuperset(batch):
                met.update(batch)
                yield from filter(None, chain.from_iterable(self._shares(batch)))

    def _shares(self, batch: Sequence[int]) -> list[list[list[int]]]:
        """Return a batch as the micro-batches of each process."""
        longest = max(self._task.lengths[place] for place in batch)
        size = self._micro_batch_size or max(1, self._micro_tokens // longest)
        return shares(batch, parts=self._parts, size=size)


class Learner(Trainer):  # type: ignore[misc]
    """Trainer whose step is one entry of `Steps`: the mean loss over the weight of the whole batch."""

    def __init__(self, task: Task, **words: Any) -> None:
        super().__init__(**words)
        self._task = task
        self.tokens = 0
        self.remove_callback(PrinterCallback)  # our events say it all

    @property
    def processes(self) -> int:
        """How many processes really average their gradients: to have met is not enough."""
        return int(self.args.world_size) if self.args.parallel_mode == ParallelMode.DISTRIBUTED else 1

    def get_train_dataloader(self) -> Any:
        """Return the plan in its order; it is already this process's share."""
        return DataLoader(self.train_dataset, batch_size=1, shuffle=False, collate_fn=_only)

    def floating_point_ops(self, inputs: Any) -> int:  # noqa: ARG002 - Trainer's signature
        """Return 0: nobody reads the count."""
        return 0

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:  # noqa: ARG002
        """Compute the gradients of one step and return its loss, in nats per token or per pair."""
        model.train()
        inputs = self._prepare_inputs(inputs)
        self.tokens += inputs["tokens"]
        total = torch.zeros((), device=self.args.device)
        for left, micro_batch in zip(
            reversed(range(len(inputs["micro_batches"]))), inputs["micro_batches"], strict=True
        ):
            with self.accelerator.no_sync(model=model) if left else nullcontext():
                with self.accelerator.autocast():
                    summed = self._task.loss(model, self.model, micro_batch)
                loss = summed * self.args.world_size / inputs["weight"]  # processes average their gradients
                self.accelerator.backward(loss)
            total += loss.detach()
        return total


class Reporter(TrainerCallback):  # type: ignore[misc]
    """Writes an event at each step, stops a run whose loss is no number, and seals each checkpoint."""

    def __init__(self, report: Report, task: Task, total: int) -> None:
        self._report, self._task, self._total = report, task, total
        self._began, self._first = time.monotonic(), 0
        self.learner: Learner | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Start the clock at the step that the run continues from."""
        self._began, self._first = time.monotonic(), state.global_step

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:  # noqa: ARG002
        """Report a step: its number from 1, its loss, the speed, the memory and the seconds that are left."""
        if not logs or "loss" not in logs:
            return
        step, loss = state.global_step, float(logs["loss"])
        if not math.isfinite(loss):
            raise TrainingError(f"the loss is no number at step {step}", hint="lower the learning rate")
        seconds = time.monotonic() - self._began
        self._report(
            "step",
            step=step,
            total_steps=self._total,
            loss=loss,
            **self._task.told(),
            learning_rate=logs.get("learning_rate"),
            tokens_per_second=round((self.learner.tokens if self.learner else 0) / max(seconds, 1e-9), 1),
            memory=_memory(),
            seconds_left=round(seconds / max(1, step - self._first) * (self._total - step), 1),
        )

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Seal the checkpoint that was just written."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if args.should_save and folder.is_dir():
            checkpoints.seal(folder)


def arguments(
    hyperparameters: Hyperparameters, steps: int, folder: Path, *, precision: str = "fp32"
) -> TrainingArguments:
    """Return what Trainer is told; the effective batch is ours, so its own sizes stay 1."""
    together = int(os.environ.get("WORLD_SIZE", "1")) > 1  # torchrun says so
    on_cpu = not torch.cuda.is_available() and not torch.backends.mps.is_available()
    made = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=1,
        learning_rate=hyperparameters.learning_rate,
        lr_scheduler_type=SCHEDULES[hyperparameters.scheduler],
        warmup_steps=round(steps * hyperparameters.warmup_ratio),
        weight_decay=hyperparameters.weight_decay,
        max_grad_norm=hyperparameters.max_grad_norm,
        optim="adamw_torch",
        logging_steps=1,
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=max(1, min(50, steps // 6)),
        save_total_limit=2,
        save_on_each_node=hyperparameters.nodes > 1,
        report_to=[],
        disable_tqdm=True,
        seed=hyperparameters.seed,
        bf16=precision == "bf16",
        use_cpu=on_cpu,  # without it several processes on a CPU meet and then train each for itself
        ddp_backend="gloo" if on_cpu and together else None,
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
    made._n_gpu = min(made.n_gpu, 1)  # noqa: SLF001 - one device a process; more are asked for as workers
    return made


def _memory() -> int:
    """Return the bytes that this process holds now: the GPU's, where there is one, else the machine's."""
    import psutil

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_reserved())
    return int(psutil.Process().memory_info().rss)


def _only(entries: list[Any]) -> Any:
    return entries[0]
