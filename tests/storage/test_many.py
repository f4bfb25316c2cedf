"""Several processes and threads edit one project: nothing is lost, nothing is doubled."""

from __future__ import annotations

import subprocess
import sys
import threading

from aitelier_nb.storage import upkeep
from aitelier_nb.storage.locks import lock
from aitelier_nb.storage.project import open_project

EDITOR = """
import sys
from aitelier_nb.storage.project import open_project
folder, name = sys.argv[1:]
dataset = open_project(folder).dataset
for step in range(40):
    dataset.set_rating(1 + step % 5, 1 + (step + len(name)) % 10, by=name)
    dataset.annotate(6 + step % 5, note=f"{name} {step}", by=name)
    [added] = dataset.add([{"messages": [{"role": "user", "content": f"{name} {step}"}]}], by=name)
    print(added.id)
    if step % 9 == 0:
        dataset.fold()
"""


def conversation(text):
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "fine"}]}


def test_four_processes_at_once_lose_and_double_nothing(project):
    project.dataset.add([conversation(str(n)) for n in range(10)])
    names = ["a", "bb", "ccc", "dddd"]
    editors = [
        subprocess.Popen(
            [sys.executable, "-c", EDITOR, project.path, name], stdout=subprocess.PIPE, text=True
        )
        for name in names
    ]
    given = [int(line) for editor in editors for line in editor.communicate(timeout=200)[0].split()]
    assert all(editor.returncode == 0 for editor in editors)
    assert sorted(given) == list(range(11, 171))
    dataset = project.dataset
    assert len(dataset) == 170
    assert not dataset.problems()
    for name in names:
        notes = {e.after["note"] for n in range(6, 11) for e in dataset.history(n) if e.by == name}
        assert notes == {f"{name} {step}" for step in range(40)}
    for example in dataset.examples([1, 2, 3, 4, 5]):
        latest = {e.by: e for e in dataset.history(example.id) if e.kind == "rate"}
        values = sorted(example.ratings.values())
        assert set(example.ratings) == set(latest) == set(names)
        assert example.rating == values[1]
    project.dataset.fold()
    assert len(project.dataset.path.read_bytes().splitlines()) == 170


def test_threads_share_one_dataset(project):
    dataset = project.dataset
    dataset.add([conversation(str(n)) for n in range(8)])

    def edit(number):
        for step in range(50):
            dataset.annotate(number + 1, note=f"{number} {step}")
            dataset.get(1 + step % 8)
            if step % 20 == 0:
                dataset.fold()

    threads = [threading.Thread(target=edit, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        notes = [e.after["note"] for e in dataset.history(number + 1) if e.kind == "annotate"]
        assert notes == [f"{number} {step}" for step in range(50)]


def test_two_open_projects_see_each_others_edits_at_the_next_read(project):
    other = open_project(project.path)
    project.dataset.add([conversation("a"), conversation("b")])
    assert len(other.dataset) == 2
    other.dataset.set_rating(1, 4)
    assert project.dataset.get(1).rating == 4
    project.dataset.fold()
    project.dataset.set_rating(1, 6)
    assert other.dataset.get(1).rating == 6
    other.dataset.delete(2)
    other.dataset.fold()
    other.dataset.set_rating(1, 2)
    other.dataset.fold()
    assert project.dataset.ids() == [1]
    assert project.dataset.get(1).rating == 2


HOLDER = """
import sys, time
from pathlib import Path
from aitelier_nb.storage import upkeep
from aitelier_nb.storage.locks import lock
with lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(100)
"""


def test_a_lock_is_free_when_its_holder_is_killed(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    taken = threading.Event()

    def take():
        with lock(path):
            taken.set()

    thread = threading.Thread(target=take)
    thread.start()
    assert not taken.wait(0.2)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    thread.join(60)
    assert taken.is_set()


def test_each_rater_keeps_an_own_rating(project):
    dataset = project.dataset
    dataset.add([conversation("a")])
    dataset.set_rating(1, 9, by="ada")
    assert dataset.get(1).ratings is None
    dataset.set_rating(1, 4, by="bob")
    assert (dataset.get(1).ratings, dataset.get(1).rating) == ({"ada": 9, "bob": 4}, 4)
    dataset.fold()
    dataset.set_rating(1, 7, by="cyd")
    assert dataset.get(1).rating == 7
    dataset.set_rating(1, 8, by="bob")
    assert dataset.get(1).ratings == {"ada": 9, "bob": 8, "cyd": 7}
    assert dataset.get(1).rating == 8
    dataset.set_rating(1, None, by="ada")
    assert (dataset.get(1).ratings, dataset.get(1).rating) == ({"cyd": 7, "bob": 8}, 7)
    told = dataset.ratings()
    assert told.to_dict("list") == {"id": [1, 1], "rater": ["cyd", "bob"], "rating": [7, 8]}
    dataset.rewrite(1, "new text")
    assert (dataset.get(1).ratings, dataset.get(1).rating) == (None, None)


def test_a_rating_that_nobody_here_gave_has_no_rater(project):
    project.dataset.add([{**conversation("a"), "rating": 3}, conversation("b"), conversation("c")])
    project.dataset.set_rating(2, 9, by="bob")
    told = project.dataset.ratings()
    assert told["id"].tolist() == [1, 2]
    assert told["rater"].isna().tolist() == [True, False]
    assert (told["rater"][1], told["rating"].tolist()) == ("bob", [3, 9])


def test_a_long_journal_is_folded_without_a_pause(project, monkeypatch):
    monkeypatch.setattr(upkeep, "LONG", 5)
    project.dataset.add([conversation("a")])
    for rating in (1, 2, 3):
        project.dataset.set_rating(1, rating)
    assert b'"rating":null' in project.dataset.path.read_bytes()
    project.dataset.set_rating(1, 4)
    assert b'"rating":4' in project.dataset.path.read_bytes()
    assert [edit.kind for edit in project.dataset.history(1)] == ["add", *["rate"] * 4]
