"""Two people's work on one dataset becomes one; what they disagree on becomes a question."""

from __future__ import annotations

import json
import subprocess

import pytest

from aitelier_nb.storage import merging
from aitelier_nb.storage.git import is_in_repository, merging_is_set_up, set_up_merging
from aitelier_nb.storage.project import open_project


def conversation(text, answer="fine"):
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]}


def line(number, created="2026-01-01T00:00:00.000Z", **keys):
    example = {"id": number, **conversation(f"q{number}"), "rating": None, "createdAt": created, "version": 1}
    return json.dumps({**example, **keys}, separators=(",", ":")).encode()


def file(*lines):
    return b"".join(each + b"\n" for each in lines)


def examples(merged):
    return [json.loads(each) for each in merged.data.splitlines()]


def test_ratings_of_different_examples_merge_without_a_question():
    base = file(line(1), line(2), line(3))
    merged = merging.merge(
        base, file(line(1, rating=9), line(2), line(3)), file(line(1), line(2), line(3, rating=4))
    )
    assert merged.data == file(line(1, rating=9), line(2), line(3, rating=4))
    assert not merged.questions


def test_different_keys_of_one_example_are_put_together():
    ours, theirs = line(1, rating=9), line(1, note="look", split="train")
    merged = merging.merge(file(line(1)), file(ours), file(theirs))
    assert examples(merged) == [json.loads(line(1, rating=9, note="look", split="train"))]
    assert not merged.questions


def test_two_ratings_of_one_example_are_one_question_and_this_sides_is_kept():
    merged = merging.merge(file(line(1)), file(line(1, rating=9)), file(line(1, rating=4)))
    assert merged.data == file(line(1, rating=9))
    [question] = merged.questions
    assert "example 1: rating is 9 here and 4 there" in question


def test_ratings_of_several_raters_are_put_together():
    base = file(line(1, rating=9, ratings={"ada": 9}))
    ours = file(line(1, rating=5, ratings={"ada": 9, "bob": 5}))
    theirs = file(line(1, rating=3, ratings={"ada": 9, "cyd": 3}))
    merged = merging.merge(base, ours, theirs)
    assert examples(merged)[0]["ratings"] == {"ada": 9, "bob": 5, "cyd": 3}
    assert examples(merged)[0]["rating"] == 5
    assert not merged.questions


def test_a_rewrite_here_and_a_rating_there_is_one_question():
    rewritten = line(1, **conversation("q1", "better"), version=2, originalOutput="fine", rating=None)
    merged = merging.merge(file(line(1, rating=3)), file(rewritten), file(line(1, rating=8)))
    assert len(merged.questions) == 1
    assert examples(merged)[0]["messages"][1]["content"] == "better"


def test_two_rewrites_of_one_answer_are_one_question_that_shows_both():
    sides = [
        line(1, **conversation("q1", text), version=2, originalOutput="fine")
        for text in ("dry", "once a week")
    ]
    merged = merging.merge(file(line(1)), *map(file, sides))
    [question] = merged.questions
    assert question.startswith('example 1: turn 2 is "dry" here and "once a week" there.')
    assert examples(merged)[0]["messages"][1]["content"] == "dry"


def test_new_examples_of_both_sides_stay_and_the_later_one_is_renumbered():
    base = file(line(1))
    ours = file(line(1), line(2, "2026-01-03T00:00:00.000Z", note="ours"))
    theirs = file(
        line(1), line(2, "2026-01-02T00:00:00.000Z", note="theirs"), line(3, "2026-01-02T00:00:00.000Z")
    )
    merged = merging.merge(base, ours, theirs)
    assert [(each["id"], each.get("note")) for each in examples(merged)] == [
        (1, None),
        (4, "ours"),
        (2, "theirs"),
        (3, None),
    ]
    assert merged.renumbered == [(2, 4, "2026-01-03T00:00:00.000Z")]
    assert not merged.questions


def test_deleted_on_one_side_is_deleted_and_deleted_against_an_edit_is_asked():
    base = file(line(1), line(2), line(3))
    merged = merging.merge(base, file(line(2), line(3)), file(line(1), line(2, rating=7)))
    assert merged.data == file(line(2, rating=7))
    assert not merged.questions
    asked = merging.merge(file(line(1)), b"", file(line(1, rating=7)))
    assert asked.data == file(line(1, rating=7))
    assert len(asked.questions) == 1


@pytest.mark.parametrize(("here", "there"), [("train", "val"), ("val", "train")])
def test_what_one_side_holds_out_stays_in_validation_and_is_asked(here, there):
    merged = merging.merge(file(line(1)), file(line(1, split=here)), file(line(1, split=there)))

    assert examples(merged)[0]["split"] == "val"
    [question] = merged.questions
    assert question.startswith(f'example 1: split is "{here}" here and "{there}" there.')


def test_lines_that_cannot_be_read_and_line_ends_are_kept():
    base = b"not json\r\n" + line(1) + b"\r\n"
    theirs = b"not json\r\n" + line(1, rating=2) + b"\r\n{torn"
    merged = merging.merge(base, base, theirs)
    assert merged.data == b"not json\r\n" + line(1, rating=2) + b"\r\n{torn\r\n"


def test_the_history_of_a_renumbered_example_is_still_found(project):
    project.dataset.add([conversation("a")])
    project.dataset.set_rating(1, 5)
    project.dataset.fold()
    body = next(project.dataset.raw())
    created = json.loads(body)["createdAt"]
    other = line(1, "2020-01-01T00:00:00.000Z")
    merged = merging.merge(b"", body + b"\n", other + b"\n")
    assert merged.renumbered == [(1, 2, created)]
    project.dataset.path.write_bytes(merged.data)
    merging.record(project.path, merged.renumbered, "ada")
    assert [edit.kind for edit in project.dataset.history(2)] == ["add", "rate", "renumber"]
    project.dataset.fold()
    assert [edit.kind for edit in project.dataset.history(2)] == ["add", "rate", "renumber"]
    assert project.dataset.get(2).rating == 5
    assert not project.dataset.problems()


def git(folder, *words, fine=True):
    answer = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == 0 or not fine, answer.stdout + answer.stderr
    return answer


@pytest.fixture
def folder(project, monkeypatch):
    """Return the project's folder, a git repository in which commits have an author."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "ada")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "ada@example.org")
    git(project.path, "init", "-q", "-b", "main")
    return project.path


def test_git_merges_two_branches_by_the_driver(project, folder, tmp_path):
    assert not merging_is_set_up(folder)
    assert is_in_repository(folder / "data")
    assert not is_in_repository(tmp_path)
    set_up_merging(folder)
    assert merging_is_set_up(folder)
    project.dataset.add([conversation("a"), conversation("b")])
    project.dataset.fold()
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    git(folder, "checkout", "-qb", "other")
    work(folder, 1, 9, "ours")
    git(folder, "checkout", "-q", "main")
    work(folder, 2, 4, "theirs")
    git(folder, "merge", "-q", "other", "-m", "merge")
    with open_project(folder) as merged:
        assert [example.rating for example in merged.dataset.examples([1, 2])] == [9, 4]
        assert len(merged.dataset) == 4
        assert {
            edit.after["rating"] for n in (1, 2) for edit in merged.dataset.history(n) if edit.kind == "rate"
        } == {9, 4}


def work(folder, example, rating, text):
    with open_project(folder) as project:
        project.dataset.set_rating(example, rating)
        project.dataset.add([conversation(text)])
    git(folder, "commit", "-qam", text)


def test_two_people_who_rate_the_same_examples_in_clones_of_their_own_need_no_question(project, folder):
    set_up_merging(folder)
    project.dataset.add([conversation("a"), conversation("b"), conversation("c")], by="ada")
    project.dataset.fold()
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")
    git(folder, "branch", "other")
    for branch, rater, ratings in (("main", "ada", (9, 8, 4)), ("other", "ben", (9, 4))):
        git(folder, "checkout", "-q", branch)
        with open_project(folder) as own:
            for number, rating in enumerate(ratings, 1):
                own.dataset.set_rating(number, rating, by=rater)
            own.dataset.add([conversation(rater)], by=rater)
        git(folder, "commit", "-qam", rater)
    git(folder, "checkout", "-q", "main")
    git(folder, "merge", "-q", "other", "-m", "merge")
    with open_project(folder) as merged:
        found = list(merged.dataset.examples([1, 2, 3]))
        assert [each.ratings for each in found] == [{"ada": 9, "ben": 9}, {"ada": 8, "ben": 4}, {"ada": 4}]
        assert [each.rating for each in found] == [9, 4, 4]
        assert {edit.by for edit in merged.dataset.history(1) if edit.kind == "rate"} == {"ada", "ben"}
        fourth, fifth = (merged.dataset.history(number) for number in (4, 5))
        assert [(edit.by, edit.kind) for edit in fourth] == [("ada", "add")]
        assert (fifth[0].by, fifth[0].kind) == ("ben", "add")
        assert (fifth[-1].kind, len(fifth)) == ("renumber", 2)
