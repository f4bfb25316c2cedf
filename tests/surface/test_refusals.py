"""What is refused leaves the files as they were, and one sentence says why."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

import aitelier_nb as ait
from aitelier_nb.__main__ import main
from aitelier_nb.errors import UsageError


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = ait.init("shop", path=tmp_path)
    ait.load(
        [{"input": f"Question {n}", "output": f"Answer {n}", "rating": 9} for n in range(20)], project=made
    )
    made.dataset.fold()
    yield made
    made.close()


@pytest.mark.parametrize("rating", [0, 11, -1])
def test_files_stay_when_the_lowest_rating_of_a_training_file_is_no_rating(project, rating):
    ait.split(seed=1, project=project)
    ait.format(project=project)
    before = project.train_path.read_bytes(), project.val_path.read_bytes()
    with pytest.raises(UsageError, match=f"there is no rating {rating}"):
        ait.format(min_rating=rating, project=project)
    assert (project.train_path.read_bytes(), project.val_path.read_bytes()) == before


def test_a_project_whose_examples_are_missing_says_so_without_a_traceback(project):
    examples = project.path / "data" / "examples.jsonl"
    kept = examples.rename(project.path / "elsewhere.jsonl")
    done = subprocess.run(
        [sys.executable, "-m", "aitelier_nb", "stats"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "examples.jsonl is not there" in done.stderr
    assert "Traceback" not in done.stderr
    kept.rename(examples)


def test_a_project_whose_folder_is_gone_does_not_stop_the_next_command(project, tmp_path_factory, capsys):
    other = tmp_path_factory.mktemp("gone")
    ait.init("gone", path=other)
    ait.add("Hello?", "Hello.", project=ait.open(other))
    shutil.rmtree(other)
    assert main(["stats"]) == 0
    assert "20 examples" in capsys.readouterr().out
