"""Whatever kills a process, and wherever: each edit that was shown as saved is there afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from aitelier_nb.storage.project import open_project

HERE = Path(__file__).parent


def conversation(text):
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "fine"}]}


def run(script, *words):
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_sixty_kills_lose_no_acknowledged_edit(tmp_path):
    told = subprocess.run(
        [sys.executable, HERE / "crashing.py", tmp_path / "project", "60"],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    assert told.stdout.startswith("60 kills")
    under = dict(each.split() for each in told.stdout.split("killed under: ")[1].split(", "))
    assert all(int(under.get(kind, 0)) >= 3 for kind in ("rate", "fold", "mirror", "split", "format")), under


def test_kills_lose_nothing_from_shards_either(tmp_path):
    told = subprocess.run(
        [sys.executable, HERE / "crashing.py", tmp_path / "project", "20", "500", "700"],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    assert told.stdout.startswith("20 kills")


@pytest.mark.parametrize("cut", [1, 40, 250])
def test_a_torn_adding_leaves_whole_lines_only(project, cut):
    project.dataset.add([conversation("a")])
    project.dataset.fold()
    project.dataset.add([conversation("b"), conversation("c")])
    path = project.dataset.path
    os.truncate(path, path.stat().st_size - cut)
    with open_project(project.path) as again:
        assert not again.dataset.problems()
        assert again.dataset.ids() == ([1, 2] if cut < 150 else [1])
        [added] = again.dataset.add([conversation("d")])
        assert added == (4, False)
        again.dataset.fold()
    assert path.read_bytes().count(b"\n") == (3 if cut < 150 else 2)


def test_a_torn_line_of_the_journal_was_never_acknowledged(project):
    project.dataset.add([conversation("a")])
    project.dataset.set_rating(1, 5)
    with (project.state_path / "journal.jsonl").open("ab") as stream:
        stream.write(b'{"event":"x","at":"2026')
    again = open_project(project.path)
    assert again.dataset.get(1).rating == 5
    again.dataset.set_rating(1, 7)
    assert open_project(project.path).dataset.get(1).rating == 7


FULL = """
import resource, sys
from aitelier_nb.errors import StorageError
from aitelier_nb.storage.project import open_project
project = open_project(sys.argv[1])
size = project.dataset.path.stat().st_size
if sys.argv[2] == "fold":
    project.dataset.set_rating(1, 3)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + (-10 if sys.argv[2] == "fold" else 10), resource.RLIM_INFINITY))
try:
    if sys.argv[2] == "fold":
        project.dataset.fold()
    else:
        project.dataset.add([{"messages": [{"role": "user", "content": "x" * 5000}]}])
except StorageError as error:
    print(error, "|", error.hint)
"""


@pytest.mark.parametrize("what", ["fold", "add"])
def test_a_full_disk_is_told_and_leaves_the_files_as_they_were(copied, what):
    folder = copied("ts-a8-evaluated")
    before = (folder / "data" / "examples.jsonl").read_bytes()
    told = run(FULL, folder, what)
    assert told.returncode == 0, told.stderr
    assert "too large" in told.stdout
    assert told.stdout.rstrip().split("|")[1].strip()
    assert (folder / "data" / "examples.jsonl").read_bytes() == before
    assert not list((folder / "data").glob(".*.tmp"))
    with open_project(folder) as project:
        assert project.dataset.get(1).rating == (3 if what == "fold" else 9)
        assert len(project.dataset) == 14


READ_ONLY = """
import os, sys
from aitelier_nb.errors import StorageError
from aitelier_nb.storage.project import open_project
with open_project(sys.argv[2]) as other:  # loads all that is loaded on first use
    other.dataset.frame(text=True)
if os.geteuid() == 0:
    os.setuid(65534)
project = open_project(sys.argv[1])
print(len(project.dataset), len(project.dataset.frame(text=True)), project.dataset.page(0, 1)[0].id)
for edit in (lambda: project.dataset.set_rating(1, 3), lambda: project.dataset.add([{"messages": [{"role": "user", "content": "x"}]}])):
    try:
        edit()
    except StorageError as error:
        print(error.hint)
"""


def test_a_folder_that_cannot_be_written_can_still_be_read(copied):
    place = Path(tempfile.mkdtemp())
    try:
        folder = Path(shutil.copytree(copied("ts-a8-evaluated"), place / "project"))
        for path in [place, *place.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        told = run(READ_ONLY, folder, copied("ts-a2-rated"))
        assert told.returncode == 0, told.stderr
        assert told.stdout.splitlines()[0] == "14 14 1"
        assert len(told.stdout.splitlines()) == 3
        assert "right to write" in told.stdout
    finally:
        for path in [place, *(path for path in place.rglob("*") if path.is_dir())]:
            path.chmod(0o755)
        shutil.rmtree(place)
