"""Early stopping: the loss on a part cut from training is watched, and the best adapter kept.

Validation is never looked at: it is for the verdict.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from aitelier_nb.providers.local import adapters
from aitelier_nb.providers.local.folders import read_json, write, writes
from aitelier_nb.providers.local.learning import Report
from aitelier_nb.providers.local.tasks import Task

__all__ = ["Watcher"]

LOOKS = 10  # evaluations in a whole run
PATIENCE = 3  # evaluations without a new best before the run ends


class Watcher(TrainerCallback):  # type: ignore[misc]
    """Evaluates the held-back part a few times, keeps the best adapter, and ends a run that got worse."""

    def __init__(self, task: Task, model: Any, folder: Path, *, total: int, report: Report) -> None:
        self._task, self._model, self._folder, self._report = task, model, folder, report
        self._every, self._total = max(1, total // LOOKS), total
        self._seen: dict[int, float] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Take up what was seen before the step that the run continues from."""
        noted = read_json(self._folder / "seen.json") or {}
        self._seen = {int(step): loss for step, loss in noted.items() if int(step) <= state.global_step}

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Evaluate when it is time, and say so; end the run when the best lies too far back."""
        step = state.global_step
        if step % self._every and step != self._total:
            return
        loss = self.evaluate()
        best = min(self._seen.values(), default=float("inf"))
        self._seen[step] = loss
        if writes():
            if loss < best:
                adapters.write(self._model, self._folder / "best", "")
            write(self._folder / "seen.json", {str(at): value for at, value in self._seen.items()})
        self._report("evaluation", validation_loss=loss, at_step=step)
        later = [at for at in self._seen if at > self.best_step]
        control.should_training_stop = control.should_training_stop or len(later) >= PATIENCE

    @property
    def best_step(self) -> int:
        """The step with the lowest loss so far."""
        return min(self._seen, key=lambda step: self._seen[step])

    def evaluate(self) -> float:
        """Return the mean loss over the held-back part."""
        places = range(len(self._task.lengths))
        was_training = self._model.training
        self._model.eval()
        with torch.no_grad():
            batches = [self._task.tensors([place]) for place in places]
            device = self._model.device
            summed = sum(
                float(self._task.loss(self._model, self._model, {k: v.to(device) for k, v in one.items()}))
                for one in batches
            )
        self._task.told()
        self._model.train(was_training)
        return summed / sum(self._task.weight(place) for place in places)

    def restore(self) -> None:
        """Put the best adapter back into the model."""
        from peft import set_peft_model_state_dict
        from safetensors.torch import load_file

        set_peft_model_state_dict(self._model, load_file(self._folder / "best" / adapters.WEIGHTS))
        self._report("best", message=f"kept the adapter of step {self.best_step}")
