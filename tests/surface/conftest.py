"""A terminal for the tests: each command is a process of its own, as people run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def ait(tmp_path):
    """Return a function that runs `ait WORDS` in a folder and returns the finished process."""
    folder = tmp_path / "work"
    folder.mkdir()

    def run(*words, text=None, cwd=folder, wait=300, **environment):
        return subprocess.run(
            [sys.executable, "-m", "aitelier_nb", *map(str, words)],
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=cwd,
            env={**os.environ, "AITELIER_RATER": "tester", **environment},
            check=False,
            timeout=wait,
        )

    run.folder = folder
    return run


@pytest.fixture
def result(ait):
    """Return a function that runs a command with --json and returns its result."""

    def run(*words, **options):
        done = ait(*words, "--json", **options)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert document["schema"] == 1
        return document["result"]

    return run


@pytest.fixture
def project(ait):
    """Return the folder of a small project with 12 examples, ten of them rated 8 to 10."""
    assert ait("init", "small", "--system", "Be brief.").returncode == 0
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"Question {word} about the {word} parcel?"},
                {"role": "assistant", "content": f"The {word} parcel is on its way."},
            ],
            **({"rating": 8 + place % 3} if place < 10 else {}),
        }
        for place, word in enumerate(
            [
                "red",
                "blue",
                "green",
                "white",
                "black",
                "grey",
                "pink",
                "brown",
                "gold",
                "silver",
                "amber",
                "teal",
            ]
        )
    ]
    (ait.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = ait("import", "rows.jsonl")
    assert done.returncode == 0, done.stderr
    return ait.folder
