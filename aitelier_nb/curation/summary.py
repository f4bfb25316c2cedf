"""What a set of examples holds: ratings, split, lengths, prompts, duplicates, and the next step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aitelier_nb.curation import agreement, duplicates, leaks, scripts, sizes
from aitelier_nb.schema import Example
from aitelier_nb.views import counted

__all__ = ["Summary", "summarise"]

FEWEST_TRAIN = 10  # the fewest examples that every provider trains on
RATINGS = range(1, 11)
PROMPTS_SHOWN = 5
SPEAKERS = ("user", "assistant")


@dataclass(frozen=True)
class Summary:
    """Counts of a set of examples.

    `above_threshold` counts ratings at or above the threshold. `lengths` are characters of a whole
    example: median, 90th percentile and most. `system_prompts` are the commonest with their counts
    ("" is none). `duplicates` are groups of ids with equal user turns. `ready` says whether there is
    enough to train on; `next_step` names what to do now. `agreement` is Krippendorff's alpha of all
    raters (ordinal), None when undefined. `leaks` are ids in train that are near to a validation example.
    `shortage` says what validation is too small to show, as it is or as a split would make it now.
    `scripts` counts examples by the script of most of their letters.
    """

    total: int
    rated: int
    unrated: int
    above_threshold: int
    threshold: float
    histogram: dict[str, int]
    split: dict[str, int]
    ready: bool
    next_step: str
    mean_rating: float | None = None
    rewritten: int = 0
    flagged: int = 0
    multi_turn: int = 0
    lengths: dict[str, int] = field(default_factory=dict)
    system_prompts: list[tuple[str, int]] = field(default_factory=list)
    n_system_prompts: int = 0
    duplicates: list[list[int]] = field(default_factory=list)
    raters: dict[str, int] = field(default_factory=dict)
    agreement: float | None = None
    leaks: list[int] = field(default_factory=list)
    validation_below: int = 0
    shortage: str = ""
    scripts: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the keys that scripts read."""
        return dict(vars(self))

    def sentences(self) -> list[str]:
        """Return the summary's remarks, the next step last."""
        return [*self._remarks(), f"Next: {self.next_step}"]

    def _remarks(self) -> Iterable[str]:
        split = self.split
        yield f"Split: {split['train']} train, {split['val']} validation, {split['unassigned']} unassigned."
        if self.shortage:
            yield self.shortage
        if self.lengths:
            sizes = self.lengths
            yield (
                f"Length: {sizes['median']:,} characters in the median example, 90 % are under "
                f"{sizes['p90']:,}, the longest has {sizes['most']:,}."
            )
        if len(self.scripts) > 1:
            yield f"Scripts: {', '.join(f'{n} {name}' for name, n in self.scripts.items())}."
        if self.validation_below:
            below = f"{self.validation_below} validation examples are not rated {self.threshold:g} or higher"
            yield f"{below}: they are left out of files."
        if self.n_system_prompts > 1:
            yield f"{self.n_system_prompts} different system prompts (none counts as one)."
        if self.duplicates:
            examples = sum(map(len, self.duplicates))
            yield f"{examples} examples are duplicates, in {counted(len(self.duplicates), 'group')}."
        if self.leaks:
            near = counted(len(self.leaks), "example")
            yield f"{near} in train near to validation: left out of training files."
        if len(self.raters) > 1:
            value = "undefined" if self.agreement is None else f"{self.agreement:.3f}"
            yield f"{len(self.raters)} raters; their agreement (Krippendorff's alpha, ordinal) is {value}."
        if self.flagged:
            yield f"{self.flagged} examples are flagged."


def summarise(examples: Iterable[Example], threshold: float) -> Summary:
    """Count everything once over the examples, in any order.

    Parameters
    ----------
    examples
        All examples of a project.
    threshold
        The lowest rating that is trained on (1-10).
    """
    everyone = list(examples)
    ratings = Counter(example.rating for example in everyone if example.rating is not None)
    rated = ratings.total()
    sides = Counter(example.split for example in everyone)
    split = {"train": sides["train"], "val": sides["val"], "unassigned": sides[None]}
    good = [example for example in everyone if example.rating is not None and example.rating >= threshold]
    prompts = Counter(example.system or "" for example in everyone)
    ready, step = _next_step(everyone, good, threshold)
    return Summary(
        total=len(everyone),
        rated=rated,
        unrated=len(everyone) - rated,
        above_threshold=len(good),
        threshold=threshold,
        histogram={str(rating): ratings[rating] for rating in RATINGS},
        split=split,
        ready=ready,
        next_step=step,
        mean_rating=sum(rating * n for rating, n in ratings.items()) / rated if rated else None,
        rewritten=sum(example.original_output is not None for example in everyone),
        flagged=sum(bool(example.flagged) for example in everyone),
        multi_turn=sum(
            sum(turn.role == "assistant" for turn in example.messages) > 1 for example in everyone
        ),
        lengths=_lengths(everyone),
        system_prompts=prompts.most_common(PROMPTS_SHOWN),
        n_system_prompts=len(prompts),
        duplicates=duplicates.groups((example.id, duplicates.key(example.messages)) for example in everyone),
        raters=dict(Counter(rater for example in everyone for rater in example.ratings or {})),
        agreement=agreement.alpha(example.ratings or {} for example in everyone),
        leaks=sorted(
            leaks.find(
                (example for example in everyone if example.split == "train"),
                (example for example in everyone if example.split == "val"),
            )
        ),
        validation_below=sides["val"] - sum(example.split == "val" for example in good),
        shortage=_shortage(good),
        scripts=_scripts(everyone),
    )


def _shortage(good: list[Example]) -> str:
    """Return what validation is too small to show: as it is, or as the next split would make it."""
    held = sum(example.split == "val" for example in good)
    if held:
        return sizes.shortage(held)
    free = sum(example.split is None for example in good)
    return sizes.shortage(max(1, round(free / 5)), "would hold") if free >= 2 else ""  # noqa: PLR2004


def _next_step(everyone: list[Example], good: list[Example], threshold: float) -> tuple[bool, str]:
    """Return whether there is enough to train on, and what to do now."""
    unrated = sum(example.rating is None for example in everyone)
    train = sum(example.split == "train" for example in good)
    unplaced = sum(example.split is None for example in good)
    enough = train >= FEWEST_TRAIN or (train + unplaced) * 4 // 5 >= FEWEST_TRAIN
    if not everyone:
        return False, "add examples with ait.add() or ait.load() (ait add, ait import)"
    if not enough and unrated:
        return False, f"rate the {counted(unrated, 'unrated example')} with ait.rate() (ait rate)"
    if not enough:
        few = f"{counted(len(good), 'example')} {'is' if len(good) == 1 else 'are'}"
        return False, (
            f"only {few} rated {threshold:g} or higher: rewrite weak answers with ait.rate(), or add more"
        )
    if unplaced or not train:
        return True, f"split the {counted(unplaced, 'example')} without a side with ait.split() (ait split)"
    return True, "write the training files with ait.format() (ait format), then ait.train()"


def _scripts(everyone: list[Example]) -> dict[str, int]:
    """Return the scripts of what users and models say, the commonest first."""
    said = ("\n".join(turn.text for turn in one.messages if turn.role in SPEAKERS) for one in everyone)
    found = Counter(script for script in map(scripts.script_of, said) if script is not None)
    return dict(found.most_common())


def _lengths(everyone: list[Example]) -> dict[str, int]:
    sizes = sorted(sum(len(turn.text) for turn in example.messages) for example in everyone)
    if not sizes:
        return {}
    return {"median": sizes[len(sizes) // 2], "p90": sizes[len(sizes) * 9 // 10], "most": sizes[-1]}
