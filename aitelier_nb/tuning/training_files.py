"""The files that go to a provider: train.jsonl and val.jsonl, written whole or not at all.

No example of validation gets into a training file, and neither does a duplicate or near
duplicate of one: whatever is left out is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aitelier_nb.curation import leaks, personal
from aitelier_nb.errors import CheckFailed
from aitelier_nb.formats import preferences, rules, writers
from aitelier_nb.formats.messages_rules import foreign_keys
from aitelier_nb.schema import Edit, Example, Finding
from aitelier_nb.storage import files
from aitelier_nb.storage.project import Project
from aitelier_nb.tuning import counting
from aitelier_nb.views import counted

__all__ = ["KINDS", "TrainingFiles", "build", "check", "place_of", "write"]

KINDS = ("chat", "preference")
NAMES = {
    ("chat", "train"): "train.jsonl",
    ("chat", "val"): "val.jsonl",
    ("preference", "train"): "train.preference.jsonl",
    ("preference", "val"): "val.preference.jsonl",
}
SPLITS = ("train", "val")


@dataclass(frozen=True)
class TrainingFiles:
    """What the examples give now: the lines of both files, and the count of all that was left out."""

    folder: Path
    provider: str
    kind: str
    threshold: float
    train: tuple[bytes, ...]
    validation: tuple[bytes, ...]
    train_ids: tuple[int, ...]
    validation_ids: tuple[int, ...]
    left_out: dict[str, int] = field(default_factory=dict)
    unassigned: int = 0
    total: int = 0

    def path_of(self, split: str) -> Path:
        """Return where the lines of "train" or "val" go."""
        return self.folder / NAMES[self.kind, split]

    def lines_of(self, split: str) -> tuple[bytes, ...]:
        """Return the lines of "train" or "val"."""
        return self.train if split == "train" else self.validation

    def why_empty(self) -> tuple[str, str]:
        """Return why there is nothing to train on, and the remedy."""
        if self.total == 0:
            return "the project has no examples to train on", "add some with ait.add() or ait.load()"
        if self.unassigned:
            good = f"{counted(self.unassigned, 'example')} rated {self.threshold:g} or higher"
            return (
                f"{good}, but none is in train",
                "assign them with ait.split() (ait split)",
            )
        if self.kind == "preference":
            return (
                "no rewrite is rated above its original and no pair was imported, so there are no pairs",
                "rewrite weak answers and rate them, or import pairs",
            )
        return (
            f"none of the {self.total} examples is rated {self.threshold:g} or higher and in train",
            "rate or rewrite examples with ait.rate() (ait rate)",
        )


def build(
    project: Project, provider: str, *, min_rating: float | None = None, kind: str = "chat"
) -> TrainingFiles:
    """Return the training files' lines as the examples give them now; nothing is written.

    Parameters
    ----------
    project
        Whose examples.
    provider
        Whose dialect the lines are in.
    min_rating
        The lowest rating that is trained on; the project's threshold when None.
    kind
        "chat", or "preference" for pairs: from rewrites, and those that were imported as pairs.
    """
    threshold = project.config.quality_threshold if min_rating is None else min_rating
    examples = list(project.dataset.examples())
    good = [example for example in examples if example.rating is not None and example.rating >= threshold]
    held = [example for example in examples if example.split == "val"]
    train = [example for example in good if example.split == "train"]
    if kind == "preference":  # a pair that came in as one needs no rating to be a pair
        train += [e for e in examples if e.rating is None and e.split != "val" and preferences.is_pair(e)]
        good = [*good, *(example for example in train if example.rating is None)]
    validation = [example for example in good if example.split == "val"]
    leaked = leaks.find(train, [*held, *project.dataset.former_validation()])
    clean = [example for example in train if example.id not in leaked]
    unassigned = sum(example.split is None and example.rating is not None for example in good)
    left_out = {
        f"not rated {threshold:g} or higher": len(examples) - len(good),
        "in neither train nor validation": unassigned,
        "in validation, but rated below the threshold": len(held) - len(validation),
        "in train, but a duplicate or near duplicate of validation": len(leaked),
    }
    if provider == "openai" and kind == "chat":
        left_out |= _foreign([*clean, *validation])
    lines = {
        split: list(_lines(project, chosen, provider, kind, threshold))
        for split, chosen in zip(SPLITS, (clean, validation), strict=True)
    }
    return TrainingFiles(
        folder=project.train_path.parent,
        provider=provider,
        kind=kind,
        threshold=threshold,
        train=tuple(line for _, line in lines["train"]),
        validation=tuple(line for _, line in lines["val"]),
        train_ids=tuple(name for name, _ in lines["train"]),
        validation_ids=tuple(name for name, _ in lines["val"]),
        left_out={reason: count for reason, count in left_out.items() if count},
        unassigned=unassigned,
        total=len(examples),
    )


def _foreign(chosen: Sequence[Example]) -> dict[str, int]:
    """Return how many keys within messages OpenAI does not take, under a sentence that names them."""
    found = [name for example in chosen for turn in example.messages for name in foreign_keys(turn.to_json())]
    if not found:
        return {}
    return {f"keys of messages that openai does not take ({', '.join(sorted(set(found))):.80})": len(found)}


def _lines(
    project: Project, chosen: Sequence[Example], provider: str, kind: str, threshold: float
) -> Iterator[tuple[int, bytes]]:
    """Yield each line with the id of the example that it comes from."""
    if kind == "chat":
        yield from zip((example.id for example in chosen), writers.chat(chosen, provider), strict=True)
        return
    for example in chosen:
        rewritten = example.original_output is not None
        edits: list[Edit] = project.dataset.history(example.id) if rewritten else []
        pairs = [
            *preferences.from_rewrites([example], {example.id: edits}, threshold=threshold),
            *preferences.from_imports([example], threshold=threshold),
        ]
        yield from ((example.id, line) for line in writers.preference(pairs, provider))


def check(contents: TrainingFiles, model: str | None = None, *, exact: bool = True) -> list[Finding]:
    """Return what the provider would say of the files; too long for `model` is a warning.

    Without `exact` tokens are estimated from the length, the same on every machine.
    """
    found: list[Finding] = []
    for split in SPLITS:
        lines = contents.lines_of(split)
        if lines:
            name = contents.path_of(split).name
            findings = rules.check(
                b"".join(lines), contents.provider, kind=contents.kind, name=name, private=personal.find
            )
            findings += counting.too_long(lines, contents.provider, model, exact=exact)
            ids = contents.train_ids if split == "train" else contents.validation_ids
            found += [
                finding.model_copy(
                    update={"file": name, "example": ids[finding.line - 1] if finding.line else None}
                )
                for finding in findings
                if split == "train" or finding.rule != "too_few_examples"
            ]
    return found


def place_of(finding: Finding) -> str:
    """Return where a finding stands: the file, the line, and the example that the line is made from."""
    where = f"{finding.file}:{finding.line}" if finding.line else finding.file
    return where if finding.example is None else f"{where} (example {finding.example})"


def write(project: Project, contents: TrainingFiles) -> list[str]:
    """Put both files in place when the checks pass; a split without lines loses its stale file.

    Returns
    -------
    list of str
        The names of stale files that were removed.

    Raises
    ------
    CheckFailed
        The provider would refuse a file; both files are as they were.
    """
    errors = [finding for finding in check(contents) if finding.severity == "error"]
    if errors:
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise CheckFailed(
            f"{place_of(first)}: {first.message}{more}; nothing was written", hint=first.remedy or "ait check"
        )
    removed = []
    with project.lock():
        for split in SPLITS:
            path, lines = contents.path_of(split), contents.lines_of(split)
            if lines:
                files.replace(path, lines)
            elif path.exists() and path.stat().st_size:
                path.unlink()
                removed.append(path.name)
    return removed
