"""Steps on a GPU: ours beside TRL's SFTTrainer, on random weights of a 1B shape, in the same process.

    python tests/benchmarks/local_gpu.py

Needs CUDA and TRL; nothing is downloaded. Walls with the device synchronised, interleaved round by round.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from aitelier_nb.providers.local import learning, library
from aitelier_nb.providers.local.batches import plan
from aitelier_nb.providers.local.conversations import Encoded
from aitelier_nb.providers.local.folders import Journal
from aitelier_nb.providers.local.hyperparameters import Hyperparameters
from aitelier_nb.providers.local.tasks import Chat
from aitelier_nb.providers.local.trainer import with_adapter

ROUNDS, STEPS, BATCH, LENGTH = 3, 12, 8, 512  # the first two steps of each round warm up
SHAPE = {
    "vocab_size": 49152, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
    "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 2048, "tie_word_embeddings": True,
}  # fmt: skip


def model() -> Any:
    """Return a Llama of about 1.0e9 random parameters with a fresh adapter, as the trainer lays it out."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    with torch.device("cuda"):
        base = LlamaForCausalLM(LlamaConfig(**SHAPE)).to(torch.bfloat16)
    print(f"{base.num_parameters() / 1e9:.2f}e9 random parameters")
    return with_adapter(base, Hyperparameters())


def timed(trainer: Any) -> list[float]:
    from transformers import PrinterCallback, TrainerCallback

    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            torch.cuda.synchronize()
            ends.append(time.perf_counter())
            control.should_training_stop = len(ends) == STEPS

    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Clock())
    trainer.train()
    return [after - before for before, after in pairwise(ends)][1:]


def ours(made: Any, examples: list[Encoded], folder: Path) -> list[float]:
    given = Hyperparameters(batch_size=BATCH)
    task = Chat(examples, 2)
    order = plan(task.lengths, batch_size=BATCH, steps=STEPS, seed=0)
    learner = learning.Learner(
        task,
        model=made,
        args=learning.arguments(given, 10 * STEPS, folder / "checkpoints", precision="bf16"),
        train_dataset=learning.Steps(task, order, micro_tokens=BATCH * LENGTH),
        callbacks=[learning.Reporter(Journal(folder / "events.jsonl"), task, 10 * STEPS)],
    )
    return timed(learner)


def theirs(made: Any, examples: list[Encoded], folder: Path) -> list[float]:
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    rows = {
        "input_ids": [one.ids for one in examples],
        "assistant_masks": [[int(label != -100) for label in one.labels] for one in examples],
    }
    config = SFTConfig(
        output_dir=str(folder), max_steps=10 * STEPS, per_device_train_batch_size=BATCH, learning_rate=1e-3,
        report_to=[], bf16=True, gradient_checkpointing=False, logging_steps=1, save_strategy="no",
        disable_tqdm=True, weight_decay=0.0, max_length=LENGTH,
    )  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(library.pull().folder)
    return timed(
        SFTTrainer(model=made, args=config, train_dataset=Dataset.from_dict(rows), processing_class=tokenizer)
    )


def main() -> int:
    missing = [
        what for what, there in (("CUDA", torch.cuda.is_available()), ("trl", find_spec("trl"))) if not there
    ]
    if missing:
        print(f"not measured: {' and '.join(missing)} missing here")
        return 1
    draw = torch.Generator().manual_seed(0)
    examples = []
    for _ in range(BATCH * STEPS):
        ids = torch.randint(10, SHAPE["vocab_size"], (LENGTH,), generator=draw).tolist()
        examples.append(Encoded(ids, [-100] * (LENGTH // 2) + ids[LENGTH // 2 :]))
    made = model()
    kinds: dict[str, Callable[[Path], list[float]]] = {
        "ours": lambda folder: ours(made, examples, folder),
        "TRL SFTTrainer": lambda folder: theirs(made, examples, folder),
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, run in kinds.items():
            with tempfile.TemporaryDirectory() as folder:
                times[name] += run(Path(folder))
    for name, values in times.items():
        print(
            f"  {name:16} {statistics.median(values):.4f} s a step ({min(values):.4f} to {max(values):.4f})"
        )
    ratio = statistics.median(times["ours"]) / statistics.median(times["TRL SFTTrainer"])
    print(
        f"batches of {BATCH} x {LENGTH} tokens on {torch.cuda.get_device_name()}: ours is {ratio:.2f}x (<= 1.2)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
