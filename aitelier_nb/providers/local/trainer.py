"""The process that trains: `python -m aitelier_nb.providers.local.trainer JOB_FOLDER`.

It writes into its own job folder only: events as they happen, checkpoints, and at the end the adapter and
the result, each put in place in one step. It may be killed at any time; started again, it goes on.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any

from filelock import FileLock

from aitelier_nb.errors import AitelierError, DataError, TrainingError
from aitelier_nb.providers.local import adapters, models
from aitelier_nb.providers.local.batches import plan
from aitelier_nb.providers.local.conversations import Encoded, encode
from aitelier_nb.providers.local.folders import Journal, now, rank, read_examples, write
from aitelier_nb.providers.local.hyperparameters import Hyperparameters

__all__ = ["main", "train"]

QUEUE = "training.lock"


def main(words: list[str]) -> int:
    """Run the job of a folder to its end, and say how it ended in result.json."""
    folder = Path(words[0])
    report = Journal(folder / "events.jsonl")
    try:
        result = train(folder, report)
    except AitelierError as error:
        result = {"status": "failed", "error": str(error), "hint": error.hint}
    except Exception as error:  # noqa: BLE001 - the process's edge: whatever ended the run is written down
        traceback.print_exc()
        result = _failure(error)
    if rank() == 0:
        if result["status"] == "failed":
            report("error", message=result["error"])
        write(folder / "result.json", {**result, "finished_at": now()})
    return 0 if result["status"] == "completed" else 1


def train(folder: Path, report: Journal) -> dict[str, Any]:
    """Train the job of a folder and return its result; waits for its turn first."""
    job = json.loads((folder / "job.json").read_text("utf-8"))
    with _turn(report):
        report("start", message="loading the model", world_size=job["world_size"])
        return _trained(folder, job, report)


def _trained(folder: Path, job: dict[str, Any], report: Journal) -> dict[str, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
    from transformers.utils import logging

    from aitelier_nb.providers.local import learning

    logging.disable_progress_bar()
    hyperparameters = Hyperparameters.model_validate(job["hyperparameters"])
    model_folder = models.find(job["model"]).folder
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    examples = _encoded(tokenizer, folder / "train.jsonl", hyperparameters, report)
    steps = hyperparameters.steps(len(examples))
    set_seed(hyperparameters.seed)
    base = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    model = _with_adapter(base, hyperparameters)
    order = plan(
        [len(example.ids) for example in examples],
        batch_size=hyperparameters.batch_size,
        steps=steps,
        seed=hyperparameters.seed,
    )
    data = learning.Steps(
        examples,
        order,
        tokenizer.pad_token_id or 0,
        micro=hyperparameters.micro_batch_size or hyperparameters.batch_size,
        rank=rank(),
        parts=job["world_size"],
    )
    learner = learning.Learner(
        model=model,
        args=learning.arguments(hyperparameters, steps, folder / "checkpoints", processes=job["world_size"]),
        train_dataset=data,
        callbacks=[learning.Reporter(report, steps)],
    )
    checkpoint = _checkpoint(folder, report)
    learner.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if rank() != 0:
        return {"status": "completed"}
    digest = adapters.write(model, folder / "adapter", job["base"])
    report("done", message="trained", sha256=digest)
    return {"status": "completed", "sha256": digest, "steps": steps}


def _with_adapter(base: Any, hyperparameters: Hyperparameters) -> Any:
    """Return the base model with a fresh LoRA adapter; the base itself is frozen."""
    from peft import LoraConfig, get_peft_model

    modules = hyperparameters.target_modules
    config = LoraConfig(
        r=hyperparameters.lora_r,
        lora_alpha=hyperparameters.lora_alpha,
        lora_dropout=hyperparameters.lora_dropout,
        target_modules=modules if isinstance(modules, str) else list(modules),
        task_type="CAUSAL_LM",
    )
    base.config.use_cache = False
    try:
        return get_peft_model(base, config)
    except ValueError as error:
        raise TrainingError(
            f"LoRA cannot be put on {modules}: {error}", hint="choose other target_modules"
        ) from error


def _encoded(tokenizer: Any, path: Path, hyperparameters: Hyperparameters, report: Journal) -> list[Encoded]:
    """Return the examples as tokens; those without anything to learn are left out and counted."""
    longest = hyperparameters.max_length
    found = [
        encode(tokenizer, row["messages"], longest=longest, tools=row.get("tools"))
        for row in read_examples(path)
    ]
    usable = [example for example in found if example.learnt]
    cut = sum(len(example.ids) == longest for example in usable)
    if cut:
        report("notice", message=f"{cut} examples were cut at {longest} tokens (max_length)")
    if len(usable) < len(found):
        left_out = len(found) - len(usable)
        report(
            "notice",
            message=f"{left_out} examples were left out: nothing to learn in the first {longest} tokens",
        )
    if not usable:
        raise DataError(
            "the training file holds nothing to learn", hint="rate examples at or above the threshold"
        )
    return usable


def _checkpoint(folder: Path, report: Journal) -> Path | None:
    from aitelier_nb.providers.local.learning import last_checkpoint

    checkpoint, broken = last_checkpoint(folder / "checkpoints")
    for path in broken:
        report("notice", message=f"{path.name} is broken and was not used")
    if checkpoint:
        report("resume", message=f"going on from {checkpoint.name}")
    return checkpoint


class _turn:  # noqa: N801 - reads as a word: with _turn(report)
    """Holds the machine's one training slot, so that two runs queue instead of fighting for memory."""

    def __init__(self, report: Journal) -> None:
        self._report = report
        models.cache_folder().mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(models.cache_folder() / QUEUE)

    def __enter__(self) -> None:
        if rank() != 0:
            return
        from filelock import Timeout

        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            self._report("queued", message="another run on this machine goes first")
            self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _failure(error: Exception) -> dict[str, Any]:
    """Return the result of a run that the machine ended, with what to change."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if isinstance(error, MemoryError) or "out of memory" in text.lower() or "can't allocate memory" in text:
        return {
            "status": "failed",
            "error": "the machine ran out of memory",
            "hint": "set micro_batch_size=1, or a smaller max_length",
        }
    return {"status": "failed", "error": text, "hint": "the run's log.txt holds the details"}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
