"""What leaves a project keeps validation out of every training file, and comes back equal."""

import json
import shutil
from pathlib import Path

import pytest

import aitelier_nb as ait
from aitelier_nb.errors import CheckFailed, DataError, UsageError
from aitelier_nb.formats import rules

FIXTURE = Path(__file__).parents[1] / "fixtures" / "ts-a4-split"


@pytest.fixture
def project(tmp_path):
    shutil.copytree(FIXTURE, tmp_path / "p")
    opened = ait.open(tmp_path / "p")
    yield opened
    opened.close()


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def questions(rows):
    return {turn["content"] for row in rows for turn in row["messages"] if turn["role"] == "user"}


@pytest.mark.parametrize("kind", ["together", "openai", "fireworks", "trl"])
def test_a_chat_file_holds_train_alone_and_a_folder_both(kind, project, tmp_path):
    ait.export(kind, tmp_path / "out.jsonl", project=project)
    ait.export(kind, tmp_path / "out", project=project)
    held = {example.input for example in project.dataset.examples() if example.split == "val"}
    assert not questions(lines(tmp_path / "out.jsonl")) & held
    assert questions(lines(tmp_path / "out" / "val.jsonl")) == held
    assert lines(tmp_path / "out" / "train.jsonl") == lines(tmp_path / "out.jsonl")
    refused = {
        f.rule for f in rules.check((tmp_path / "out.jsonl").read_bytes(), kind) if f.severity == "error"
    }
    assert refused <= {"too_few_examples"}


@pytest.mark.parametrize("name", ["all.csv", "all.parquet"])
def test_a_table_holds_everything_and_can_be_imported_elsewhere(name, project, tmp_path):
    ait.export(name.partition(".")[2], tmp_path / name, project=project)
    other = ait.init("other", path=tmp_path / "other")
    assert ait.load(tmp_path / name, project=other).imported == len(project.dataset)
    here, there = ([(e.messages, e.rating, e.split) for e in p.dataset.examples()] for p in (project, other))
    assert here == there
    other.close()


def test_a_pair_needs_a_rewrite_that_is_rated_higher_and_is_no_validation(project, tmp_path):
    train = next(e for e in project.dataset.examples() if e.split == "train")
    held = next(e for e in project.dataset.examples() if e.split == "val")
    for example in (train, held):
        ait.set_rating(example.id, 4, project=project)
        ait.rewrite(example.id, "A better answer.", rating=9, project=project)
    ait.export("preference", tmp_path / "pairs.jsonl", project=project)
    pairs = lines(tmp_path / "pairs.jsonl")
    [pair] = [pair for pair in pairs if pair["preferred_output"][0]["content"] == "A better answer."]
    assert held.input not in [turn["content"] for pair in pairs for turn in pair["input"]["messages"]]
    assert pair["non_preferred_output"][0]["content"] == train.output


def test_thumbs_come_from_ratings_outside_of_validation(project, tmp_path):
    ait.export("kto", tmp_path / "kto.jsonl", project=project)
    free = [e for e in project.dataset.examples() if e.split != "val" and e.rating is not None]
    assert [row["label"] for row in lines(tmp_path / "kto.jsonl")] == [e.rating >= 8 for e in free]


def test_a_hub_folder_has_a_card_and_a_file_for_each_side(project, tmp_path):
    ait.export("hf", tmp_path / "set", project=project)
    found = sorted(path.relative_to(tmp_path / "set").as_posix() for path in (tmp_path / "set").rglob("*.*"))
    assert found[0] == "README.md"
    assert len(found) == 4


def test_an_unknown_kind_and_an_empty_project_are_refused(project, tmp_path):
    with pytest.raises(UsageError, match="no kind"):
        ait.export("word", tmp_path / "a", project=project)
    empty = ait.init("empty", path=tmp_path / "empty")
    with pytest.raises(DataError, match="no examples"):
        ait.export("csv", tmp_path / "a.csv", project=empty)
    empty.close()


@pytest.mark.parametrize("kind", ["together", "openai", "fireworks", "preference"])
def test_the_strictest_checker_of_a_provider_takes_what_goes_out(kind, project, tmp_path):
    checker = pytest.importorskip("together.lib.utils.files")
    ait.load(
        [{"prompt": f"which of {n}?", "chosen": "this", "rejected": "that"} for n in range(3)],
        project=project,
    )
    ait.export(kind, tmp_path / "out.jsonl", project=project)
    assert checker.check_file(tmp_path / "out.jsonl")["is_check_passed"]


def test_trl_gets_columns_that_its_trainers_name(project, tmp_path):
    ait.load([{"prompt": "p", "chosen": "c", "rejected": "r"}], project=project)
    ait.export("preference", tmp_path / "pairs.jsonl", provider="trl", project=project)
    ait.export("kto", tmp_path / "thumbs.jsonl", project=project)
    assert all(row.keys() == {"prompt", "chosen", "rejected"} for row in lines(tmp_path / "pairs.jsonl"))
    assert all(row.keys() == {"prompt", "completion", "label"} for row in lines(tmp_path / "thumbs.jsonl"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("docx",), "no kind of export 'docx'"),
        (("preference", "p.jsonl", "mistral"), "no shape of 'mistral'"),
        (("csv", "p.csv", "openai"), "provider goes only with preference"),
        (("adapter", "a"), "no run to export"),
        (("recipe", "r"), "no run to export"),
    ],
)
def test_what_cannot_be_exported_is_told_and_writes_nothing(words, told, project, tmp_path):
    kind, path, provider = [*words, None, None][:3]
    target = tmp_path / "out" / (path or "x")
    with pytest.raises(UsageError, match=told) as refused:
        ait.export(kind, target, provider=provider, project=project)
    assert refused.value.hint
    assert not target.parent.exists()


def test_without_a_good_example_there_is_nothing_to_export_and_the_sentence_says_what_is_missing(tmp_path):
    with ait.init("empty", path=tmp_path / "empty") as empty:
        ait.add("q", "a", project=empty)
        for kind, missing in [
            ("openai", "no example is rated 8 or higher"),
            ("kto", "no example outside of validation is rated"),
            ("preference", "rewritten and rated above its first text"),
        ]:
            with pytest.raises(DataError, match=missing):
                ait.export(kind, tmp_path / "x.jsonl", project=empty)
        with pytest.raises(DataError, match="no revealed blind comparison"):
            ait.export("preference", tmp_path / "x.jsonl", votes=True, project=empty)
        ait.annotate(1, tags=["t"], project=empty)
        ait.set_rating(1, 9, project=empty)
        told = ait.export("openai", tmp_path / "x.jsonl", project=empty)
    assert told.headline() == "1 example exported as openai"


def test_a_run_that_is_not_there_cannot_be_cancelled(project):
    with pytest.raises(ait.errors.TrainingError, match="no run is under way"):
        ait.cancel(project=project)
    with pytest.raises(ait.errors.TrainingError, match="there is no run 'ft-none'"):
        ait.cancel("ft-none", project=project)


def test_the_train_file_of_a_hub_folder_repeats_nothing_of_validation(tmp_path):
    question = "please tell me how long it takes until the parcel with my new shoes arrives in Bergen"
    near = question.replace("Bergen", "Oslo")
    rows = [{"input": f"{question} {n}", "output": "a", "rating": 9} for n in range(20)]
    with ait.init("shoes", path=tmp_path / "p") as project:
        ait.load(rows, project=project)
        ait.split(project=project)
        held = next(example for example in project.dataset.examples() if example.split == "val")
        ait.load([{"input": near, "output": "b", "rating": 9, "split": "train"}], project=project)
        (tmp_path / "set" / "data").mkdir(parents=True)
        (tmp_path / "set" / "data" / "unassigned-00000-of-00001.parquet").touch()

        done = ait.export("hf", tmp_path / "set", project=project)

    table = pytest.importorskip("pandas").read_parquet
    train = (
        set(table(tmp_path / "set" / "data" / "train-00000-of-00001.parquet")["input"])
        if (tmp_path / "set" / "data" / "train-00000-of-00001.parquet").exists()
        else set()
    )
    assert near not in train
    assert held.input not in train
    assert any("stand among the unassigned" in notice for notice in done.notices)


def test_a_side_that_has_no_examples_any_more_loses_its_exported_file(project, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "val.jsonl").write_text("{}\n")
    for example in list(project.dataset.examples()):
        if example.split == "val":
            ait.delete(example.id, project=project)

    done = ait.export("openai", tmp_path / "out", project=project)

    assert not (tmp_path / "out" / "val.jsonl").exists()
    assert any("stale val.jsonl" in notice for notice in done.notices)


def test_a_refused_validation_example_is_named_by_its_file_and_id(tmp_path):
    turns = [
        {"role": "user", "content": "a"},
        {"role": "user", "content": "b"},
        {"role": "assistant", "content": "c"},
    ]
    rows = [{"input": f"q{n}", "output": "a", "rating": 9, "split": "train"} for n in range(10)]
    with ait.init("p", provider="together", model="m", path=tmp_path / "p") as project:
        ait.load([*rows, {"messages": turns, "rating": 9, "split": "val"}], project=project)

        with pytest.raises(
            CheckFailed, match=r"val.jsonl:1 \(example 11\): message 2 is the second user turn"
        ):
            ait.format(project=project)


def test_keys_that_openai_refuses_in_a_message_stay_behind_and_are_counted(tmp_path):
    turns = [
        {"role": "user", "content": "q", "lang": "en", "weight": 0},
        {"role": "assistant", "content": "a", "weight": 1},
    ]
    rows = [{"messages": [{**turn, "content": f"{turn['content']} {n}"} for turn in turns], "rating": 9, "split": "train"} for n in range(10)]  # fmt: skip
    with ait.init("p", provider="openai", model="m", path=tmp_path / "p") as project:
        ait.load(rows, project=project)
        done = ait.format(project=project)
        assert ait.check(project=project).ok

    line = lines(tmp_path / "p" / "data" / "train.jsonl")[0]
    assert line["messages"] == [
        {"role": "user", "content": "q 0"},
        {"role": "assistant", "content": "a 0", "weight": 1},
    ]
    assert "left out: 20 keys of messages that openai does not take (lang, weight)" in done.notes()
