"""A folder as the Hugging Face Hub keeps datasets: Parquet files by split, and a card about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from aitelier_nb.formats.tables import parquet
from aitelier_nb.schema import Example
from aitelier_nb.views import counted

__all__ = ["folder"]

SPLITS = {"train": "train", "val": "validation", None: "unassigned"}
HELD = "The validation split is held out: neither it nor a near duplicate of it was trained on."
NEAR = "Some of the unassigned may be near duplicates of it."
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))


def folder(
    examples: Iterable[Example],
    *,
    name: str,
    license: str | None = None,  # noqa: A002 - the Hub's word
    intended_use: str | None = None,
    threshold: float | None = None,
) -> dict[str, bytes]:
    """Return the files of a dataset folder, by their path in it; `datasets.load_dataset` reads it.

    Parameters
    ----------
    examples
        All that goes in, whatever its side.
    name
        The dataset's title.
    license
        As the Hub names licences, such as "cc-by-4.0"; "unknown" stands there when None.
    intended_use
        A sentence for the card.
    threshold
        The lowest rating that was trained on, for the card.
    """
    sides: dict[str, list[Example]] = {}
    for example in examples:
        sides.setdefault(SPLITS[example.split], []).append(example)
    paths = {side: f"data/{side}-00000-of-00001.parquet" for side in SPLITS.values() if side in sides}
    files = {path: parquet(sides[side]) for side, path in paths.items()}
    card = _card(name, license, intended_use, threshold, sides, paths)
    return {"README.md": card.encode("utf-8"), **files}


def _card(
    name: str,
    license: str | None,  # noqa: A002
    intended_use: str | None,
    threshold: float | None,
    sides: Mapping[str, Sequence[Example]],
    paths: Mapping[str, str],
) -> str:
    everyone = [example for side in sides.values() for example in side]
    size = next((label for limit, label in SIZES if len(everyone) < limit), "n>1M")
    front = [
        "---",
        f"pretty_name: {_quoted(name)}",
        f"license: {license or 'unknown'}",
        "task_categories:",
        "- text-generation",
        "size_categories:",
        f"- {size}",
        "tags:",
        "- conversational",
        "- fine-tuning",
        "configs:",
        "- config_name: default",
        "  data_files:",
        *(line for side, path in paths.items() for line in (f"  - split: {side}", f"    path: {path}")),
        "---",
    ]
    return "\n".join(
        [*front, "", f"# {_plain(name)}", "", *_body(everyone, sides, intended_use, threshold), ""]
    )


def _body(
    everyone: Sequence[Example],
    sides: Mapping[str, Sequence[Example]],
    intended_use: str | None,
    threshold: float | None,
) -> list[str]:
    rated = sum(example.rating is not None for example in everyone)
    rewritten = sum(example.original_output is not None for example in everyone)
    lines = [
        "Conversations with ratings, made to fine-tune a language model.",
        "",
        *([_plain(intended_use), ""] if intended_use else []),
        "| split | examples |",
        "| --- | --- |",
        *(f"| {side} | {len(members)} |" for side, members in sides.items()),
        "",
        f"{counted(len(everyone), 'example')}, {rated} rated (1 to 10), {rewritten} rewritten.",
    ]
    if threshold is not None:
        lines.append(f"Training uses examples rated {threshold:g} or higher.")
    return [
        *lines,
        *([HELD] if "validation" in sides else []),
        *([NEAR] if {"validation", "unassigned"} <= set(sides) else []),
        "",
        "## Columns",
        "",
        "- `messages`: the conversation; the last assistant turn is the target. JSON where turns hold tools.",
        "- `rating`: 1 to 10, empty where nobody rated.",
        "- `originalOutput`: the first text of a rewritten answer.",
        "- `system`, `input`, `output`: the same texts, flat.",
    ]


def _quoted(text: str) -> str:
    escaped = _plain(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _plain(text: str) -> str:
    """Return a text on one line, without what Markdown or HTML would run."""
    return " ".join(text.split()).replace("<", "&lt;")
