"""From examples to training files: statistics, split, format, check."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aitelier_nb.consent import ask_for
from aitelier_nb.curation import duplicates, splits
from aitelier_nb.curation import summary as summaries
from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.formats import rules
from aitelier_nb.providers.base import provider_names
from aitelier_nb.schema import Finding
from aitelier_nb.storage.project import Project, now
from aitelier_nb.tuning import training_files
from aitelier_nb.verbs.current import Where, current
from aitelier_nb.views import View

__all__ = ["Checked", "Formatted", "SplitResult", "Stats", "check", "format", "split", "stats"]

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


@dataclass(frozen=True, repr=False)
class Formatted(View):
    """The training files that were written, and what was left out of them."""

    contents: training_files.TrainingFiles
    root: Path
    removed: tuple[str, ...]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Return counts, paths, what was left out, and the warnings of the check."""
        return {
            "train": len(self.contents.train),
            "val": len(self.contents.validation),
            "files": [path for path, _ in self._written()],
            "provider": self.contents.provider,
            "kind": self.contents.kind,
            "left_out": self.contents.left_out,
            "removed": list(self.removed),
            "findings": [finding.model_dump() for finding in self.findings],
        }

    def _written(self) -> list[tuple[str, int]]:
        both = ((self.contents.path_of(split), self.contents.lines_of(split)) for split in ("train", "val"))
        return [(path.relative_to(self.root).as_posix(), len(lines)) for path, lines in both if lines]

    def headline(self) -> str:
        """Say what was written."""
        counts = f"{len(self.contents.train)} train and {len(self.contents.validation)} validation examples"
        return f"{counts} for {self.contents.provider}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("file", "examples")

    def rows(self) -> list[Sequence[object]]:
        """Return a file a row."""
        return list(self._written())

    def notes(self) -> Sequence[str]:
        """Count what was left out, name what was removed, quote the check's warnings."""
        left = [f"left out: {count} {reason}" for reason, count in self.contents.left_out.items()]
        gone = [f"removed the stale data/{name}: no example is in that split now" for name in self.removed]
        return [*left, *gone, *_sentences(self.findings)]


def _sentences(findings: Sequence[Finding]) -> list[str]:
    return [f"{'line ' + str(f.line) + ': ' if f.line else ''}{f.message}" for f in findings]


@dataclass(frozen=True, repr=False)
class Checked(View):
    """What a provider would say of a training file."""

    path: str
    provider: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether the provider would take it: no errors; warnings do not count."""
        return not any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return the keys of `ait check --json`."""
        return {
            "ok": self.ok,
            "path": self.path,
            "provider": self.provider,
            "findings": [finding.model_dump() for finding in self.findings],
        }

    def headline(self) -> str:
        """Say whether it passes."""
        errors = sum(finding.severity == "error" for finding in self.findings)
        verdict = "passes" if self.ok else "would be refused"
        counts = f"{errors} errors, {len(self.findings) - errors} warnings"
        return f"{self.path} {verdict} for {self.provider}: {counts}"

    def columns(self) -> Sequence[str]:
        """Return the findings' columns."""
        return ("line", "severity", "rule", "message", "remedy")

    def rows(self) -> list[Sequence[object]]:
        """Return a finding a row."""
        return [(f.line, f.severity, f.rule, f.message, f.remedy) for f in self.findings]

    def failed(self) -> bool:
        """Return whether the provider would refuse it."""
        return not self.ok


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


def format(  # noqa: A001 - the verb's name
    provider: str | None = None,
    min_rating: int | None = None,
    kind: str = "chat",
    project: Where = None,
) -> Formatted:
    """Write data/train.jsonl and data/val.jsonl for a provider, whole or not at all.

    Parameters
    ----------
    provider
        Whose format; the project's own when None.
    min_rating
        The lowest rating that is trained on (1-10); the project's threshold when None.
    kind
        "chat", or "preference" for pairs made from rewrites.

    Raises
    ------
    DataError
        There is nothing to write.
    CheckFailed
        The provider would refuse a file; nothing was written.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.format("together", project=project).to_json()["train"]
    2
    """
    place = current(project)
    place.dataset.fold()
    name = _known_provider(place, provider)
    if kind not in training_files.KINDS:
        raise UsageError(f"there is no kind {kind!r}", hint="chat or preference")
    contents = training_files.build(place, name, min_rating=min_rating, kind=kind)
    if not contents.train and not contents.validation:
        removed = training_files.write(place, contents)
        reason, remedy = contents.why_empty()
        gone = f"; removed the stale {' and '.join(removed)}" if removed else ""
        raise DataError(f"{reason}{gone}", hint=remedy)
    removed = training_files.write(place, contents)
    findings = tuple(training_files.check(contents))
    return Formatted(contents, place.path, tuple(removed), findings)


def _known_provider(project: Project, provider: str | None) -> str:
    name = provider or project.config.provider
    if name not in (*provider_names(), "trl"):
        raise UsageError(f"there is no provider {name!r}", hint=f"one of {', '.join(provider_names())}")
    return name


def check(
    path: str | Path | None = None,
    provider: str | None = None,
    kind: str | None = None,
    project: Where = None,
) -> Checked:
    """Check a training file against a provider's rules, before anything is uploaded.

    Parameters
    ----------
    path
        The file; the project's data/train.jsonl when None.
    provider
        Whose rules; the project's own when None, "local" outside of a project.
    kind
        "chat" or "preference"; told by the rows when None.

    Raises
    ------
    DataError
        There is no such file.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.check(project=project).ok
    True
    """
    place = current(project) if path is None or project is not None or provider is None else None
    file = Path(path) if path is not None else (place.train_path if place else Path("data/train.jsonl"))
    name = provider or (place.config.provider if place else "local")
    if name not in (*provider_names(), "trl"):
        raise UsageError(f"there is no provider {name!r}", hint=f"one of {', '.join(provider_names())}")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}", hint="ait format writes data/train.jsonl") from error
    findings = rules.check(data, name, kind=kind or rules.kind_of(data), name=file.name)
    return Checked(
        str(path) if path is not None else file.relative_to(Path(place.path) if place else ".").as_posix(),
        name,
        tuple(findings),
    )
