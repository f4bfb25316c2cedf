"""Adding and importing from Python, and rating by typed lines: what comes in, what is told, what is refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import aitelier_nb as ait
from aitelier_nb import asking
from aitelier_nb.errors import DataError, EvaluationError, UsageError
from aitelier_nb.verbs import collecting

TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]


@pytest.fixture
def project(tmp_path: Path) -> Any:
    with ait.init("shop", path=tmp_path / "shop", system_prompt="Be kind.") as made:
        yield made


def rows(n: int) -> list[dict[str, Any]]:
    return [{"input": f"question {place}", "output": f"answer {place}"} for place in range(n)]


def lines(path: Path, *found: Any) -> Path:
    path.write_bytes(
        b"".join(one if isinstance(one, bytes) else json.dumps(one).encode() + b"\n" for one in found)
    )
    return path


def test_an_example_needs_a_question_and_an_answer_or_turns_and_not_both(project) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        ait.add("q", messages=TURNS, project=project)
    with pytest.raises(UsageError, match="needs input and output"):
        ait.add("q", project=project)
    with pytest.raises(DataError, match="no assistant turn"):
        ait.add(messages=TURNS[:1], project=project)
    added = ait.add(messages=TURNS, system="", project=project)
    assert added.to_json() == {"id": 1, "existed": False}
    assert project.dataset.get(1).system is None
    assert ait.add("q", "a", project=project).headline() == "example 2 added"
    assert ait.add("q", "a", project=project).headline() == "example 2 was there already"


def test_a_dry_run_shows_the_first_rows_and_writes_nothing(project, tmp_path) -> None:
    ait.add("q", "a", project=project)
    project.dataset.fold()
    file = project.path / "data" / "examples.jsonl"
    before = file.read_bytes()
    source = lines(tmp_path / "rows.jsonl", *rows(7), b'{"input": "cut\n', {"input": "only"})
    told = ait.load(source, dry_run=True, project=project)
    assert told.headline() == "would import 7 examples from rows.jsonl (input-output), 2 rejected"
    assert [row[1] for row in told.rows()[:2]] == ["question 0", "answer 0"]
    assert len(told.rows()) == 2 * collecting.SHOWN
    assert told.to_json()["dry_run"] is True
    assert [row["line"] for row in told.to_json()["rejected"]] == [8, 9]
    assert file.read_bytes() == before
    assert not (project.path / "data" / "rejected").exists()


def test_what_a_line_cannot_hold_is_rejected_and_the_others_come_in(project) -> None:
    given = [*rows(2), {"messages": TURNS, "rating": 4, "group": "half \ud800"}, {"messages": TURNS}]
    for dry_run in (True, False):
        told = ait.load(given, dry_run=dry_run, project=project)
        assert [row["line"] for row in told.rejected] == [3], told.rejected
        assert told.imported == 3
    assert len(project.dataset) == 3
    assert "3 conversations without a system prompt" in " ".join(told.notices)


def test_a_long_import_says_how_far_it_is_and_loses_nothing(project, monkeypatch) -> None:
    reached: list[int] = []
    monkeypatch.setattr(collecting, "MANY", 10)
    monkeypatch.setattr(collecting, "STEP", 4)
    monkeypatch.setattr(collecting.Progress, "reach", lambda _, place: reached.append(place))
    assert ait.load(rows(11), project=project).imported == 11
    assert reached[-3:] == [4, 8, 11]
    assert [example.input for example in project.dataset.examples()][-1] == "question 10"


def test_an_empty_import_imports_nothing(project) -> None:
    assert ait.load([{"context": "c", "question": "q", "answers": []}], project=project).imported == 0
    assert len(project.dataset) == 0


def typed(monkeypatch, *words: str) -> None:
    given = iter(words)

    def answer(_: str = "") -> str:
        try:
            return next(given)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", answer)


def test_rating_by_typed_lines_takes_every_word_and_tells_what_is_none(project, monkeypatch, capsys) -> None:
    monkeypatch.setenv("EDITOR", "")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    ait.load(rows(4), project=project)
    typed(monkeypatch, "u", "best", "11", "8", "u", "7", "e", "better", "9", "s", "q")
    session = asking.rate_one_by_one(None, project)
    shown = capsys.readouterr()
    assert (session.rated, session.rewritten, session.skipped, session.left) == (2, 1, 1, 2)
    assert [example.rating for example in project.dataset.examples()] == [7, 9, None, None]
    assert project.dataset.get(2).output == "better"
    for told in ("nothing to undo in this round", "'best' is no rating", "11"):
        assert told in shown.err
    typed(monkeypatch, "10")
    again = asking.rate_one_by_one(8, project)
    assert "(rated 7)" in capsys.readouterr().out
    assert (again.rated, again.left) == (1, 0)


def test_a_rewrite_is_written_in_the_editor_where_there_is_one(project, monkeypatch, tmp_path) -> None:
    editor = tmp_path / "editor"
    editor.write_text(f"#!{sys.executable}\nimport sys\nopen(sys.argv[1], 'a').write(' and more\\n')\n")
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    ait.load(rows(1), project=project)
    typed(monkeypatch, "e", "9")
    asking.rate_one_by_one(None, project)
    assert project.dataset.get(1).output == "answer 0 and more"


def test_there_is_nothing_to_evaluate_before_a_run_or_under_an_unknown_name(project) -> None:
    with pytest.raises(EvaluationError, match="no tuned model yet"):
        ait.evaluate(project=project)
    with pytest.raises(EvaluationError, match="no run 'ft-none'"):
        ait.evaluate("ft-none", project=project)


def test_deleting_again_changes_nothing_and_an_unknown_example_is_refused(project):
    one = ait.add("q", "a", project=project).id
    ait.delete(one, project=project)

    assert not ait.delete(one, project=project).changed
    ait.undo(project=project)
    assert ait.delete(one, project=project).changed
    with pytest.raises(DataError, match="there is no example 77"):
        ait.delete(77, project=project)


def test_a_dry_run_says_what_is_there_already_and_a_rating_that_came_too_late(project):
    ait.load([{"input": "q", "output": "a"}], project=project)
    rows = [{"input": "q", "output": "a", "rating": 9}, {"input": "q2", "output": "a2"}]

    dry = ait.load(rows, dry_run=True, project=project)
    done = ait.load(rows, project=project)

    assert (dry.imported, dry.duplicates) == (done.imported, done.duplicates) == (1, 1)
    assert any("1 row with another rating" in notice for notice in dry.notices)
    assert dry.notices == done.notices
    ait.set_rating(1, 9, project=project)
    assert not any("another rating" in notice for notice in ait.load(rows, project=project).notices)


def test_a_second_worse_answer_to_the_same_is_told_and_importing_again_says_nothing(project):
    rows = [{"prompt": "q", "chosen": "a", "rejected": worse} for worse in ("b", "c")]

    done = ait.load(rows, project=project)

    assert (done.imported, done.duplicates) == (1, 1)
    assert done.notices[-1].startswith("1 row with another worse answer")
    assert "worse answer" not in " ".join(ait.load(rows[:1], project=project).notices)


def test_a_folder_that_hugging_face_saved_comes_in_with_its_splits(project, tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = [{"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]} for n in range(3)]  # fmt: skip
    train, held = datasets.Dataset.from_list(rows[:2]), datasets.Dataset.from_list(rows[2:])
    datasets.DatasetDict({"train": train, "validation": held}).save_to_disk(tmp_path / "saved")

    done = ait.load(tmp_path / "saved", project=project)

    assert (done.imported, done.rejected) == (3, ())
    found = ait.examples(project=project).to_json()["examples"]
    assert [(one["messages"], one["split"]) for one in found] == [
        (row["messages"], side) for row, side in zip(rows, ["train", "train", "val"], strict=True)
    ]


def test_objects_of_other_libraries_are_rows_too(tmp_path):
    datasets, pl, pa, pd = map(pytest.importorskip, ("datasets", "polars", "pyarrow", "pandas"))
    flat = [{"input": f"q{n}", "output": "a"} for n in range(3)]
    train, held = datasets.Dataset.from_list(flat[:2]), datasets.Dataset.from_list(flat[2:])
    sources = [
        pl.DataFrame(flat),
        pl.DataFrame(flat).lazy(),
        pa.Table.from_pylist(flat),
        datasets.DatasetDict({"train": train, "validation": held}),
        pd.DataFrame(flat).set_index("input"),
        {"input": ["q0", "q1", "q2"], "output": ["a"] * 3},
        b"input,output\nq0,a\nq1,a\nq2,a\n",
    ]
    for place, source in enumerate(sources):
        with ait.init("p", path=tmp_path / str(place)) as project:
            done = ait.load(source, project=project)
            found = [(one.input, one.split) for one in project.dataset.examples()]
            sides = ["train", "train", "val"] if isinstance(source, datasets.DatasetDict) else [None] * 3
            assert (done.rejected, found) == ((), list(zip(["q0", "q1", "q2"], sides, strict=True)))


@pytest.mark.parametrize("source", [None, 5])
def test_what_holds_no_rows_is_refused(source, project):
    with pytest.raises(UsageError, match="holds no rows to import"):
        ait.load(source, project=project)
    with pytest.raises(UsageError, match="map names a column"):
        ait.load([], map=["input"], project=project)
