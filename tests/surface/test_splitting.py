"""The split verb: shown before, asked where it must be, and honest about runs that have learnt examples."""

import json

import pytest

import aitelier_nb as ait
from aitelier_nb.errors import ConfirmationNeeded
from aitelier_nb.terminal import main
from aitelier_nb.tuning import training_files


@pytest.fixture
def project(tmp_path, monkeypatch):
    made = ait.init("split", path=tmp_path / "p")
    rows = [{"input": f"question number {n}", "output": "a", "rating": 8 + n % 3} for n in range(30)]
    ait.load(rows, project=made)
    monkeypatch.chdir(made.path)
    yield made
    made.close()


def sides(project):
    return {example.id: example.split for example in project.dataset.examples()}


def with_run(project, ids):
    run = {
        "jobId": "local-1",
        "provider": "local",
        "startedAt": "2026-01-01T00:00:00Z",
        "status": "completed",
    }
    project.change_config(lambda config: config["runs"].append({**run, "aitelierNb": {"trainIds": ids}}))


def test_a_dry_run_says_what_would_be_and_changes_nothing(project):
    before = (project.path / ".aitelier.json").read_bytes()
    shown = ait.split(seed=5, dry_run=True, project=project)
    assert "would be locked" in shown.headline()
    assert any("only a large difference" in warning for warning in shown.warnings())
    assert set(sides(project).values()) == {None}
    assert (project.path / ".aitelier.json").read_bytes() == before
    assert ait.split(seed=5, project=project).assignment.splits == shown.assignment.splits


def test_stats_warns_of_a_small_validation_before_it_is_locked(project):
    assert "would hold 6 examples" in " ".join(ait.stats(project=project).notes())
    ait.split(project=project)
    assert "Validation holds 6 examples" in " ".join(ait.stats(project=project).notes())


def test_a_question_that_validation_asked_once_never_gets_into_training(project):
    ait.split(project=project)
    held = next(example for example, side in sides(project).items() if side == "val")
    turns = project.dataset.get(held).to_json()["messages"]
    project.dataset.set_messages(held, [{"role": "user", "content": "something else"}, turns[-1]], 9)
    known = {
        ait.add(f"  {turns[0]['content'].upper()}!", f"b{n}", rating=9, project=project).id for n in range(9)
    }
    taken = min(known)
    project.dataset.set_splits({taken: "train"})  # as another tool may have written it
    ait.split(project=project)
    assert {sides(project)[name] for name in known} == {"train", "val"}
    assert {sides(project)[name] for name in known - {taken}} == {"val"}
    assert taken not in training_files.build(project, "together").train_ids


def test_the_warning_reaches_scripts_and_a_pipe_is_not_asked(project, capsys):
    assert main(["split", "--holdout", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["result"]["val"] == 2
    assert "can never show a difference" in told["warnings"][0]


def test_holdout_is_kept_for_the_next_split(project):
    ait.split(holdout=7, project=project)
    ait.load([{"input": f"new {n}", "output": "b", "rating": 9} for n in range(20)], project=project)
    assert ait.split(project=project).assignment.val == 7


def test_a_reshuffle_names_the_runs_that_learnt_what_becomes_validation(project):
    ait.split(seed=1, project=project)
    trained = [name for name, side in sides(project).items() if side == "train"]
    with_run(project, ",".join(map(str, trained)))
    before = sides(project)
    with pytest.raises(ConfirmationNeeded, match=r"local-1 was trained on \d+ of them"):
        ait.split(seed=2, reshuffle=True, project=project)
    assert sides(project) == before
    ait.split(seed=2, reshuffle=True, confirm=True, project=project)
    assert sides(project) != before


def test_what_a_run_was_trained_on_never_becomes_validation_unasked(project):
    with_run(project, "1-20")
    ait.split(ratio=0.7, project=project)
    placed = sides(project)
    assert {placed[n] for n in range(1, 21)} == {"train"}
    assert sum(side == "val" for side in placed.values()) == 9


def test_imported_pairs_reach_the_preference_file_unless_they_are_validation(project):
    pairs = [
        {"prompt": f"which of {n} and {n + 1} is larger", "chosen": str(n + 1), "rejected": str(n)}
        for n in range(12)
    ]
    ait.load(pairs, project=project)
    first = next(e.id for e in project.dataset.examples() if e.input.startswith("which of 0"))
    project.dataset.set_splits({first: "val"})
    contents = training_files.build(project, "together", kind="preference")
    assert len(contents.train) == 11
    assert json.loads(contents.train[0])["non_preferred_output"] == [{"role": "assistant", "content": "1"}]
    made = ait.format("trl", kind="preference", project=project)
    assert made.to_json()["train"] == 11


def test_tokens_and_cost_are_told_only_at_a_price(project):
    assert ait.stats(project=project).to_json()["tokens"]["cost"] is None
    told = ait.stats(price=2.5, epochs=3, limit=8, project=project).to_json()["tokens"]
    assert told["cost"] == pytest.approx(told["per_epoch"] * 3 * 2.5 / 10**6)
    assert told["over"]
    assert told["limit"] == 8


def test_a_check_warns_of_what_is_cut_off(project):
    ait.split(project=project)
    ait.format("openai", project=project)
    clean = ait.check(provider="openai", project=project)
    assert not [f for f in clean.findings if f.rule == "too_long"]
    assert clean.to_json()["tokens"]["total"] > 0
    short = ait.check(provider="openai", limit=5, project=project)
    assert {f.severity for f in short.findings if f.rule == "too_long"} == {"warning"}
    assert short.ok


def test_every_verb_that_uses_examples_names_the_lines_that_it_cannot_read(project, tmp_path):
    from aitelier_nb.tuning import plans

    path = project.path / "data" / "examples.jsonl"
    path.write_bytes(path.read_bytes() + b'{"id": 99, "messages": "none"}\n')
    assert "examples.jsonl:31" in ait.split(project=project).warnings()[-1]
    assert "examples.jsonl:31" in ait.format("openai", project=project).warnings()[-1]
    assert "examples.jsonl:31" in ait.export("csv", tmp_path / "a.csv", project=project).warnings()[-1]
    assert "examples.jsonl:31" in plans._unread(project)[0]
