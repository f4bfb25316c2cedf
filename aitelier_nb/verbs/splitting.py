"""How the examples are shared out between training and validation: once, and for ever."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aitelier_nb.consent import ask_for, in_kernel, is_person_there
from aitelier_nb.curation import candidates, duplicates, splits
from aitelier_nb.curation.columns import NONE, TRAIN, Columns
from aitelier_nb.storage.project import Project, now
from aitelier_nb.storage.scanning import collector_paused
from aitelier_nb.tuning.records import ids_of
from aitelier_nb.verbs.current import Where, current, problems_of
from aitelier_nb.verbs.partition import RATIO, picture
from aitelier_nb.views import View, counted

__all__ = ["SplitResult", "split"]

SIDES: tuple[Any, Any] = ("train", "val")


@dataclass(frozen=True, repr=False)
class SplitResult(View):
    """How the examples are shared out between training and validation."""

    assignment: splits.Assignment
    dry_run: bool = False
    extra: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    project: Project | None = None  # where the picture of a notebook finds the examples

    def to_json(self) -> dict[str, Any]:
        """Return the keys of `ait split --json`."""
        return {**self.assignment.to_json(), **({"dry_run": True} if self.dry_run else {})}

    def headline(self) -> str:
        """Count the sides."""
        a = self.assignment
        locked = "would be locked" if self.dry_run else "locked"
        return f"{a.train} train, {a.val} validation ({locked}), {a.unassigned} unassigned"

    def columns(self) -> Sequence[str]:
        """Return the strata table's columns."""
        return ("rating", "examples", "quota", "train", "validation")

    def rows(self) -> list[Sequence[object]]:
        """Return a stratum a row."""
        return [(s.rating, s.n, s.quota, s.train, s.val) for s in self.assignment.strata]

    def notes(self) -> Sequence[str]:
        """Return what is to be known of the split."""
        return [*self.assignment.notes, *self.extra]

    def warnings(self) -> Sequence[str]:
        """Say that validation is too small, where it is, and name the lines that could not be read."""
        small = [self.assignment.shortage] if self.assignment.shortage else []
        return [*small, *self.problems]

    def _ipython_display_(self) -> None:
        """Show the picture in a notebook, with a slider that tries a ratio; elsewhere the text is enough."""
        if self.project is None or not in_kernel():
            raise NotImplementedError
        from IPython.display import display

        project, seed, latest = self.project, self.assignment.seed, [self]

        def tried(ratio: float) -> splits.Assignment:
            return split(ratio, seed, dry_run=True, project=project).assignment

        def confirmed(ratio: float) -> None:
            latest[0] = split(ratio, seed, project=project)

        def static() -> tuple[str, str]:
            return "\n".join([latest[0].text(), *latest[0].warnings()]), latest[0]._repr_html_()

        display(picture(project, tried, confirmed, static, preview=self.dry_run))


def split(
    ratio: float | None = None,
    seed: int | None = None,
    holdout: int | None = None,
    reshuffle: bool = False,
    dry_run: bool = False,
    confirm: bool | None = None,
    project: Where = None,
) -> SplitResult:
    """Share the examples at or above the threshold out between training and validation, once and for all.

    Only examples without a side are placed: validation never moves. Strata are by rating,
    duplicates and groups stay on one side, and the seed is kept with the project. In a terminal a
    validation too small to show anything is asked about before it is locked.

    Parameters
    ----------
    ratio
        The share of training examples; 0.8 unless the project has another one.
    seed
        Gives each example its place; drawn once and kept when not given.
    holdout
        The number of validation examples, instead of a ratio; kept for later splits.
    reshuffle
        Take all sides away and place everything anew; asks, and names the runs that were trained on
        examples which would become validation.
    dry_run
        Show what would be, and change nothing; a notebook's slider then tries other ratios, and its
        button does what it shows.
    confirm
        True says yes to a reshuffle and to a small validation.

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
    rule = place.config.aitelier_nb.get("split", {})
    if ratio is None and holdout is None:
        ratio, holdout = rule.get("ratio", RATIO), rule.get("holdout")
    gone = {} if reshuffle else _keys_of_former(place)
    threshold = place.config.quality_threshold
    with collector_paused():
        dataset = place.dataset
        before, held = candidates.among(dataset.assessed(), dataset.raw, threshold=threshold, locked=gone)
    columns = dataclasses.replace(before, split=np.zeros_like(before.split)) if reshuffle else before
    chosen = _seed(seed, rule, reshuffle=reshuffle)
    share = RATIO if ratio is None else ratio
    found = splits.assign_columns(
        columns,
        threshold=threshold,
        seed=chosen,
        ratio=share,
        holdout=holdout,
        held=held,
        learnt=None if reshuffle else np.isin(columns.id, sorted(_learnt(place))),
    )
    result = SplitResult(found, dry_run, tuple(_about_seed(seed, rule, found)), problems_of(place), place)
    if dry_run:
        return result
    if reshuffle:
        ask_for(_reshuffle_question(place, before, found), confirm)
    elif found.shortage and len(found.ids) and is_person_there() and not in_kernel():
        ask_for(f"{found.shortage} Lock it like that", confirm)
    kept = {"seed": chosen, "ratio": share, **({} if holdout is None else {"holdout": holdout})}
    _keep(place, found, before, kept, reshuffle=reshuffle)
    return result


def _learnt(project: Project) -> set[int]:
    """Return the ids of examples that some run was trained on: they never become validation unasked."""
    return {name for run in project.runs for name in ids_of(run.aitelier_nb.get("trainIds", ""))}


def _keys_of_former(project: Project) -> dict[str, int]:
    """Return what validation asked once, in examples that are deleted or were edited since: key and tally."""
    former = project.dataset.former_validation()
    return {duplicates.key(one.messages): duplicates.tally_of(one.messages) for one in former}


def _seed(asked: int | None, kept: Mapping[str, Any], *, reshuffle: bool) -> int:
    if asked is not None:
        return asked
    if "seed" in kept and not reshuffle:
        return int(kept["seed"])
    return secrets.randbelow(2**31)


def _about_seed(asked: int | None, kept: Mapping[str, Any], found: splits.Assignment) -> Iterable[str]:
    if asked is not None and kept.get("seed", asked) != asked and found.train + found.val > len(found.ids):
        yield f"Only what had no side yet was placed with seed {asked}; the rest keeps its place."


def _reshuffle_question(project: Project, before: Columns, found: splits.Assignment) -> str:
    """Return what a reshuffle would do, the runs named that have learnt what becomes validation."""
    becoming = set(found.ids[found.in_validation].tolist())
    learnt, unknown = [], []
    for run in project.runs:
        ids = run.aitelier_nb.get("trainIds")
        if ids is None:
            unknown.append(run.job_id)
        elif seen := becoming & set(ids_of(ids)):
            learnt.append(f"{run.job_id} was trained on {len(seen)} of them")
    moved = becoming & set(before.id[before.split == TRAIN].tolist())
    told = [f"{counted(len(moved), 'example')} of train would become validation"] if moved else []
    told += learnt
    told += [f"what {', '.join(unknown)} was trained on is not known"] if unknown else []
    end = f" ({'; '.join(told)})" if told else ""
    return f"take the split apart and place every example anew{end}?"


def _keep(
    project: Project,
    found: splits.Assignment,
    before: Columns,
    kept: Mapping[str, Any],
    *,
    reshuffle: bool,
) -> None:
    """Write the new sides as one event, and the rule into the config."""
    if not reshuffle and len(found.ids):
        project.dataset.share_out(found.ids, found.in_validation)
    if reshuffle:
        sides: dict[int, Any] = found.splits
        had = dict(zip(before.id.tolist(), before.split.tolist(), strict=True))
        same = {name for name, side in sides.items() if had[name] and SIDES[had[name] - TRAIN] == side}
        gone = dict.fromkeys(name for name, side in had.items() if side != NONE and name not in sides)
        sides = {**{name: side for name, side in sides.items() if name not in same}, **gone}
        if sides:
            project.dataset.set_splits(sides, reshuffle=True)

    def note(config: dict[str, Any]) -> None:
        rule = config.setdefault("aitelierNb", {}).setdefault("split", {})
        rule.pop("holdout", None)
        rule |= kept
        if reshuffle:
            rule["lockedAt"] = now()
        rule.setdefault("lockedAt", now())

    project.change_config(note)
