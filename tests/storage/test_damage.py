"""Files that other tools wrote, or broke: each line is read or named, and none is changed in silence."""

from __future__ import annotations

import json

import pytest

GOOD = '{"id":1,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}],"rating":null,"createdAt":"2026-01-15T10:30:00Z","version":1}'


def other(text):
    return GOOD.replace('"id":1', text)


BAD = {
    "not json": ("hello", "is not JSON"),
    "torn": (GOOD[:60], "ends in the middle"),
    "null": ("null", "is not an object"),
    "a list": ("[1]", "is not an object"),
    "rating 11": (other('"id":2').replace("null", "11"), "rating is 11"),
    "rating 8.5": (other('"id":2').replace("null", "8.5"), "rating is 8.5"),
    "rating as text": (other('"id":2').replace("null", '"9"'), 'rating is "9"'),
    "an id as text": (other('"id":"007"'), 'id is "007"'),
    "id 0": (other('"id":0'), "id is 0"),
    "no id": (other('"x":2'), 'has no "id"'),
    "a double id": (other('"id":1').replace('"b"', '"c"'), "has the id 1 of line 1"),
    "split test": (other('"id":2').replace('"version":1', '"version":1,"split":"test"'), 'split is "test"'),
    "a wrong role": (other('"id":2').replace('"user"', '"bot"'), 'messages[0].role is "bot"'),
    "a wrong role before a torn string": (other('"id":2').replace('"user"', '"userL,'), "is not JSON"),
    "no messages": ('{"id":2,"messages":[]}', "messages is []"),
    "NaN": (other('"id":2,"x":NaN'), "NaN"),
    "half a surrogate": (other('"id":2').replace('"a"', '"\\ud83d"'), "half of a surrogate pair"),
    "not utf-8": (other('"id":2,"x":"\udcff"'), "is not UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_named_and_the_others_are_used(project, name):
    text, told = BAD[name]
    last = other('"id":3')
    data = f"{GOOD}\n{text}\n{last}\n".encode(errors="surrogateescape")
    project.dataset.path.write_bytes(data)
    [problem] = project.dataset.problems()
    assert str(problem).startswith("data/examples.jsonl:2: ")
    assert told in problem.reason
    assert problem.remedy
    assert project.dataset.ids() == [1, 3]
    assert project.dataset.path.read_bytes() == data
    project.dataset.set_rating(3, 7)
    project.dataset.fold()
    assert project.dataset.path.read_bytes() == data.replace(
        last.encode(), last.replace("null", "7").encode()
    )


FINE = {
    "empty": b"",
    "blank lines": b"\n\n" + GOOD.encode() + b"\n \n\r\n",
    "crlf": GOOD.encode() + b"\r\n" + other('"id":2').encode() + b"\r\n",
    "no last newline": GOOD.encode() + b"\n" + other('"id":2').encode(),
    "byte order mark": b"\xef\xbb\xbf" + GOOD.encode() + b"\n",
    "spaces": b"  " + GOOD.replace(",", " , ").encode() + b"  \n",
    "unordered ids": other('"id":9').encode()
    + b"\n"
    + GOOD.encode()
    + b"\n"
    + other('"id":5').encode()
    + b"\n",
    "odd line separators": GOOD.replace('"a"', '"a\u2028\u2029\x85"').encode() + b"\n",
    "big numbers": GOOD.replace('"version":1', '"version":1,"x":12345678901234567890,"y":1e400').encode()
    + b"\n",
    "parts and tools": b'{"id":1,"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":null,"tool_calls":[{"id":"1"}]},{"role":"tool","content":"4","tool_call_id":"1"},{"role":"assistant","content":"b","weight":1}]}\n',
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_unusual_but_right_is_read_and_kept(project, name):
    data = FINE[name]
    project.dataset.path.write_bytes(data)
    assert not project.dataset.problems()
    ids = project.dataset.ids()
    assert [example.id for example in project.dataset.examples()] == ids
    assert project.dataset.frame(text=True)["id"].tolist() == ids
    for example in ids:
        project.dataset.annotate(example, note="x")
        project.dataset.fold()
        project.dataset.annotate(example, note="")
        project.dataset.fold()
    kept = project.dataset.path.read_bytes()
    if name != "spaces":
        assert kept == data
    assert (
        project.dataset.add([{"messages": [{"role": "user", "content": "new"}]}])[0].id == max([0, *ids]) + 1
    )
    assert len(project.dataset) == len(ids) + 1
    assert not project.dataset.problems()


def test_a_change_from_outside_under_a_waiting_edit_keeps_both(project):
    project.dataset.path.write_text(GOOD + "\n")
    project.dataset.set_rating(1, 9)
    project.dataset.path.write_text(GOOD.replace("null", "3") + "\n")
    [problem] = project.dataset.problems()
    assert "example 1 was changed outside" in problem.reason
    project.dataset.fold()
    assert project.dataset.get(1).rating == 9
    conflict = next(edit for edit in project.dataset.history(1) if edit.kind == "conflict")
    assert (conflict.before["rating"], conflict.after["rating"]) == (3, 9)
    assert not project.dataset.problems()


def test_a_change_from_outside_of_another_key_is_no_conflict(project):
    project.dataset.path.write_text(GOOD + "\n")
    project.dataset.set_rating(1, 9)
    project.dataset.path.write_text(GOOD.replace('"version":1', '"version":1,"note":"mine"') + "\n")
    assert not project.dataset.problems()
    assert (project.dataset.get(1).rating, project.dataset.get(1).note) == (9, "mine")


def test_an_edit_of_a_line_that_was_taken_out_outside_waits_in_the_history(project):
    project.dataset.path.write_text(GOOD + "\n" + other('"id":2') + "\n")
    project.dataset.set_rating(1, 9)
    project.dataset.path.write_text(other('"id":2') + "\n")
    assert "waits in its history" in project.dataset.problems()[0].reason
    project.dataset.fold()
    assert project.dataset.ids() == [2]
    assert [edit.after["rating"] for edit in project.dataset.history(1)] == [9, 9]


def test_forgetting_takes_an_example_out_of_every_file(project):
    secret = "my card number is four two four two"
    turns = [
        {"role": "user", "content": secret},
        {"role": "assistant", "content": "please never send such numbers"},
    ]
    dataset = project.dataset
    dataset.add([{"messages": turns}, {"messages": [{"role": "user", "content": "hi"}]}])
    dataset.rewrite(1, "a better answer that is long enough")
    dataset.mirror()
    created = dataset.get(1).created_at
    project.train_path.write_text(json.dumps({"messages": turns}) + "\n" + '{"messages":[]}\n')
    entry = {"id": 1, "createdAt": created, "text": "something"}
    (project.evals_path / "eval-x.json").write_text(json.dumps({"answers": [entry, {**entry, "id": 2}]}))
    project.recordings_path.mkdir()
    (project.recordings_path / "local.jsonl").write_text(
        json.dumps({"request": {"messages": turns}}) + "\n{}\n"
    )
    (project.path / "report.html").write_text(f"<p>{secret}</p>")
    told = dataset.forget(1)
    assert any("report.html still holds" in sentence for sentence in told)
    assert dataset.ids() == [2]
    holding = [
        path.name
        for path in project.path.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]
    assert holding == ["report.html"]
    assert [edit.kind for edit in dataset.history(1)] == ["add", "forget"]
    assert [
        each["id"] for each in json.loads((project.evals_path / "eval-x.json").read_text())["answers"]
    ] == [2]
    assert project.train_path.read_text() == '{"messages":[]}\n'
