"""What a project holds, and how it is shared out between training and validation."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aitelier_nb.consent import ask_for
from aitelier_nb.curation import duplicates, splits
from aitelier_nb.curation import summary as summaries
from aitelier_nb.storage.project import Project, now
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.views import View

__all__ = ["SplitResult", "Stats", "split", "stats"]

BAR = 30  # characters of the longest bar in a terminal's histogram


@dataclass(frozen=True, repr=False)
class Stats(View):
    """What a project holds, and what to do next."""

    summary: summaries.Summary
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the keys of `ait stats --json`."""
        return self.summary.to_json()

    def headline(self) -> str:
        """Say how much there is."""
        s = self.summary
        rated = f"{s.rated} rated, {s.unrated} unrated"
        return f"{s.total} examples: {rated}, {s.above_threshold} at or above {s.threshold:g}"

    def columns(self) -> Sequence[str]:
        """Return the histogram's columns."""
        return ("rating", "examples", "")

    def rows(self) -> list[Sequence[object]]:
        """Return the histogram, the highest rating first, with a bar each."""
        histogram = self.summary.histogram
        most = max(1, *histogram.values())
        return [(rating, n, "█" * round(BAR * n / most)) for rating, n in reversed(histogram.items())]

    def notes(self) -> Sequence[str]:
        """Return the split's state, what else was noticed, and the next step."""
        return self.summary.sentences()

    def warnings(self) -> Sequence[str]:
        """Name the lines that could not be read."""
        return self.problems


@dataclass(frozen=True, repr=False)
class SplitResult(View):
    """How the examples are shared out between training and validation."""

    assignment: splits.Assignment
    extra: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the keys of `ait split --json`."""
        return self.assignment.to_json()

    def headline(self) -> str:
        """Count the sides."""
        a = self.assignment
        return f"{a.train} train, {a.val} validation (locked), {a.unassigned} unassigned"

    def columns(self) -> Sequence[str]:
        """Return the strata table's columns."""
        return ("rating", "examples", "quota", "train", "validation")

    def rows(self) -> list[Sequence[object]]:
        """Return a stratum a row."""
        return [(s.rating, s.n, s.quota, s.train, s.val) for s in self.assignment.strata]

    def notes(self) -> Sequence[str]:
        """Return what is to be known of the split."""
        return [*self.assignment.notes, *self.extra]


def stats(project: Where = None) -> Stats:
    """Show what the project holds: ratings, split, what stands in the way of training, the next step.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.stats(project=project).summary.total
    3
    """
    place = current(project)
    examples = list(place.dataset.examples())
    summary = summaries.summarise(examples, threshold=place.config.quality_threshold)
    return Stats(summary, tuple(str(problem) for problem in place.dataset.problems()))


def split(
    ratio: float | None = None,
    seed: int | None = None,
    holdout: int | None = None,
    reshuffle: bool = False,
    confirm: bool | None = None,
    project: Where = None,
) -> SplitResult:
    """Share the examples at or above the threshold out between training and validation, once and for all.

    Only examples without a side are placed: validation never moves. Strata are by rating,
    duplicates and groups stay on one side, and the seed is kept with the project.

    Parameters
    ----------
    ratio
        The share of training examples; 0.8 unless the project has another one.
    seed
        Gives each example its place; drawn once and kept when None.
    holdout
        The number of validation examples, instead of a ratio.
    reshuffle
        Take all sides away and place everything anew; asks, because validation changes.
    confirm
        True says yes to a reshuffle.

    Raises
    ------
    SplitError
        Fewer than two examples at or above the threshold, or an impossible ratio.
    ConfirmationNeeded
        A reshuffle to which nobody said yes.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> result = ait.split(project=project)
    >>> result.assignment.moved
    0
    """
    place = current(project)
    kept = place.config.aitelier_nb.get("split", {})
    examples = list(place.dataset.examples())
    if reshuffle:
        ask_for(_reshuffle_question(place), confirm)
    rows = [
        splits.SplitRow(
            id=example.id,
            rating=example.rating,
            split=None if reshuffle else example.split,
            group=example.group,
            key=duplicates.key(example.messages),
            created_at=example.created_at,
        )
        for example in examples
    ]
    seed = _seed(seed, kept, reshuffle=reshuffle)
    share = ratio if ratio is not None else kept.get("ratio", 0.8)
    gone = (
        ()
        if reshuffle
        else {duplicates.key(example.messages) for example in place.dataset.deleted_validation()}
    )
    threshold = place.config.quality_threshold
    found = splits.assign(
        rows, threshold=threshold, ratio=share, seed=seed, holdout=holdout, locked_keys=gone
    )
    _keep(place, found, share, {example.id: example.split for example in examples}, reshuffle=reshuffle)
    return SplitResult(found)


def _seed(asked: int | None, kept: dict[str, Any], *, reshuffle: bool) -> int:
    if asked is not None:
        return asked
    if "seed" in kept and not reshuffle:
        return int(kept["seed"])
    return secrets.randbelow(2**31)


def _reshuffle_question(project: Project) -> str:
    trained = [
        run.job_id for run in project.runs if run.aitelier_nb.get("trainIds") or run.status == "completed"
    ]
    warning = (
        f"; runs {', '.join(trained)} were trained on examples that may become validation" if trained else ""
    )
    return f"take the split apart and place every example anew{warning}?"


def _keep(
    project: Project,
    found: splits.Assignment,
    ratio: float,
    before: dict[int, str | None],
    *,
    reshuffle: bool,
) -> None:
    """Write the new sides as one event, and the rule into the config."""
    sides: dict[int, Any] = {name: side for name, side in found.splits.items() if before.get(name) != side}
    if reshuffle:
        sides |= {
            name: None for name, side in before.items() if side is not None and name not in found.splits
        }
    if sides:
        project.dataset.set_splits(sides)
        project.dataset.fold()

    def note(config: dict[str, Any]) -> None:
        rule = config.setdefault("aitelierNb", {}).setdefault("split", {})
        rule |= {"seed": found.seed, "ratio": ratio}
        if sides or "lockedAt" not in rule:
            rule.setdefault("lockedAt", now())
            if reshuffle:
                rule["lockedAt"] = now()

    project.change_config(note)
