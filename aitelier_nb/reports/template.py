"""The report notebook: parameters first, the pipeline in a few lines, the report last.

The cell with the tag "parameters" is what papermill replaces. Each line is a verb, so running the
notebook again starts no second job and buys no second answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from aitelier_nb.errors import ReportError
from aitelier_nb.storage import files

__all__ = ["NAME", "notebook", "write"]

NAME = "report.ipynb"
TRAIN = """settings = {"epochs": epochs} if epochs else {}
run = ait.train(seed=seed, confirm=confirm, **settings)
run.wait()"""
CELLS: tuple[tuple[str, str, str], ...] = (
    (
        "markdown",
        "",
        "# {name}: from examples to a report\n\nRun all cells. Again is safe: what is done stays done.",
    ),
    (
        "code",
        "parameters",
        "ratio = 0.8\nepochs = None\nseed = 0\nchecks = []\nmax_tokens = None\nconfirm = None",
    ),
    ("code", "", "import aitelier_nb as ait\n\nait.stats()"),
    ("markdown", "", "## Split\n\nValidation is chosen once and never trained on."),
    ("code", "", "ait.split(ratio=ratio, seed=seed)"),
    ("markdown", "", "## Train"),
    ("code", "", "ait.format()"),
    ("code", "", TRAIN),
    ("markdown", "", "## Evaluate\n\nThe held-out examples, asked of the base model and of the tuned one."),
    ("code", "", "ait.evaluate(checks=checks, max_tokens=max_tokens, confirm=confirm)"),
    ("code", "", "ait.compare(max_tokens=max_tokens, confirm=confirm)"),
    ("markdown", "", "## Report"),
    ("code", "", "ait.report()"),
)


def notebook(name: str) -> dict[str, Any]:
    """Return the notebook for a project of that name, without outputs."""
    return {
        "cells": [_cell(place, *cell, name=name) for place, cell in enumerate(CELLS, 1)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(place: int, kind: str, tag: str, source: str, *, name: str) -> dict[str, Any]:
    text = source.replace("{name}", name) if kind == "markdown" else source
    cell: dict[str, Any] = {
        "cell_type": kind,
        "id": f"cell-{place}",
        "metadata": {"tags": [tag]} if tag else {},
        "source": text.splitlines(keepends=True),
    }
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell


def write(folder: Path, name: str) -> Path:
    """Write the report notebook into a project's folder and return its path.

    Raises
    ------
    ReportError
        One is there: it may hold work.
    """
    path = folder / NAME
    if path.exists():
        raise ReportError(f"{path.name} is there already", hint="move it away, or go on with it")
    files.replace(path, [json.dumps(notebook(name), indent=1, ensure_ascii=False).encode() + b"\n"])
    return path
