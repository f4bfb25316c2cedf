"""Projects to work on: copies of the `ait` tool's, and new ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from aitelier_nb.schema import Config
from aitelier_nb.storage.project import create

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(autouse=True)
def _one_rater(monkeypatch):
    monkeypatch.setenv("AITELIER_RATER", "ada")


@pytest.fixture
def copied(tmp_path):
    """Return a function that copies one of the `ait` tool's projects and returns its folder."""

    def copy(name):
        return Path(shutil.copytree(FIXTURES / name, tmp_path / name))

    return copy


@pytest.fixture
def project(tmp_path):
    """Return a new, empty project."""
    made = create(tmp_path / "project", Config(name="bot", model="m"))
    yield made
    made.close()


@pytest.fixture
def read_only():
    """Return a function that takes the right to write a folder away; skips where root may write anyway."""
    taken = []

    def take(folder):
        folder.chmod(0o555)
        taken.append(folder)
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write everywhere")

    yield take
    for folder in taken:
        folder.chmod(0o755)
