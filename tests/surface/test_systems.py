"""The system prompt is changed for all or some examples, shown before, and taken back as one edit."""

import json

import pytest

import aitelier_nb as ait
from aitelier_nb.errors import DataError, UsageError
from aitelier_nb.terminal import main


@pytest.fixture
def project(tmp_path, monkeypatch):
    made = ait.init("prompts", path=tmp_path / "p", system_prompt="Be kind.")
    for n in range(1, 5):
        ait.add(f"question {n}", f"answer {n}", rating=9, project=made)
    ait.add("question 5", "answer 5", system="", project=made)
    monkeypatch.chdir(made.path)
    yield made
    made.close()


def prompts(project):
    return [example.system for example in project.dataset.examples()]


def test_a_preview_changes_nothing_and_names_what_gives_way(project):
    before = (project.path / "data" / "examples.jsonl").read_bytes()
    shown = ait.set_system("Be brief.", dry_run=True, project=project)
    assert (project.path / "data" / "examples.jsonl").read_bytes() == before
    assert shown.to_json()["former"] == [
        {"prompt": "Be kind.", "examples": 4},
        {"prompt": "", "examples": 1},
    ]
    assert "would get" in shown.headline()
    assert "Be kind." in shown.text()


def test_all_are_changed_and_one_undo_takes_it_back(project):
    ait.split(project=project)
    sides = [(example.rating, example.split) for example in project.dataset.examples()]
    assert ait.set_system("Be brief.", default=True, project=project).to_json()["changed"] == 5
    assert prompts(project) == ["Be brief."] * 5
    assert [(example.rating, example.split) for example in project.dataset.examples()] == sides
    assert project.config.system_prompt == "Be brief."
    ait.undo(project=project)
    assert prompts(project) == [*["Be kind."] * 4, None]


def test_some_are_changed_by_id_or_by_their_prompt(project):
    ait.set_system("A", ids=[1, 2], project=project)
    assert prompts(project) == ["A", "A", "Be kind.", "Be kind.", None]
    ait.set_system("B", only="Be kind.", project=project)
    ait.set_system("C", only="", project=project)
    assert prompts(project) == ["A", "A", "B", "B", "C"]
    ait.set_system(None, ids=[1], project=project)
    assert prompts(project)[0] is None
    with pytest.raises(DataError, match="no example 77"):
        ait.set_system("D", ids=[1, 77], project=project)
    with pytest.raises(UsageError, match="empty"):
        ait.set_system("  ", project=project)


def test_the_command_takes_text_a_file_or_removes(project, capsys):
    (project.path / "prompt.txt").write_text("Aus der Datei: ü\n", encoding="utf-8")
    assert main(["system", "--file", "prompt.txt", "--ids", "1-2,4", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verb"], told["result"]["ids"]) == ("system", [1, 2, 4])
    assert prompts(project)[3] == "Aus der Datei: ü"
    assert main(["system", "New.", "--dry-run"]) == 0
    assert "5 examples would get" in capsys.readouterr().out
    assert main(["system", "--remove"]) == 0
    assert prompts(project) == [None] * 5
    assert main(["system"]) == 2
    assert main(["system", "x", "--ids", "one"]) == 2
