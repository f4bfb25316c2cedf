"""Two branches that rate, rewrite and add different examples merge without a question."""

from __future__ import annotations

import json
import subprocess


def git(folder, *words, check=True):
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def begin(project, ait):
    git(project, "init", "-q", "-b", "main")
    git(project, "config", "user.email", "a@example.com")
    git(project, "config", "user.name", "A")
    assert ait("init", "small", "--system", "Be brief.", "--merging").returncode == 0
    git(project, "add", ".")
    git(project, "commit", "-qm", "begin")
    git(project, "branch", "other")


def commit(project, text):
    git(project, "commit", "-qam", text)


def add(ait, project, text):
    (project / "in.txt").write_text(text, encoding="utf-8")
    assert ait("add", "--input", "in.txt", "--output", "in.txt").returncode == 0


def test_different_edits_merge_and_colliding_ids_are_renumbered(ait, result, project):
    begin(project, ait)
    ait("rate", "--id", 1, "--rating", 3)
    add(ait, project, "Ours, a new one?")
    commit(project, "ours")
    git(project, "checkout", "-q", "other")
    ait("rate", "--id", 2, "--rating", 4)
    add(ait, project, "Theirs, another one?")
    commit(project, "theirs")
    git(project, "checkout", "-q", "main")
    done = git(project, "merge", "-q", "other", "-m", "both", check=False)
    told = {e["id"]: e for e in result("list")["examples"]}
    assert (told[1]["rating"], told[2]["rating"]) == (3, 4), done.stdout + done.stderr
    texts = {e["messages"][-1]["content"] for e in told.values()}
    assert {"Ours, a new one?", "Theirs, another one?"} <= texts
    assert len(told) == 14


def test_the_same_example_changed_on_both_sides_is_one_question(ait, project):
    begin(project, ait)
    ait("rate", "--id", 1, "--rating", 3)
    commit(project, "ours")
    git(project, "checkout", "-q", "other")
    ait("rate", "--id", 1, "--rating", 4)
    commit(project, "theirs")
    git(project, "checkout", "-q", "main")
    done = git(project, "merge", "-q", "other", "-m", "both", check=False)
    assert done.returncode == 1
    assert "warning: " in done.stderr + done.stdout
    lines = (project / "data/examples.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(range(1, 13))
