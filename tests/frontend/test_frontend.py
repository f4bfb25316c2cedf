"""The scripts of the widgets alone: vitest with jsdom, eslint and prettier, all run by npm."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.parametrize("command", ["test", "lint"])
def test_the_front_end_passes(command: str, node_packages: Path) -> None:
    run = subprocess.run(
        ["npm", "run", "--silent", command], cwd=HERE, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
