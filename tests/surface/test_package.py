"""What the repository and the wheel hold, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
TOP = {"pyproject.toml", "README.md", "aitelier_nb", "tutorials", "tests", "examples", "LICENSE"}


def tracked():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no git checkout")
    return done.stdout.splitlines()


def test_the_top_level_holds_what_it_should_and_nothing_else():
    top = {name.split("/")[0] for name in tracked()}
    assert {name for name in top if not name.startswith(".")} == TOP


def test_each_dependency_has_its_reason():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    named = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    for requirement in named:
        [line, *_] = [line for line in text.splitlines() if f'"{requirement}"' in line]
        assert line.partition("#")[2].strip(), requirement


def test_the_constraints_pin_everything_that_was_tested():
    pinned = (ROOT / "tests/constraints.txt").read_text(encoding="utf-8").splitlines()
    assert all("==" in line and "://" not in line for line in pinned)
    assert "torch==2.13.0" in pinned


def needed(names):
    """Return the distributions that some requirements bring on this platform, themselves included."""
    found, waiting = set(), list(names)
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            found.add(name)
            waiting += metadata.requires(name) or []
    return found


def test_the_core_is_small():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    ours = needed(project["dependencies"]) - needed(["ipywidgets", "pandas", "pyarrow"])
    assert len(ours) <= 18, sorted(ours)


BARE = """
import sys
sys.modules["torch"] = sys.modules["peft"] = sys.modules["jsonschema"] = None
from aitelier_nb.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["demo"], "need torch, peft, not installed here"),
        (["demo"], "pip install 'aitelier-nb[local]'"),
        (["stats"], "there is no project"),
    ],
)
def test_what_an_extra_brings_is_named_where_it_is_missing(tmp_path, words, told):
    done = subprocess.run(
        [sys.executable, "-c", BARE, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert told in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_wheel_holds_the_package_the_alias_and_nothing_of_the_tests(tmp_path):
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("aitelier_nb-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "aitelier.py" in names
    assert "aitelier_nb/_alias.py" not in names
    assert {
        "aitelier_nb/py.typed",
        "aitelier_nb/demo_project/support.jsonl",
        "aitelier_nb/widgets/rater.js",
    } <= names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "aitelier.py",
        "aitelier_nb",
    }
