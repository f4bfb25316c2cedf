"""The example projects hold what their READMEs say, pass our own checks, and their walk-throughs run."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

import aitelier_nb as ait
from aitelier_nb.__main__ import main
from aitelier_nb.curation import duplicates, leaks
from aitelier_nb.providers.local import library

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FEWEST = {"customer-support": 60, "code-review": 40, "domain-qa": 40, "preference": 40}
THRESHOLD = 8
KEYS = {"id", "messages", "rating", "createdAt", "version"}
OPTIONAL = {"originalOutput", "tags"}
CREATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

every_project = pytest.mark.parametrize("name", FEWEST)


@pytest.fixture
def copied(tmp_path, monkeypatch):
    def copy(name: str) -> Path:
        folder = shutil.copytree(EXAMPLES / name, tmp_path / name)
        monkeypatch.chdir(folder)
        return folder

    monkeypatch.setenv("AITELIER_RATER", "reader")
    return copy


def lines(name: str) -> list[dict]:
    data = (EXAMPLES / name / "data" / "examples.jsonl").read_bytes()
    return [json.loads(line) for line in data.splitlines()]


def steps(name: str, *, model: bool) -> list[tuple[str, list[str]]]:
    """Return the commands of a README with the lines that it shows under each."""
    text = (EXAMPLES / name / "README.md").read_text("utf-8")
    wanted = ("console", "console model") if model else ("console",)
    found: list[tuple[str, list[str]]] = []
    for fence, block in re.findall(r"```(\S[^\n]*)\n(.*?)```", text, flags=re.DOTALL):
        for line in block.splitlines() if fence in wanted else ():
            if line.startswith("$ "):
                found.append((line.removeprefix("$ "), []))
            else:
                found[-1][1].append(line)
    return found


def follow(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Do what a line of a walk-through says, and return what it prints."""
    program, *words = shlex.split(command)
    if program == "printf":
        text, arrow, target = words
        assert arrow == ">"
        (folder / target).write_text(text, "utf-8")
        return ""
    assert program == "ait"
    assert main(words) == 0, capsys.readouterr().err
    return capsys.readouterr().out


@every_project
def test_an_example_project_is_written_as_the_ait_tool_writes(name):
    rows = lines(name)
    assert len(rows) >= FEWEST[name]
    assert [row["id"] for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        assert row.keys() >= KEYS
        assert row.keys() <= KEYS | OPTIONAL
        assert CREATED.fullmatch(row["createdAt"])
        assert row["version"] == (2 if "originalOutput" in row else 1)
        assert row["rating"] in range(1, 11)
    data = (EXAMPLES / name / "data" / "examples.jsonl").read_bytes()
    again = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows]
    assert "".join(again).encode() == data


@every_project
def test_conversations_of_an_example_project_take_turns_and_end_with_the_assistant(name):
    system = json.loads((EXAMPLES / name / ".aitelier.json").read_bytes())["systemPrompt"]
    for row in lines(name):
        first, *turns = row["messages"]
        assert first == {"role": "system", "content": system}
        assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
        assert all(turn["content"].strip() for turn in turns)


def test_every_code_review_has_several_turns_and_some_support_cases_do():
    assert all(len(row["messages"]) >= 5 for row in lines("code-review"))
    assert sum(len(row["messages"]) >= 5 for row in lines("customer-support")) >= 5


@every_project
def test_an_example_project_is_ready_to_train_and_says_so(name, copied):
    copied(name)
    summary = ait.stats()
    assert summary.to_json()["ready"]
    assert summary.to_json()["unrated"] == 0
    assert summary.to_json()["above_threshold"] >= 0.8 * FEWEST[name]


@every_project
def test_no_two_answers_of_an_example_project_are_the_same(name):
    answers = [duplicates.normalise(row["messages"][-1]["content"]) for row in lines(name)]
    assert len(set(answers)) == len(answers)


@every_project
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_split_of_an_example_project_leaks(name, seed, copied):
    copied(name)
    project = ait.open()
    ait.split(seed=seed)
    everyone = list(project.dataset.examples())
    train = [example for example in everyone if example.split == "train"]
    validation = [example for example in everyone if example.split == "val"]
    assert len(validation) >= 7
    assert len(train) >= 3 * len(validation)
    assert leaks.find(train, validation) == {}


@every_project
def test_training_files_of_an_example_project_pass_at_every_provider(name, copied):
    copied(name)
    ait.split(seed=3)
    ait.format()
    for provider in ("local", "together", "fireworks", "openai"):
        assert ait.check("data/train.jsonl", provider=provider).to_json()["findings"] == []


@pytest.mark.parametrize("provider", ["local", "together", "fireworks", "openai"])
def test_preference_files_of_the_rewrites_pass_at_every_provider(provider, copied):
    copied("preference")
    ait.split(seed=3)
    assert ait.format(provider, kind="preference").to_json()["train"] == 32
    found = ait.check("data/train.preference.jsonl", provider=provider).to_json()
    assert (found["ok"], found["findings"]) == (True, [])


def test_each_rewrite_above_its_original_makes_a_preference_pair(copied):
    folder = copied("preference")
    ait.split(seed=3)
    ait.format(kind="preference", provider="openai")
    written = [
        json.loads(line)
        for side in ("train", "val")
        for line in (folder / "data" / f"{side}.preference.jsonl").read_bytes().splitlines()
    ]
    rewritten = [row for row in lines("preference") if "originalOutput" in row]
    good = [row for row in rewritten if row["rating"] >= THRESHOLD]
    assert len(rewritten) == 41
    assert sorted(pair["non_preferred_output"][0]["content"] for pair in written) == sorted(
        row["originalOutput"] for row in good
    )


@every_project
def test_the_walk_through_of_an_example_project_shows_what_it_prints(name, copied, capsys):
    folder = copied(name)
    for command, shown in steps(name, model=False):
        printed = follow(command, folder, capsys)
        for line in shown:
            assert line in printed, f"{command}: the README shows {line!r}, printed was {printed!r}"


@pytest.mark.slow
@every_project
def test_the_walk_through_of_an_example_project_runs_to_its_end(name, copied, capsys, tmp_path, monkeypatch):
    """A model of a few thousand parameters stands in the embedded one's place, its training cut short."""
    _stand_in(tmp_path / "cache")
    monkeypatch.setenv("AITELIER_CACHE", str(tmp_path / "cache"))
    folder = copied(name)
    for command, _ in steps(name, model=True):
        follow(command, folder, capsys)
    assert [run["status"] for run in _runs(folder)] == ["completed"]
    assert list((folder / "data" / "evals").glob("eval-*.json"))


def _stand_in(cache: Path) -> None:
    spec = importlib.util.spec_from_file_location("tiny_model", ROOT / "tests" / "tiny_model.py")
    tiny_model = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny_model)
    folder = tiny_model.make(cache / "models" / library.EMBEDDED.name)
    note = {"name": library.EMBEDDED.name, "converter": library.CONVERTER, "sha256": "0" * 64}
    (folder / library.NOTE).write_text(json.dumps(note), "utf-8")


def _runs(folder: Path) -> list[dict]:
    return json.loads((folder / ".aitelier.json").read_bytes())["runs"]
