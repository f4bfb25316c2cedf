"""What README.md shows is what the tool does: commands, cells with their outputs, messages, links."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from aitelier_nb import commands

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
CODE = re.sub(r"^```.*?^```$", "", TEXT, flags=re.DOTALL | re.MULTILINE)
SPANS = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", CODE)
PLACEHOLDERS = {
    "NAME": "shop",
    "PROVIDER": "together",
    "PATH": ".",
    "FILE": "rows.jsonl",
    "ID": "1",
    "VERB": "stats",
}


def section(title):
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("line", sorted({span for span in SPANS if re.match(r"%?ait [a-z]", span)}))
def test_each_command_can_be_parsed(line):
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line.lstrip("%"))[1:]]
    words = [re.sub(r"^\.\.\.$|^…$", "", word) for word in words if word not in ("…", "...")]
    try:
        name, _ = commands.parse(words)
    except commands.Help:
        return
    assert name in commands.COMMANDS


IMPORT, *_, OWN = [text for kind, text in FENCES if kind == "python"]


def test_a_project_of_ones_own_begins_with_three_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "examples/customer-support/data/examples.jsonl", tmp_path / "conversations.jsonl")
    names = {}
    exec(IMPORT + OWN, names)  # noqa: S102 - the snippet as it stands
    ait = names["ait"]
    assert ait.stats().to_json()["total"] >= 60
    assert ait.open().config.system_prompt == "You are a kind, precise support agent."
    ait.open().close()


def shown(cell):
    """Return what a cell of a notebook shows last, as plain text."""
    texts = ["".join(output["data"]["text/plain"]) for output in cell["outputs"] if "data" in output]
    return texts[-1] if texts else ""


def test_the_cells_and_their_outputs_are_those_of_the_tutorial():
    notebook = json.loads((ROOT / "tutorials/01-quickstart.ipynb").read_text(encoding="utf-8"))
    cells = {"".join(cell["source"]): cell for cell in notebook["cells"] if cell["cell_type"] == "code"}
    told = re.findall(
        r"^```(python|text)\n(.*?)^```$", section("The loop in six cells"), re.DOTALL | re.MULTILINE
    )
    assert [kind for kind, _ in told].count("text") == 5
    for (kind, text), (_, following) in zip(told, [*told[1:], ("", "")], strict=True):
        if kind == "python" and text not in (IMPORT, OWN):
            assert following.rstrip() == shown(cells[text.strip()]).rstrip(), text


def test_each_message_is_one_that_the_package_says():
    sources = [
        path.read_text(encoding="utf-8")
        for path in (ROOT / "aitelier_nb").rglob("*")
        if path.suffix in (".py", ".js")
    ]
    rows = [line for line in section("When something is said").splitlines() if line.startswith("| `")]
    assert len(rows) >= 8
    for row in rows:
        message = re.match(r"\| `([^`]+)`", row)[1]
        assert any(message in source for source in sources), message


def test_each_link_leads_somewhere():
    anchors = {
        re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-")
        for title in re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)|(?:src|srcset)=\"([^\"]+)\"", TEXT):
        path = target[0] or target[1]
        if path.startswith("#"):
            assert path[1:] in anchors, path
        elif not path.startswith("https://"):
            assert (ROOT / path).exists(), path


def test_the_two_lines_are_there_and_take_the_pinned_torch():
    lines = [text for _, text in FENCES if text.startswith("python3 -m venv")]
    assert len(lines) == 2
    assert all("torch==2.13.0" in line and line.count("\n") == 1 for line in lines)
    assert lines[0].rstrip().endswith("ait demo")
    assert "-m pytest -n 2 --dist loadfile" in lines[1]
