import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import aitelier_nb as ait
from aitelier_nb.curation.personal import find
from aitelier_nb.redaction import PATTERN
from aitelier_nb.reports.publication import write
from aitelier_nb.reports.sharing import PATHS
from aitelier_nb.reports.verification import verify
from aitelier_nb.storage.project import open_project

TUTORIALS = Path(__file__).parents[2] / "tutorials"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))
WIDGET = "application/vnd.jupyter.widget-view+json"


def cells(path: Path) -> list[dict]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def names(path: Path) -> str:
    return path.stem


def test_the_tutorials_are_numbered_from_one_without_a_gap():
    assert [int(path.name[:2]) for path in NOTEBOOKS] == list(range(1, len(NOTEBOOKS) + 1))
    assert len(NOTEBOOKS) >= 9


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_every_code_cell_was_run_and_in_order(path: Path):
    counts = [cell["execution_count"] for cell in cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_most_cells_show_something_and_what_they_show_is_text(path: Path):
    shown = [cell["outputs"] for cell in cells(path)]
    assert sum(map(bool, shown)) >= len(shown) // 2 + 1
    for output in (output for outputs in shown for output in outputs):
        assert output["output_type"] != "error", output
        assert output["output_type"] == "stream" or "text/plain" in output["data"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_no_tutorial_holds_a_key_a_folder_of_a_machine_a_trace_or_widget_state(path: Path):
    text = path.read_text()
    content = json.loads(text)
    assert "widgets" not in content["metadata"]
    assert not [cell for cell in content["cells"] if "execution" in cell["metadata"]]
    assert not PATTERN.search(text)
    assert not PATHS.search(text), PATHS.search(text)
    assert not re.search(r"ipykernel_|Traceback|0x[0-9a-f]{6,}|object at ", text)
    assert not find(text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_the_first_cell_goes_to_a_folder_of_its_own(path: Path):
    assert "mkdtemp" in "".join(cells(path)[0]["source"])


def shown_widgets(path: Path) -> set[str]:
    data = [output.get("data", {}) for cell in cells(path) for output in cell["outputs"]]
    found = {"".join(each["text/plain"]) for each in data if WIDGET in each}
    return {f"{path.name[:2]}-{name.lower().replace(' ', '-')}.png" for name in found}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_every_widget_has_a_small_picture_with_words_for_who_cannot_see_it(path: Path):
    texts = ["".join(cell["source"]) for cell in json.loads(path.read_text("utf-8"))["cells"]]
    pictures = dict(re.findall(r"^!\[(.{20,})\]\(pictures/(.*)\)$", "\n".join(texts), re.MULTILINE))
    there = {file.name for file in (TUTORIALS / "pictures").glob(f"{path.name[:2]}-*")}
    assert set(pictures.values()) == shown_widgets(path) == there
    for name in there:
        data = (TUTORIALS / "pictures" / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) < 100_000


def test_the_project_of_the_tutorials_verifies_and_its_model_was_really_trained(tmp_path: Path):
    project = open_project(shutil.copytree(TUTORIALS / "fernlight", tmp_path / "fernlight"))
    facts = write(project).facts
    assert verify(project).ok
    assert facts["training"]["runs"][0]["status"] == "completed"
    assert len(facts["training"]["runs"][0]["losses"]) > 90
    assert facts["evaluation"]["tuned"]["interval"][0] > facts["evaluation"]["base"]["interval"][1]
    assert "not by people" in facts["verdict"]["basis"]


def test_the_project_of_the_pairs_verifies_and_its_model_was_really_trained_by_preference(tmp_path: Path):
    with open_project(shutil.copytree(TUTORIALS / "garden-shop", tmp_path / "garden-shop")) as project:
        facts = write(project).facts
        assert verify(project).ok
    [run] = facts["training"]["runs"]
    assert (run["status"], run["kind"], len(run["losses"])) == ("completed", "preference", 30)
    assert facts["verdict"]["outcome"] == "measured"
    tuned, base = facts["evaluation"]["tuned"]["interval"], facts["evaluation"]["base"]["interval"]
    assert tuned[0] > base[1]


def test_a_study_from_before_ends_were_told_is_found_again(tmp_path: Path):
    copied = Path(shutil.copytree(TUTORIALS / "fernlight", tmp_path / "fernlight"))
    before = sorted(path.name for path in (copied / "data/evals").iterdir())
    with open_project(copied) as project:
        blind = ait.compare(max_tokens=64, project=project)
    assert blind.path.name in before
    assert sorted(path.name for path in (copied / "data/evals").iterdir()) == before


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=names)
def test_it_comes_out_again_under_strict_nbval(path: Path, tmp_path: Path):
    copied = Path(shutil.copytree(TUTORIALS, tmp_path / "tutorials"))
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(copied),
        "-W",
        "default",
    ]
    strict = ["--nbval", str(copied / path.name)]
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    done = subprocess.run(
        [*words, *strict],
        cwd=copied,
        env={**kept, "NO_COLOR": "1", "TZ": "Asia/Kathmandu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
