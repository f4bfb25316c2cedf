"""Examples go out: to other providers, trainers, spreadsheets and the Hugging Face Hub."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aitelier_nb.curation import leaks
from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.evaluation import archive
from aitelier_nb.evaluation.comparisons import Comparison
from aitelier_nb.evaluation.ledger import Ledger
from aitelier_nb.formats import hub, preferences, tables, writers
from aitelier_nb.providers.base import Settings, open_provider
from aitelier_nb.providers.local.provider import LocalProvider
from aitelier_nb.schema import Example, Run
from aitelier_nb.storage import files
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.current import Where, current, problems_of
from aitelier_nb.views import View, counted

__all__ = ["Exported", "export"]

CHAT = ("openai", "together", "fireworks", "trl")
MODEL = ("adapter", "merged", "gguf", "recipe")
LOCAL_ONLY = ("gguf", "recipe")
KINDS = (*CHAT, "preference", "kto", "csv", "parquet", "hf", *MODEL)


@dataclass(frozen=True, repr=False)
class Exported(View):
    """The files that were written, how many examples are in each, and what was left out."""

    kind: str
    written: tuple[tuple[str, int], ...]
    left_out: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    run: str = "the latest local run"

    def to_json(self) -> dict[str, Any]:
        """Return kind, files and what was left out."""
        files_written = [{"path": path, "examples": count} for path, count in self.written]
        return {
            "kind": self.kind,
            "files": files_written,
            "left_out": list(self.left_out),
            "notices": list(self.notices),
        }

    def headline(self) -> str:
        """Say what was written."""
        if self.kind in MODEL:
            return f"{self.run} exported as {self.kind}"
        return f"{counted(sum(count for _, count in self.written), 'example')} exported as {self.kind}"

    def columns(self) -> Sequence[str]:
        """Return the table's columns."""
        return ("file", "examples")

    def rows(self) -> list[Sequence[object]]:
        """Return a file a row."""
        return [(path, count or None) for path, count in self.written]

    def notes(self) -> Sequence[str]:
        """Count what was left out, and say what else is to be known."""
        return [*(f"left out: {reason}" for reason in self.left_out), *self.notices]

    def warnings(self) -> Sequence[str]:
        """Name the lines that could not be read."""
        return self.problems


def export(
    kind: str,
    path: str | Path,
    provider: str | None = None,
    votes: bool = False,
    project: Where = None,
) -> Exported:
    """Write the project's examples or its tuned model in another shape; the project stays as it is.

    Training files (openai, together, fireworks, trl, preference, kto) hold no example of validation and
    none that is near to one. A table (csv, parquet) and a dataset folder (hf) hold all examples, with
    their side. The model of the latest run goes out as adapter (PEFT) or merged (safetensors), from a
    provider that gives its weights too; that of the latest local run also as gguf (llama.cpp, Ollama) or
    recipe (the run as TRL's YAML). Each goes into a new folder.

    Parameters
    ----------
    kind
        openai, together, fireworks or trl (chat files), preference, kto, csv, parquet or hf; or
        adapter, merged, gguf or recipe.
    path
        The file to write; for hf the folder. A chat kind with a folder writes train.jsonl and val.jsonl.
    provider
        Whose shape preference pairs take: openai (also of together and fireworks) or trl; the
        project's own when not given.
    votes
        With preference: the pairs that blind votes decided, instead of rewrites and imports. They are
        of validation examples, so this project's model must not be trained on them.

    Raises
    ------
    DataError
        There is nothing to write in that shape.
    UsageError
        There is no such kind.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.export("csv", "all.csv", project=project)  # doctest: +SKIP
    <Exported: 3 examples exported as csv>
    """
    if kind not in KINDS:
        raise UsageError(f"there is no kind of export {kind!r}", hint=f"one of {', '.join(KINDS)}")
    if provider is not None and provider not in CHAT:
        raise UsageError(f"there is no shape of {provider!r}", hint=f"one of {', '.join(CHAT)}")
    if kind != "preference" and (votes or provider is not None):
        given = "votes" if votes else "provider"
        raise UsageError(f"{given} goes only with preference, not with {kind}", hint="leave it out")
    place = current(project)
    if kind in MODEL:
        return _model(place, kind, Path(path).expanduser())
    place.dataset.fold()
    examples = list(place.dataset.examples())
    if not examples:
        raise DataError("the project has no examples yet", hint="add some with ait.add() or ait.load()")
    target = Path(path).expanduser()
    made = _made(place, kind, target, examples, votes=votes, shape=_shape(place, provider))
    return replace(made, problems=problems_of(place))


def _made(
    place: Project, kind: str, target: Path, examples: Sequence[Example], *, votes: bool, shape: str
) -> Exported:
    if kind in CHAT:
        return _chat(place, kind, target, examples)
    if kind == "hf":
        return _folder(place, target, examples)
    if kind in ("csv", "parquet"):
        content = tables.csv(examples) if kind == "csv" else [tables.parquet(examples)]
        return _written(kind, [(target, content, len(examples))])
    if votes:
        return _votes(place, target, examples, shape)
    return _choices(place, kind, target, examples, shape)


def _votes(place: Project, target: Path, examples: Sequence[Example], shape: str) -> Exported:
    """Write the pairs that revealed blind comparisons decided, as their studies' votes say."""
    texts = {example.id: example for example in examples}
    lines: dict[bytes, None] = {}
    for path in archive.paths(place, "compare"):
        content = archive.load(path)
        if not content.get("reveal"):
            continue
        ledger = Ledger(archive.votes_path(path), place.state_path / "evals.lock")
        study = Comparison(path, content, ledger).check()
        asked = [texts[name] for name in study.texts() if name in texts]
        pairs = preferences.from_votes(asked, study.outcomes(), study.texts())
        lines.update(dict.fromkeys(writers.preference(pairs, shape)))
    if not lines:
        raise DataError(
            "no revealed blind comparison has a decided vote", hint="ait.compare(), vote, then .reveal()"
        )
    held = f"the {len(lines)} pairs are of validation examples: train no model of this project on them"
    return _written("preference", [(target, lines, len(lines))], notices=[held])


def _model(place: Project, kind: str, target: Path) -> Exported:
    """Write the model of the latest run; a recipe needs no finished one, and what is hosted comes home."""
    standing = [run for run in place.runs if kind == "recipe" or run.status == "completed"]
    if kind in LOCAL_ONLY:
        standing = [run for run in standing if run.provider == "local"]
    if not standing:
        raise UsageError("there is no run to export", hint="train one with ait.train() (ait train)")
    if standing[-1].provider != "local":
        return _fetched(place, standing[-1], kind, target)
    provider = LocalProvider(Settings(project=place.path))
    made = provider.export(standing[-1].job_id, kind, target)
    return Exported(kind, tuple((file.as_posix(), 0) for file in made))


def _fetched(place: Project, run: Run, kind: str, target: Path) -> Exported:
    """Bring the weights of a hosted run into a new folder."""
    provider = open_provider(run.provider, Settings(project=place.path))
    fetch = getattr(provider, "fetch", None)
    if fetch is None:
        raise UsageError(f"{run.provider} gives no weights away", hint="ask its model by name: ait ask")
    folder: Path = fetch(run.job_id, target, kind)
    provider.close()
    made = sorted(file for file in folder.rglob("*") if file.is_file())
    base = run.aitelier_nb.get("baseModel") or place.config.model
    lora = f"vllm serve {base} --enable-lora --lora-modules tuned={target.as_posix()}"
    here = f"ask it on this machine as local:{target.as_posix()}"
    told = (here, f"or serve it: {lora}") if kind == "adapter" else (here,)
    written = tuple((file.as_posix(), 0) for file in made)
    return Exported(kind, written, notices=told, run=run.job_id)


def _chat(place: Project, kind: str, target: Path, examples: Sequence[Example]) -> Exported:
    threshold = place.config.quality_threshold
    good = [example for example in examples if example.rating is not None and example.rating >= threshold]
    clean, left_out = _trainable(place, good, examples)
    placed = [example for example in clean if example.split == "train"]
    if any(example.split for example in good):
        left_out += _counted(len(clean) - len(placed), "in neither train nor validation")
        clean = placed
    left_out = [*_counted(len(examples) - len(good), f"not rated {threshold:g} or higher"), *left_out]
    validation = [example for example in good if example.split == "val"]
    if target.suffix:
        if not clean:
            raise DataError(
                f"no example is rated {threshold:g} or higher and free to train on",
                hint="rate with ait.rate(), then ait.split()",
            )
        return _written(kind, [(target, writers.chat(clean, kind), len(clean))], left_out)
    both = (("train.jsonl", clean), ("val.jsonl", validation))
    contents = [(target / name, writers.chat(side, kind), len(side)) for name, side in both if side]
    if not contents:
        raise DataError(
            f"no example is rated {threshold:g} or higher", hint="rate with ait.rate(), then ait.split()"
        )
    kept = [reason for reason in left_out if not reason.endswith("in validation")]
    return _written(kind, contents, kept, _gone([target / name for name, side in both if not side]))


def _choices(place: Project, kind: str, target: Path, examples: Sequence[Example], shape: str) -> Exported:
    """Write pairs from rewrites and imports, or thumbs from ratings."""
    threshold = place.config.quality_threshold
    clean, left_out = _trainable(place, examples, examples)
    if kind == "kto":
        lines = list(writers.kto(clean, threshold=threshold))
    else:
        rewritten = [example for example in clean if example.original_output is not None]
        history = {example.id: place.dataset.history(example.id) for example in rewritten}
        pairs = [
            *preferences.from_rewrites(rewritten, history, threshold=threshold),
            *preferences.from_imports(clean, threshold=threshold),
        ]
        lines = list(writers.preference(pairs, shape))
    if not lines:
        what = "rated" if kind == "kto" else "rewritten and rated above its first text"
        message = f"no example outside of validation is {what}"
        raise DataError(message, hint="rate and rewrite with ait.rate()")
    left_out += _counted(len(clean) - len(lines), "without a " + ("rating" if kind == "kto" else "pair"))
    return _written(kind, [(target, lines, len(lines))], left_out)


def _shape(place: Project, asked: str | None) -> str:
    """Return whose shape the pairs take: the project's provider, or OpenAI's where that has none."""
    if asked is not None:
        return asked
    return place.config.provider if place.config.provider in CHAT else "openai"


def _trainable(
    place: Project, candidates: Sequence[Example], examples: Sequence[Example]
) -> tuple[list[Example], list[str]]:
    """Return those who are neither validation nor near to it, and a count of the others."""
    held = [example for example in examples if example.split == "val"]
    free = [example for example in candidates if example.split != "val"]
    leaking = leaks.find(free, [*held, *place.dataset.former_validation()])
    clean = [example for example in free if example.id not in leaking]
    left_out = [
        *_counted(len(candidates) - len(free), "in validation"),
        *_counted(len(leaking), "a duplicate or near duplicate of validation"),
    ]
    return clean, left_out


def _folder(place: Project, target: Path, examples: Sequence[Example]) -> Exported:
    own = place.config.aitelier_nb
    trained = [example for example in examples if example.split == "train"]
    clean, told = _trainable(place, trained, examples)
    kept = {example.id for example in clean}
    examples = [
        example.model_copy(update={"split": None})
        if example.split == "train" and example.id not in kept
        else example
        for example in examples
    ]
    contents = hub.folder(
        examples,
        name=place.config.name,
        license=own.get("license"),
        intended_use=own.get("intendedUse"),
        threshold=place.config.quality_threshold,
    )
    sides = Counter(hub.SPLITS[example.split] for example in examples)
    named = [
        (target / name, [content], sides[Path(name).name.partition("-")[0]])
        for name, content in contents.items()
    ]
    stale = [
        path
        for path in (target / "data").glob("*-00000-of-00001.parquet")
        if path not in {one for one, _, _ in named}
    ]
    moved = [f"{what}: they stand among the unassigned" for what in told]
    return _written("hf", named, notices=[*moved, *_gone(stale)])


def _gone(stale: Sequence[Path]) -> list[str]:
    """Take away files that an earlier export left for a side without examples, and say so."""
    there = [path for path in stale if path.is_file()]
    for path in there:
        path.unlink()
    return [f"removed the stale {path.name}: no example is on that side now" for path in there]


def _counted(count: int, reason: str) -> list[str]:
    return [f"{count} {reason}"] if count else []


def _written(
    kind: str,
    contents: Sequence[tuple[Path, Iterable[bytes], int]],
    left_out: Sequence[str] = (),
    notices: Sequence[str] = (),
) -> Exported:
    for path, chunks, _ in contents:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(path, chunks)
    written = tuple((path.as_posix(), count) for path, _, count in contents)
    return Exported(kind, written, tuple(left_out), tuple(notices))
