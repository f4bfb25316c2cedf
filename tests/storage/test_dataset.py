"""Examples are added, edited and read; lines that were not edited keep every byte."""

from __future__ import annotations

import json

import pytest

from aitelier_nb.errors import ConflictError, DataError, SplitError
from aitelier_nb.storage.project import open_project

NAMES = ["ts-a2-rated", "ts-a4-split", "ts-a8-evaluated"]


def conversation(text, answer="fine"):
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]}


def lines(project):
    return project.dataset.path.read_bytes().split(b"\n")


@pytest.mark.parametrize("name", NAMES)
def test_reading_a_project_of_the_ait_tool_changes_no_file(copied, name):
    folder = copied(name)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with open_project(folder) as project:
        assert not project.dataset.problems()
        assert [example.id for example in project.dataset.examples()] == project.dataset.ids()
        project.dataset.frame(text=True)
    ours = (folder / ".aitelier", folder / "data" / "parquet")
    after = {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not any(path.is_relative_to(own) for own in ours)
    }
    assert after == before


@pytest.mark.parametrize("name", NAMES)
def test_only_the_edited_line_changes(copied, name):
    with open_project(copied(name)) as project:
        before = lines(project)
        project.dataset.set_rating(2, 4)
        project.dataset.fold()
        after = lines(project)
    assert [n for n, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]] == [1]
    old, new = json.loads(before[1]), json.loads(after[1])
    assert new == {**old, "rating": 4}
    assert list(new) == list(old)
    assert after[1] == json.dumps(new, ensure_ascii=False, separators=(",", ":")).encode()


def test_an_edited_line_keeps_unknown_keys_spacing_inside_values_and_big_numbers(project):
    line = '{"id": 7 , "x": {"b" : 1e5, "a":12345678901234567890}, "messages": [ {"role":"user","content":"\\u00e9\u2028"} ], "rating":null, "y":"z"}'
    project.dataset.path.write_text(line + "\n", encoding="utf-8")
    project.dataset.set_rating(7, 9)
    project.dataset.fold()
    assert project.dataset.path.read_text("utf-8") == (
        '{"id":7,"x":{"b" : 1e5, "a":12345678901234567890},"messages":[ {"role":"user","content":"\\u00e9\u2028"} ],"rating":9,"y":"z"}\n'
    )


def test_a_new_line_is_as_the_ait_tool_writes_it(project):
    [added] = project.dataset.add([{**conversation("é\u2028"), "rating": 9, "source": "mail", "split": None}])
    line = lines(project)[0].decode()
    stamp = json.loads(line)["createdAt"]
    assert added == (1, False)
    assert (
        line
        == '{"id":1,"messages":[{"role":"user","content":"é\u2028"},{"role":"assistant","content":"fine"}],"rating":9,"createdAt":"'
        + stamp
        + '","version":1,"source":"mail"}'
    )


def test_content_that_is_there_keeps_its_id_even_when_it_was_rewritten(project):
    dataset = project.dataset
    assert dataset.add([conversation("a"), conversation("b"), conversation("a")]) == [
        (1, False),
        (2, False),
        (1, True),
    ]
    dataset.rewrite(1, "better")
    assert dataset.add([conversation("a"), conversation("c")]) == [(1, True), (3, False)]
    dataset.fold()
    assert dataset.add([conversation("a"), conversation("a", "better")]) == [(1, True), (1, True)]


def test_a_bad_row_adds_none(project):
    with pytest.raises(DataError, match="row 2: a rating of 11") as caught:
        project.dataset.add([conversation("a"), {**conversation("b"), "rating": 11}])
    assert caught.value.hint
    with pytest.raises(DataError, match=r"messages\[0\].role is \"bot\""):
        project.dataset.add([{"messages": [{"role": "bot", "content": "x"}]}])
    assert lines(project) == [b""]


def test_a_line_is_never_glued_to_one_without_line_end(copied):
    with open_project(copied("ts-a2-rated")) as project:
        path = project.dataset.path
        path.write_bytes(path.read_bytes().rstrip(b"\n"))
        before = len(project.dataset)
        project.dataset.add([conversation("new")])
        assert len(project.dataset) == before + 1
        assert not project.dataset.problems()


@pytest.mark.parametrize("rating", [11, 0, -1, "good", 8.5, True, [9]])
def test_what_is_no_rating_is_refused_with_a_remedy(copied, rating):
    with open_project(copied("ts-a2-rated")) as project:
        with pytest.raises(DataError, match="is not a whole number from 1 to 10") as caught:
            project.dataset.set_rating(1, rating)
        assert "1 to 10" in caught.value.hint


def test_an_unknown_id_is_named(project):
    with pytest.raises(DataError, match="there is no example 7"):
        project.dataset.get(7)
    with pytest.raises(DataError, match="there is no example 7"):
        project.dataset.set_rating(7, 1)


def test_the_same_rating_again_is_no_edit(project):
    project.dataset.add([conversation("a")])
    assert project.dataset.set_rating(1, 9) is not None
    assert project.dataset.set_rating(1, 9) is None


def test_a_message_that_is_sent_again_counts_once(project):
    project.dataset.add([conversation("a")])
    assert project.dataset.set_rating(1, 9, key=("s", 1)) is not None
    project.dataset.set_rating(1, 3, key=("s", 2))
    assert project.dataset.set_rating(1, 9, key=("s", 1)) is None
    project.close()
    assert open_project(project.path).dataset.set_rating(1, 9, key=("s", 1)) is None
    assert project.dataset.get(1).rating == 3


def test_an_edit_of_what_has_moved_on_is_refused(project):
    project.dataset.add([conversation("a")])
    project.dataset.rewrite(1, "b")
    with pytest.raises(ConflictError):
        project.dataset.set_rating(1, 9, expected=1)
    assert project.dataset.set_rating(1, 9, expected=2) is not None


def test_a_rewrite_edits_the_last_answer_and_keeps_the_first_text(project):
    turns = [
        {"role": "user", "content": "1"},
        {"role": "assistant", "content": "one"},
        {"role": "user", "content": "2"},
        {"role": "assistant", "content": "two", "name": "bot"},
    ]
    project.dataset.add([{"messages": turns, "rating": 3}])
    project.dataset.rewrite(1, "zwei")
    project.dataset.rewrite(1, "deux", 9)
    example = project.dataset.get(1)
    assert [turn.text for turn in example.messages] == ["1", "one", "2", "deux"]
    assert example.messages[3].name == "bot"
    assert (example.rating, example.version, example.original_output) == (9, 3, "two")
    former = [
        edit.before["messages"][3]["content"] for edit in project.dataset.history(1) if edit.kind == "rewrite"
    ]
    assert former == ["two", "zwei"]


def test_a_rewrite_without_a_rating_takes_the_rating_back(project):
    project.dataset.add([{**conversation("a"), "rating": 4}])
    project.dataset.rewrite(1, "better")
    assert project.dataset.get(1).rating is None


def test_an_empty_first_answer_is_kept_as_the_original(project):
    project.dataset.add([conversation("a", "")])
    project.dataset.rewrite(1, "b")
    project.dataset.rewrite(1, "c")
    assert project.dataset.get(1).original_output == ""


def test_annotations_are_set_and_taken_away(project):
    project.dataset.add([conversation("a")])
    project.dataset.annotate(1, tags=["x", "y"], note="hm", flagged=True)
    example = project.dataset.get(1)
    assert (example.tags, example.note, example.flagged) == (["x", "y"], "hm", True)
    project.dataset.annotate(1, tags=[], note="", flagged=False)
    project.dataset.fold()
    assert set(json.loads(lines(project)[0])) == {"id", "messages", "rating", "createdAt", "version"}


def test_undo_goes_back_step_by_step_to_the_very_bytes(copied):
    with open_project(copied("ts-a8-evaluated")) as project:
        before = lines(project)
        dataset = project.dataset
        dataset.set_rating(1, 2)
        dataset.rewrite(2, "x")
        dataset.fold()
        dataset.annotate(3, note="n")
        dataset.set_splits({4: None, 5: "train"}, reshuffle=True)
        dataset.delete(6)
        undone = [dataset.undo().id for _ in range(5)]
        assert undone == [6, 4, 3, 2, 1]
        assert dataset.undo() is None
        dataset.fold()
        assert sorted(lines(project)) == sorted(before)
        assert [edit.kind for edit in dataset.history(1)] == ["rate", "undo"]


def test_undo_reverts_only_ones_own_edits(project):
    project.dataset.add([conversation("a"), conversation("b")], by="ada")
    project.dataset.set_rating(1, 5, by="ada")
    project.dataset.annotate(1, note="x", by="bob")
    assert project.dataset.undo(by="ada").id == 1
    assert project.dataset.get(1).rating is None
    assert project.dataset.get(1).note == "x"


def test_undo_of_what_somebody_else_changed_since_is_refused(project):
    project.dataset.add([conversation("a")], by="ada")
    project.dataset.annotate(1, note="mine", by="ada")
    project.dataset.annotate(1, note="theirs", by="bob")
    with pytest.raises(ConflictError):
        project.dataset.undo(by="ada")
    assert project.dataset.get(1).note == "theirs"


def test_undo_of_adding_takes_the_examples_out_again(project):
    project.dataset.add([conversation("a"), conversation("b")])
    project.dataset.undo()
    assert len(project.dataset) == 0
    assert project.dataset.add([conversation("c")]) == [(3, False)]


def test_an_id_is_never_given_twice(project):
    project.dataset.add([conversation("a"), conversation("b")])
    project.dataset.delete(2)
    project.close()
    again = open_project(project.path)
    assert again.dataset.add([conversation("c")]) == [(3, False)]
    again.close()


def test_deleted_validation_stays_known(copied):
    with open_project(copied("ts-a4-split")) as project:
        held = next(example for example in project.dataset.examples() if example.split == "val")
        project.dataset.delete(held.id)
        assert project.dataset.deleted_validation() == [held]
        project.dataset.fold()
        assert open_project(project.path).dataset.deleted_validation() == [held]
        project.dataset.undo()
        assert project.dataset.deleted_validation() == []


def test_a_question_that_validation_asked_once_stays_known(project):
    dataset = project.dataset
    dataset.add([conversation(str(n)) for n in range(4)])

    def ask(example, question):
        turns = dataset.get(example).to_json()["messages"]
        asked = [{**turn, "content": question} if turn["role"] == "user" else turn for turn in turns]
        dataset.set_messages(example, asked)

    def former():
        return [(one.id, one.input) for one in dataset.former_validation()]

    first = dataset.get(1).input
    ask(1, "before the split")
    ask(3, "of train")
    dataset.set_splits({1: "val", 2: "val", 3: "train"})
    dataset.rewrite(1, "another answer")
    assert former() == []
    ask(1, "second")
    ask(1, "third")
    ask(3, "of train, too")
    for _ in range(2):
        assert sorted(former()) == [(1, "before the split"), (1, "second")]
        dataset.fold()
    ask(1, first)
    dataset.delete(1)
    assert [name for name, _ in former()] == [1] * 4
    assert {question for _, question in former()} == {first, "before the split", "second", "third"}
    dataset.undo()
    dataset.fold()
    assert {question for _, question in former()} == {"before the split", "second", "third"}


def test_many_splits_are_one_event(project):
    project.dataset.add([conversation(str(n)) for n in range(5)])
    event = project.dataset.set_splits({1: "train", 2: "val", 3: "train"})
    told = [json.loads(line) for line in project.dataset.history_path.read_bytes().splitlines()]
    assert [(line["id"], line["after"]) for line in told if line["event"] == event] == [
        (1, {"split": "train"}),
        (2, {"split": "val"}),
        (3, {"split": "train"}),
    ]
    assert project.dataset.set_splits({1: "train"}) is None


def test_a_split_adds_its_key_at_the_end_of_a_line_and_leaves_every_other_byte(project):
    spaced = b'{ "id": 1, "messages": [{"role": "user", "content": "\\u0061"}],\t"x": 1.0 }'
    empty = b'{"id":2,"messages":[{"role":"user","content":"split"}],"split":null,"createdAt":"then"}'
    lines = [spaced, empty, *(spaced.replace(b"1,", b"%d," % n, 1) for n in (3, 4, 5))]
    project.dataset.path.write_bytes(b"\n\n".join(lines))
    project.dataset.annotate(4, note="seen")  # waits in the journal
    assert project.dataset.set_splits({5: "train", 2: "val", 1: "train", 4: "val"}) is not None
    with open_project(project.path) as again:
        told = {n: again.dataset.history(n)[-1] for n in (1, 2, 4, 5)}
        assert [example.split for example in again.dataset.examples()] == [
            "train",
            "val",
            None,
            "val",
            "train",
        ]
    assert project.dataset.path.read_bytes().split(b"\n\n") == [
        spaced[:-1] + b',"split":"train"}',
        empty.replace(b"null", b'"val"'),
        lines[2],
        lines[3][:-1] + b',"note":"seen","split":"val"}',
        lines[4][:-1] + b',"split":"train"}',
    ]
    assert [(one.before, one.after) for one in told.values()] == [
        ({}, {"split": "train"}),
        ({"split": None}, {"split": "val"}),
        ({}, {"split": "val"}),
        ({}, {"split": "train"}),
    ]
    assert told[2].created_at == "then"


def test_nothing_but_a_reshuffle_takes_an_example_out_of_validation(project):
    dataset = project.dataset
    dataset.add([conversation(str(n)) for n in range(3)])
    dataset.set_splits({1: "train", 2: "val"})
    for side in (None, "train"):
        with pytest.raises(SplitError, match="example 2 is in validation"):
            dataset.set_splits({1: None, 2: side})
    with pytest.raises(SplitError, match="open validation"):
        dataset.undo()
    frame = dataset.frame()
    frame["split"] = ["train", "val", "val"]
    dataset.update(frame)
    with pytest.raises(SplitError, match="open validation"):
        dataset.undo()
    assert [example.split for example in dataset.examples()] == ["train", "val", "val"]
    dataset.set_splits({1: "val", 2: "train", 3: None}, reshuffle=True)
    assert [example.split for example in dataset.examples()] == ["val", "train", None]


def test_a_system_prompt_is_given_to_all_as_one_event(project):
    project.dataset.add(
        [
            conversation("a"),
            {"messages": [{"role": "system", "content": "old"}, *conversation("b")["messages"]]},
        ]
    )
    assert project.dataset.set_system("new") == 2
    assert [example.system for example in project.dataset.examples()] == ["new", "new"]
    assert project.dataset.set_system("new") == 0
    assert project.dataset.set_system(None, ids=[2]) == 1
    assert project.dataset.get(2).system is None


def test_a_frame_is_arrow_backed_and_a_copy(copied):
    with open_project(copied("ts-a8-evaluated")) as project:
        frame = project.dataset.frame(text=True)
        assert str(frame["rating"].dtype) == "int8[pyarrow]"
        assert frame["id"].tolist() == project.dataset.ids()
        example = project.dataset.get(3)
        row = frame.set_index("id").loc[3]
        assert (row["input"], row["output"]) == (example.input, example.output)
        frame["rating"] = 1
        assert project.dataset.get(3).rating == 10


def test_a_page_is_read_in_the_order_of_the_file(copied):
    with open_project(copied("ts-a8-evaluated")) as project:
        ids = project.dataset.ids()
        project.dataset.set_rating(ids[4], 1)
        page = project.dataset.page(3, 4)
        assert [example.id for example in page] == ids[3:7]
        assert page[1].rating == 1


def test_the_fingerprint_changes_with_the_data(project):
    empty = project.dataset.fingerprint()
    project.dataset.add([conversation("a")])
    one = project.dataset.fingerprint()
    project.dataset.set_rating(1, 9)
    waiting = project.dataset.fingerprint()
    project.dataset.fold()
    assert len({empty, one, waiting}) == 3
    assert project.dataset.fingerprint() == waiting
