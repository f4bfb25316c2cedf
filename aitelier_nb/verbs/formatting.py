"""From examples to the provider's files: written whole or not at all, and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aitelier_nb.consent import in_kernel
from aitelier_nb.curation import personal
from aitelier_nb.curation.budgets import Budget, budget
from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.formats import rules
from aitelier_nb.providers.base import provider_names
from aitelier_nb.schema import Finding
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import counting, training_files
from aitelier_nb.verbs.current import Where, current, problems_of
from aitelier_nb.views import View, counted

__all__ = ["Checked", "Formatted", "check", "format"]


@dataclass(frozen=True, repr=False)
class Formatted(View):
    """The training files that were written, and what was left out of them."""

    contents: training_files.TrainingFiles
    root: Path
    removed: tuple[str, ...]
    findings: tuple[Finding, ...]
    budget: Budget
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return counts, paths, tokens, what was left out, and the warnings of the check."""
        return {
            "train": len(self.contents.train),
            "val": len(self.contents.validation),
            "files": [path for path, _ in self._written()],
            "provider": self.contents.provider,
            "kind": self.contents.kind,
            "left_out": self.contents.left_out,
            "removed": list(self.removed),
            "findings": [finding.model_dump() for finding in self.findings],
            "tokens": self.budget.to_json(),
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
        return [*left, *gone, *_sentences(self.findings), *self.budget.sentences()]

    def warnings(self) -> Sequence[str]:
        """Name the lines that could not be read."""
        return self.problems


def _sentences(findings: Sequence[Finding]) -> list[str]:
    return [
        f"{training_files.place_of(found) + ': ' if found.line else ''}{found.message}" for found in findings
    ]


@dataclass(frozen=True, repr=False)
class Checked(View):
    """What a provider would say of a training file."""

    path: str
    provider: str
    findings: tuple[Finding, ...]
    budget: Budget

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
            "tokens": self.budget.to_json(),
        }

    def headline(self) -> str:
        """Say whether it passes."""
        errors = sum(finding.severity == "error" for finding in self.findings)
        verdict = "passes" if self.ok else "would be refused"
        counts = f"{counted(errors, 'error')}, {counted(len(self.findings) - errors, 'warning')}"
        return f"{self.path} {verdict} for {self.provider}: {counts}"

    def columns(self) -> Sequence[str]:
        """Return the findings' columns."""
        return ("line", "severity", "rule", "message", "remedy")

    def rows(self) -> list[Sequence[object]]:
        """Return a finding a row."""
        return [(f.line, f.severity, f.rule, f.message, f.remedy) for f in self.findings]

    def notes(self) -> Sequence[str]:
        """Say how many tokens an epoch has."""
        return list(self.budget.sentences()) if self.budget.total else []

    def failed(self) -> bool:
        """Return whether the provider would refuse it."""
        return not self.ok


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
        Whose format; the project's own when not given.
    min_rating
        The lowest rating that is trained on (1-10); the project's threshold when not given.
    kind
        "chat", or "preference" for pairs: rewrites rated above their originals, and imported pairs.

    Raises
    ------
    UsageError
        There is no such provider, kind or rating.
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
    if min_rating is not None and min_rating not in range(1, 11):
        raise UsageError(f"there is no rating {min_rating}", hint="ratings go from 1 to 10")
    contents = training_files.build(place, name, min_rating=min_rating, kind=kind)
    if not contents.train and not contents.validation:
        removed = training_files.write(place, contents)
        reason, remedy = contents.why_empty()
        gone = f"; removed the stale {' and '.join(removed)}" if removed else ""
        raise DataError(f"{reason}{gone}", hint=remedy)
    removed = training_files.write(place, contents)
    model = place.config.model
    findings = tuple(training_files.check(contents, model, exact=not in_kernel()))
    cost = _budget(contents.train, name, model, limit=None)
    return Formatted(contents, place.path, tuple(removed), findings, cost, problems_of(place))


def _budget(
    lines: Sequence[bytes],
    provider: str,
    model: str | None,
    *,
    limit: int | None,
    epochs: float | None = None,
    price: float | None = None,
) -> Budget:
    """Return the tokens of a training file, counted as `stats` counts them."""
    exact = not in_kernel() or any(value is not None for value in (limit, epochs, price))
    found = counting.of_lines(lines, provider, model, exact=exact)
    most = limit if limit is not None else counting.limit_of(provider, model)
    return budget(found, found.ids, limit=most, epochs=epochs, price=price)


def _known_provider(project: Project, provider: str | None) -> str:
    name = provider or project.config.provider
    if name not in (*provider_names(), "trl"):
        raise UsageError(f"there is no provider {name!r}", hint=f"one of {', '.join(provider_names())}")
    return name


def check(
    path: str | Path | None = None,
    provider: str | None = None,
    kind: str | None = None,
    model: str | None = None,
    limit: int | None = None,
    epochs: float | None = None,
    price: float | None = None,
    project: Where = None,
) -> Checked:
    """Check a training file against a provider's rules, before anything is uploaded.

    Parameters
    ----------
    path
        The file; the project's data/train.jsonl when not given.
    provider
        Whose rules; the project's own when not given, "local" outside of a project.
    kind
        "chat", "preference" or "kto"; told by the rows when not given.
    model
        The base model, whose tokenizer counts; the project's own when not given.
    limit
        Tokens beyond which an example is cut off; the model's own where that is known.
    epochs
        How often training goes over the file.
    price
        US dollars per million tokens, for the cost of training; no price is assumed.

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
    findings = rules.check(
        data, name, kind=kind or rules.kind_of(data), name=file.name, private=personal.find
    )
    base = model or (place.config.model if place else None)
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    findings += counting.too_long(lines, name, base, limit, exact=not in_kernel())
    return Checked(
        str(path) if path is not None else file.relative_to(Path(place.path) if place else ".").as_posix(),
        name,
        tuple(findings),
        _budget(lines, name, base, limit=limit, epochs=epochs, price=price),
    )
