"""A project is found, made, changed and closed; what another tool wrote stays."""

from __future__ import annotations

import json

import pytest

from aitelier_nb.errors import ProjectError, StorageError
from aitelier_nb.schema import Config, Run
from aitelier_nb.storage.project import create, find, is_project, open_project, rater_name

SETTINGS = Config(name="bot", model="m", system_prompt="Be kind.")


def test_a_new_project_has_the_files_of_the_format(tmp_path):
    create(tmp_path, SETTINGS)
    assert {path.name for path in (tmp_path / "data").iterdir()} == {
        "examples.jsonl",
        "train.jsonl",
        "val.jsonl",
        "evals",
    }
    assert (tmp_path / "data" / "examples.jsonl").read_bytes() == b""
    assert (tmp_path / ".gitignore").read_text() == ".env\n.aitelier/\ndata/parquet/\n"
    text = (tmp_path / ".aitelier.json").read_text()
    assert (
        text
        == '{\n  "name": "bot",\n  "provider": "local",\n  "model": "m",\n  "systemPrompt": "Be kind.",\n  "qualityThreshold": 8,\n  "runs": []\n}\n'
    )


def test_a_gitignore_that_is_there_is_added_to(tmp_path):
    (tmp_path / ".gitignore").write_text("secret.txt\n.env")
    create(tmp_path, SETTINGS)
    assert (tmp_path / ".gitignore").read_text() == "secret.txt\n.env\n.aitelier/\ndata/parquet/\n"


def test_a_second_project_in_the_same_folder_is_refused(tmp_path):
    create(tmp_path, SETTINGS)
    with pytest.raises(ProjectError, match="already") as caught:
        create(tmp_path, SETTINGS)
    assert caught.value.hint


def test_no_project_says_how_to_make_one(tmp_path):
    with pytest.raises(ProjectError, match="no project") as caught:
        find(tmp_path)
    assert caught.value.hint == "ait init NAME"
    assert not is_project(tmp_path)


def test_a_project_is_found_from_a_folder_below(tmp_path):
    create(tmp_path, SETTINGS)
    below = tmp_path / "notebooks" / "deep"
    below.mkdir(parents=True)
    assert find(below).path == tmp_path


def test_the_old_name_of_the_config_opens_too(copied):
    folder = copied("ts-a2-rated")
    (folder / ".aitelier.json").rename(folder / ".ftpipeline.json")
    assert open_project(folder).config.name


@pytest.mark.parametrize("name", ["ts-a2-rated", "ts-a4-split", "ts-a8-evaluated"])
def test_a_config_that_is_changed_back_is_byte_identical(copied, name):
    folder = copied(name)
    before = (folder / ".aitelier.json").read_bytes()
    project = open_project(folder)
    project.change_config(lambda raw: raw.update(note=1e-7))
    assert b'"note": 1e-7' in (folder / ".aitelier.json").read_bytes()
    project.change_config(lambda raw: raw.pop("note"))
    assert (folder / ".aitelier.json").read_bytes() == before


def test_unknown_keys_of_the_config_survive_in_their_place(copied):
    folder = copied("ts-a8-evaluated")
    path = folder / ".aitelier.json"
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({"ours": {"x": 1.0}, **raw}))
    project = open_project(folder)
    project.change_run("ft-0003", status="failed", model_id=None)
    changed = json.loads(path.read_text())
    assert list(changed) == ["ours", *raw]
    assert changed["runs"][0] == {**raw["runs"][0], "status": "failed"}


def test_the_config_is_read_again_when_another_program_changed_it(copied):
    project = open_project(copied("ts-a2-rated"))
    assert project.config.name != "other"
    text = project.config_path.read_text().replace(project.config.name, "other")
    project.config_path.write_text(text)
    assert project.config.name == "other"


def test_a_run_is_added_and_changed(tmp_path):
    project = create(tmp_path, SETTINGS)
    run = Run(
        job_id="local-1",
        provider="local",
        started_at="2026-01-01T00:00:00.000Z",
        hyperparameters={"learningRate": 1e-5, "epochs": 3.0},
    )
    project.add_run(run)
    text = project.config_path.read_text()
    assert '"learningRate": 0.00001' in text
    assert '"epochs": 3' in text
    assert (
        project.change_run("local-1", status="completed", model_id="local/local-1").model_id
        == "local/local-1"
    )
    assert [each.status for each in open_project(tmp_path).runs] == ["completed"]
    with pytest.raises(ProjectError, match="no run nope"):
        project.change_run("nope", status="failed")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"{", ":1 is not JSON"),
        (b'{"name": "x",\n"model": "\xd5"}', ":2 is not UTF-8: byte 0xd5"),
        (b"[]", "is no object"),
        (b'{"name": "x", "qualityThreshold": "high"}', "qualityThreshold"),
    ],
)
def test_a_broken_config_is_named_and_left_alone(tmp_path, text, told):
    (tmp_path / ".aitelier.json").write_bytes(text)
    with pytest.raises(ProjectError, match=told) as caught:
        open_project(tmp_path)
    assert caught.value.hint
    assert (tmp_path / ".aitelier.json").read_bytes() == text


def test_a_folder_that_may_not_be_written_is_told(tmp_path, read_only):
    read_only(tmp_path)
    with pytest.raises(StorageError) as caught:
        create(tmp_path / "new", SETTINGS)
    assert caught.value.hint


def test_the_rater_is_named_by_the_environment_then_git(tmp_path, monkeypatch):
    monkeypatch.setenv("AITELIER_RATER", "ada")
    assert rater_name(tmp_path) == "ada"
    monkeypatch.delenv("AITELIER_RATER")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for name in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"):
        monkeypatch.delenv(name, raising=False)
    assert rater_name(tmp_path) == "me"
    (tmp_path / "gitconfig").write_text("[user]\n\tname = Grace\n")
    assert rater_name(tmp_path) == "Grace"
