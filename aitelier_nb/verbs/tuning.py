"""A fine-tune is started once, after its price and a yes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aitelier_nb.consent import ask_for
from aitelier_nb.providers.watching import Watch
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import plans, runs
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.verbs.following import ALREADY, Run
from aitelier_nb.verbs.previews import Preview, preview, question

__all__ = ["train"]


def train(  # noqa: PLR0913, PLR0917 - hyperparameters are arguments
    epochs: float | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    lora_r: int | None = None,
    lora_alpha: int | None = None,
    lora_dropout: float | None = None,
    max_steps: int | None = None,
    max_length: int | None = None,
    seed: int | None = None,
    suffix: str | None = None,
    kind: str = "chat",
    model: str | None = None,
    provider: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    confirm: bool | None = None,
    project: Where = None,
    **more: Any,
) -> Run | Preview:
    """Fine-tune on the training file and return the run at once; `run.wait()` waits for its end.

    The same files and the same arguments give the run that is there already. What is None is
    left to the provider, and what it chose is shown.

    Parameters
    ----------
    epochs
        How often each example is seen.
    batch_size
        Examples a step.
    learning_rate
        The largest step size of the schedule.
    lora_r
        Rank of the adapter.
    lora_alpha
        Scale of the adapter; its effect goes with lora_alpha / lora_r.
    lora_dropout
        Share of the adapter's inputs that is dropped in training, 0 to 1.
    max_steps
        Stop after so many steps, whatever the epochs.
    max_length
        Tokens of an example that are used; longer ones are cut and counted.
    seed
        Of order, dropout and initial weights.
    suffix
        A word in the tuned model's name, where the provider takes one.
    kind
        "chat" for conversations, "preference" for pairs (DPO).
    model
        The base model; the project's own when not given.
    provider
        Who trains, from now on: the project keeps it, with the model. None leaves it as it is.
    force
        Start another run although this one is there.
    dry_run
        Start nothing: return what it would cost, the provider's limits, and what would be sent.
    confirm
        True says yes to the price; None asks.

    Raises
    ------
    DataError
        There is nothing to train on, or the files are out of date.
    ConfirmationNeeded
        It costs money, and nobody said yes.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> run = ait.train(epochs=1, project=project)
    >>> run.wait().status
    'completed'
    """
    place = current(project)
    named = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "lora_r": lora_r,
        "lora_alpha": lora_alpha,
        "lora_dropout": lora_dropout,
        "max_steps": max_steps,
        "max_length": max_length,
        "seed": seed,
        **more,
    }
    hyperparameters = plans.checked({name: value for name, value in named.items() if value is not None})
    opened = runs.trainer(place, provider or place.config.provider)
    plan = plans.make(place, opened, hyperparameters, kind=kind, model=model, suffix=suffix, force=force)
    if dry_run:
        return preview(opened, plan)
    known = runs.find(place, plan.request.identity)
    if known is not None and known.status not in ("failed", "cancelled"):
        return _standing(Run(place, known, notes=[*plan.notes, ALREADY]))
    if opened.costs_money:
        words, notices = question(opened, plan)
        ask_for(words, confirm)
        plan = replace(plan, notes=(*plan.notes, *notices))
    plan = replace(plan, notes=(*plan.notes, *_settled(place, opened.name, plan.request.model)))
    record = runs.start(place, opened, plan)
    return Run(place, record, notes=plan.notes)


def _standing(run: Run) -> Run:
    """Return a run that was there, as it stands now; where nobody can be asked, as it was last seen."""
    watch = Watch()
    watch.look(run.refresh)
    return run


def _settled(project: Project, provider: str, model: str) -> tuple[str, ...]:
    """Write a change of the provider into the project, with the model that goes with it."""
    former = project.config.provider
    if provider == former:
        return ()
    project.change_config(lambda config: config.update(provider=provider, model=model))
    return (f"the project's provider is {provider} now (it was {former}), its model {model}",)
