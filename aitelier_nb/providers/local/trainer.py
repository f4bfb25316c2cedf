"""The process that trains: `python -m aitelier_nb.providers.local.trainer JOB_FOLDER`.

It writes into its own job folder only: events as they happen, checkpoints, and at the end the adapter and
the result, each put in place in one step. It may be killed at any time; started again, it goes on.
"""

from __future__ import annotations

import gc
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from aitelier_nb.errors import AitelierError, TrainingError
from aitelier_nb.providers.local import adapters, checkpoints, library, packages, training_data
from aitelier_nb.providers.local.batches import plan
from aitelier_nb.providers.local.folders import Journal, now, rank, read_json, write, writes
from aitelier_nb.providers.local.hyperparameters import Hyperparameters
from aitelier_nb.providers.local.turns import turn

__all__ = ["main", "train", "with_adapter"]


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
    if result["status"] == "failed":
        report("error", message=result["error"])
    if writes() or result["status"] == "failed":
        write(folder / "result.json", {**result, "finished_at": now()})
    return 0 if result["status"] == "completed" else 1


def train(folder: Path, report: Journal) -> dict[str, Any]:
    """Train the job of a folder and return its result; waits for its turn first."""
    job = json.loads((folder / "job.json").read_text("utf-8"))
    with turn(folder, report):
        return _Run(folder, job, report).train()


class _Run:
    """One run: what was asked, and the model, tokenizer and data that come of it."""

    def __init__(self, folder: Path, job: dict[str, Any], report: Journal) -> None:
        self._folder, self._job, self._report = folder, job, report
        self._asked = Hyperparameters.model_validate(job["hyperparameters"])

    def train(self) -> dict[str, Any]:
        """Load, learn, write the adapter, and return the result."""
        from aitelier_nb.providers.local import machine

        self._report("start", message="loading the model", world_size=self._job["world_size"])
        with machine.loading():
            learner, model, watcher = self._prepared()
        gc.freeze()  # what was loaded stays to the end: no later look goes through it either
        learner.train(resume_from_checkpoint=self._checkpoint())
        if watcher is not None:
            watcher.restore()
        return self._finished(model, learner.state.global_step)

    def _prepared(self) -> tuple[Any, Any, Any]:
        """Return what learns, the model that it changes, and what watches it, if anything does."""
        from transformers import AutoTokenizer, set_seed

        from aitelier_nb.providers.local import learning, machine

        folder = library.find(self._job["model"]).folder
        tokenizer = AutoTokenizer.from_pretrained(folder)
        set_seed(self._asked.seed)
        base, precision = self._base(folder)  # on all processors: nobody waits for another yet
        machine.use_threads()
        model = with_adapter(base, self._asked)
        task, watched = self._tasks(tokenizer)
        steps = self._asked.steps(len(task.lengths))
        planned = self._steps(task, steps, base.config, precision)
        if self._job["kind"] == "preference":
            with machine.arithmetic(precision):
                task.refer(model, planned.companies())
                if watched is not None:
                    watched.refer(model, ([place] for place in range(len(watched.lengths))))
        reporter = learning.Reporter(self._report, task, steps)
        learner = learning.Learner(
            task,
            model=model,
            args=learning.arguments(self._asked, steps, self._folder / "checkpoints", precision=precision),
            train_dataset=planned,
            callbacks=[reporter],
        )
        reporter.learner = learner
        watcher = self._watcher(watched, model, steps, learner)
        self._check_processes(learner.processes)
        return learner, model, watcher

    def _base(self, folder: Path) -> tuple[Any, str]:
        """Return the frozen base model, in the precision to train in, and that precision."""
        import torch
        from transformers import AutoModelForCausalLM
        from transformers.utils import logging

        from aitelier_nb.providers.local import machine

        logging.disable_progress_bar()
        base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        precision = machine.precision(self._asked.precision, base.num_parameters())
        if precision == "bf16":
            base = base.to(torch.bfloat16)
            if machine.device() == "cpu":
                from aitelier_nb.providers.local.attention import stay_exact

                stay_exact(base)
        return base.to(machine.device()), precision

    def _tasks(self, tokenizer: Any) -> tuple[Any, Any]:
        """Return what is learnt, and what is watched (None unless early stopping was asked for)."""
        from aitelier_nb.providers.local.tasks import Chat, Preference

        path, padding = self._folder / "train.jsonl", tokenizer.pad_token_id or 0
        read: Any = training_data.pairs if self._job["kind"] == "preference" else training_data.conversations
        examples = read(tokenizer, path, self._asked, self._report)
        watched: list[Any] = []
        if self._asked.early_stopping:
            examples, watched = training_data.held_back(examples, self._asked.seed)
            self._report("notice", message=f"{len(watched)} training examples are watched, not trained on")

        def task(rows: list[Any]) -> Any:
            if self._job["kind"] == "preference":
                return Preference(rows, padding, beta=self._asked.dpo_beta)
            return Chat(rows, padding)

        return task(examples), task(watched) if watched else None

    def _steps(self, task: Any, steps: int, config: Any, precision: str) -> Any:
        """Return this process's share of the plan."""
        from aitelier_nb.providers.local import learning, machine

        order = plan(task.lengths, batch_size=self._asked.batch_size, steps=steps, seed=self._asked.seed)
        return learning.Steps(
            task,
            order,
            micro_tokens=self._micro_tokens(machine.micro_tokens(config), precision),
            micro_batch_size=self._asked.micro_batch_size,
            rank=rank(),
            parts=self._job["world_size"],
        )

    def _micro_tokens(self, fits: int, precision: str) -> int:
        """Return how many tokens are computed at once: what the run began with, so that it goes on alike."""
        noted = read_json(self._folder / "fits.json")
        if noted is not None:
            return int(noted["micro_tokens"])
        if writes():
            write(self._folder / "fits.json", {"micro_tokens": fits})
        size = self._asked.batch_size
        message = f"batches of {size}, at most {fits} tokens of them computed at once, in {precision}"
        self._report("notice", message=message)
        return fits

    def _watcher(self, watched: Any, model: Any, steps: int, learner: Any) -> Any:
        if watched is None:
            return None
        from aitelier_nb.providers.local.early_stopping import Watcher

        watcher = Watcher(watched, model, self._folder / "checkpoints", total=steps, report=self._report)
        learner.add_callback(watcher)
        return watcher

    def _check_processes(self, found: int) -> None:
        """Refuse to train on fewer processes than were asked for: it would look fine and be another run."""
        if found != self._job["world_size"]:
            raise TrainingError(
                f"{self._job['world_size']} processes were asked for and {found} train together",
                hint="start the run with `ait train --workers`",
            )

    def _checkpoint(self) -> str | None:
        """Return the checkpoint to go on from, and say which ones are broken."""
        checkpoint, broken = checkpoints.newest(self._folder / "checkpoints")
        for path in broken:
            self._report("notice", message=f"{path.name} is broken and was not used")
        if checkpoint is None:
            return None
        self._report("resume", message=f"going on from {checkpoint.name}")
        return str(checkpoint)

    def _finished(self, model: Any, steps: int) -> dict[str, Any]:
        if not writes():
            return {"status": "completed"}
        digest = adapters.write(model, self._folder / "adapter", self._job["base"])
        self._report("done", message="trained", sha256=digest)
        return {"status": "completed", "sha256": digest, "steps": steps}


def with_adapter(base: Any, hyperparameters: Hyperparameters) -> Any:
    """Return the base model with a fresh LoRA adapter; the base itself is frozen."""
    from peft import LoraConfig, get_peft_model

    modules = hyperparameters.lora_trainable_modules
    config = LoraConfig(
        r=hyperparameters.lora_r,
        lora_alpha=hyperparameters.lora_alpha,
        lora_dropout=hyperparameters.lora_dropout,
        target_modules=modules if modules == "all-linear" else [name.strip() for name in modules.split(",")],
        task_type="CAUSAL_LM",
    )
    base.config.use_cache = False
    try:
        return get_peft_model(base, config)
    except ValueError as error:
        raise TrainingError(
            f"LoRA cannot be put on {modules}: {error}", hint="choose other lora_trainable_modules"
        ) from error


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
    packages.leave_out()
    sys.exit(main(sys.argv[1:]))
