"""The rater's Python side, by the messages that the browser sends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from aitelier_nb.errors import DataError, StorageError
from aitelier_nb.widgets import Rater


def example(number: int, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"q{number}"}, {"role": "assistant", "content": f"a{number}"}]
    return {"id": number, "version": 1, "rating": None, "messages": messages, **more}


def pages(total: int) -> Any:
    return lambda start, n: [example(place + 1) for place in range(start, min(total, start + n))]


@pytest.fixture
def given() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def rater(given: list[dict[str, Any]]) -> Rater:
    return Rater(pages(60), given.append, total=60, start=30, rated=30, guideline="8: send it", store="shop")


def test_a_rating_from_the_browser_reaches_the_callback_and_is_acknowledged(rater, given, line) -> None:
    ack = line(rater).says(seq=1, id=31, kind="rate", value=8, before=None)
    assert given == [{"session": "s", "seq": 1, "id": 31, "kind": "rate", "value": 8, "before": None}]
    assert ack == {
        "kind": "ack",
        "ok": True,
        "session": "s",
        "seq": 1,
        "counts": {"rated": 31, "examples": 60, "session": ack["counts"]["session"]},
    }


def test_a_decision_that_is_sent_twice_is_carried_out_once_and_acknowledged_twice(rater, given, line) -> None:
    wire = line(rater)
    first = wire.says(seq=1, id=31, kind="rate", value=8)
    assert wire.says(seq=1, id=31, kind="rate", value=8) == first
    assert len(given) == 1


def test_decisions_of_one_message_are_carried_out_in_order_and_answered_in_one(rater, given, line) -> None:
    wire = line(rater)
    wire.says(seq=1, id=31, kind="rate", value=8, before=None)
    edits = [
        {"session": session, "seq": seq, "id": name, "kind": kind, "value": value, "before": None}
        for session, seq, name, kind, value in [
            ("s", 1, 31, "rate", 8),
            ("former", 7, 30, "rate", 4),
            ("s", 2, 32, "rate", 11),
            ("s", 3, 33, "skip", None),
            ("s", 4, 34, "rate", 9),
        ]
    ]
    answer = wire.says(kind="decisions", edits=edits)
    assert [(edit["session"], edit["seq"]) for edit in given] == [("s", 1), ("former", 7), ("s", 4)]
    assert (answer["kind"], answer["counts"]["rated"]) == ("acks", 33)
    told = [(ack["session"], ack["seq"], ack["ok"]) for ack in answer["acks"]]
    assert told == [("s", 1, True), ("former", 7, True), ("s", 2, False), ("s", 3, True), ("s", 4, True)]
    assert "11" in answer["acks"][2]["error"]
    assert wire.says(kind="decisions", edits=edits)["acks"] == answer["acks"]
    assert len(given) == 3


def test_a_fault_in_one_of_several_decisions_is_told_and_the_others_are_saved(line) -> None:
    done: list[int] = []

    def edit(decision: dict[str, Any]) -> None:
        done.append(10 // (decision["id"] - 2))

    wire = line(Rater(pages(3), edit, total=3))
    edits = [{"session": "s", "seq": n, "id": n, "kind": "rate", "value": 8} for n in (1, 2, 3)]
    with pytest.raises(ZeroDivisionError):
        wire.says(kind="decisions", edits=edits)
    assert [ack["ok"] for ack in wire.sent[-1]["acks"]] == [True, False, True]
    assert done == [-10, 10]


def test_when_the_disk_refuses_several_decisions_none_is_called_saved_but_those_that_were(line) -> None:
    full = False

    @contextmanager
    def block() -> Iterator[None]:
        yield
        if full:
            raise StorageError("no space left", hint="free some")

    wire = line(Rater(pages(9), lambda edit: None, total=9, together=block))
    first, *rest = [
        {"session": "s", "seq": n, "id": n, "kind": "rate", "value": 8, "before": None} for n in (1, 2, 3)
    ]
    assert wire.says(**first)["counts"]["rated"] == 1
    full = True
    answer = wire.says(kind="decisions", edits=[first, *rest])
    assert [(ack["ok"], ack.get("hint")) for ack in answer["acks"]] == [
        (True, None),
        (False, "free some"),
        (False, "free some"),
    ]
    full = False
    after = wire.says(seq=4, id=4, kind="rate", value=8, before=None)["counts"]
    assert (after["rated"], after["session"]["rated"]) == (2, "2")


@pytest.mark.parametrize("edits", [None, [], [3], [{"kind": "rate", "id": 1, "value": 8}]])
def test_a_message_of_decisions_that_are_none_saves_nothing(rater, given, line, edits) -> None:
    answer = line(rater).says(kind="decisions", edits=edits)
    assert (answer["kind"], given) == ("acks", [])
    assert not any(ack["ok"] for ack in answer["acks"])


def test_the_answer_to_a_rating_carries_no_text_back_but_that_to_a_rewrite_does(line) -> None:
    wire = line(Rater(pages(2), lambda edit: {"example": example(edit["id"], rating=edit["value"])}, total=2))
    assert wire.says(seq=1, id=1, kind="rate", value=8)["example"] == {"id": 1, "version": 1, "rating": 8}
    assert "messages" in wire.says(seq=2, id=1, kind="rewrite", text="t", value=8)["example"]


def test_a_view_is_told_where_to_begin_and_gets_the_first_page(rater, line) -> None:
    hello = line(rater).says(kind="hello")
    assert (hello["total"], hello["start"], hello["first"]) == (60, 30, 28)
    assert [row["id"] for row in hello["examples"]] == list(range(29, 61))
    assert hello["settings"] == {"store": "shop", "threshold": 8, "guideline": "8: send it", "next": ""}


def test_a_page_comes_by_its_place(rater, line) -> None:
    page = line(rater).says(kind="fetch", start=50, n=25)
    assert (page["kind"], page["start"], [row["id"] for row in page["examples"]]) == (
        "page",
        50,
        list(range(51, 61)),
    )


@pytest.mark.parametrize("value", [0, 11, "8", 7.5, True, None])
def test_a_rating_that_is_no_rating_is_refused_with_its_value(rater, given, line, value) -> None:
    ack = line(rater).says(seq=1, id=31, kind="rate", value=value)
    assert not ack["ok"]
    assert repr(value) in ack["error"]
    assert given == []


def test_a_rewrite_needs_a_text_and_a_rating(rater, given, line) -> None:
    wire = line(rater)
    assert not wire.says(seq=1, id=31, kind="rewrite", text="  ", value=9)["ok"]
    assert not wire.says(seq=2, id=31, kind="rewrite", text="better")["ok"]
    assert wire.says(seq=3, id=31, kind="rewrite", text="better", value=9)["ok"]
    assert [edit["text"] for edit in given] == ["better"]


def test_a_refusal_by_the_dataset_reaches_the_browser_with_its_remedy(line) -> None:
    def refuse(edit: dict[str, Any]) -> None:
        raise DataError("example 1 moved on", hint="look again")

    ack = line(Rater(pages(1), refuse, total=1)).says(seq=1, id=1, kind="rate", value=8)
    assert (ack["ok"], ack["error"], ack["hint"]) == (False, "example 1 moved on", "look again")


def test_a_fault_in_the_callback_is_never_shown_as_saved(line) -> None:
    def fail(edit: dict[str, Any]) -> None:
        raise ZeroDivisionError("oh")

    wire = line(Rater(pages(1), fail, total=1))
    with pytest.raises(ZeroDivisionError):
        wire.says(seq=1, id=1, kind="rate", value=8)
    assert wire.sent[-1]["ok"] is False


def test_a_decision_without_a_number_is_refused(rater, given, line) -> None:
    assert not line(rater).says(id=31, kind="rate", value=8)["ok"]
    assert given == []


def test_heavy_pages_are_cut_but_never_empty(line) -> None:
    def page(start: int, n: int) -> list[dict[str, Any]]:
        return [example(place, note="x" * 600_000) for place in range(start + 1, start + n + 1)]

    wire = line(Rater(page, lambda edit: None, total=9))
    assert len(wire.says(kind="fetch", start=0, n=9)["examples"]) == 2


def test_no_text_of_an_example_is_in_the_state_that_a_notebook_saves(rater, line) -> None:
    line(rater).says(kind="hello")
    state = {key: value for key, value in rater.get_state().items() if key not in ("_esm", "_css")}
    assert "q31" not in str(state)
    assert "8: send it" not in str(state)


def test_the_text_of_a_widget_is_its_state_without_an_address(rater) -> None:
    assert repr(rater) == "Rater: 30 of 60 examples rated"
    assert repr(rater) == repr(Rater(pages(60), lambda edit: None, total=60, rated=30))


def test_a_deleted_example_keeps_its_place_so_that_no_key_lands_on_another_one(line) -> None:
    def page(start: int, n: int) -> list[dict[str, Any]]:
        there = [place for place in range(start, min(5, start + n)) if place != 2]
        return [example(place + 1, position=place) for place in there]

    hello = line(Rater(page, lambda edit: None, total=5)).says(kind="hello")
    assert [row["id"] for row in hello["examples"]] == [1, 2, None, 4, 5]


def test_the_number_of_rated_examples_stays_right_over_undo_and_rating_again(line) -> None:
    ratings: dict[int, int | None] = {1: None, 2: 5}

    def page(start: int, n: int) -> list[dict[str, Any]]:
        return [example(name, rating=ratings[name]) for name in (1, 2)][start : start + n]

    def edit(decision: dict[str, Any]) -> dict[str, Any]:
        ratings[decision["id"]] = decision.get("value")
        return {"example": example(decision["id"], rating=ratings[decision["id"]])}

    wire = line(Rater(page, edit, total=2, rated=1))
    wire.says(kind="hello")
    steps = [("rate", 1, 8), ("rate", 2, 9), ("rate", 1, 7), ("undo", 1, None), ("undo", 2, None)]
    counts = []
    for seq, (kind, name, value) in enumerate(steps):
        counts.append(wire.says(seq=seq, id=name, kind=kind, value=value, before=None)["counts"]["rated"])
    assert counts == [2, 2, 2, 1, 0]


@pytest.mark.parametrize("edit", [{"tags": "a,b"}, {"tags": [1]}, {"note": 3}, {"flagged": "yes"}])
def test_an_annotation_of_the_wrong_kind_is_refused(rater, given, line, edit) -> None:
    assert not line(rater).says(seq=1, id=1, kind="annotate", **edit)["ok"]
    assert given == []


def test_planted_repeats_look_unrated_and_measure_agreement_with_oneself(given, line) -> None:
    rater = Rater(
        lambda start, n: [example(place + 1, rating=7) for place in range(start, start + n)],
        given.append,
        total=100,
        repeats=0.1,
        seed=1,
    )
    wire = line(rater)
    assert wire.says(kind="hello")["total"] == 109
    rows = [
        row for start in range(0, 109, 25) for row in wire.says(kind="fetch", start=start, n=25)["examples"]
    ]
    repeats = [row for row in rows if row.get("repeat")]
    assert len(rows) == 109
    assert len(repeats) == 9
    assert all(row["rating"] is None for row in repeats)
    names = [row["id"] for row in rows]
    assert all(names.index(row["id"]) + 10 <= rows.index(row) for row in repeats)
    for seq, (row, value) in enumerate(zip(repeats, [7, 7, 8, 5, 7, 7, 7, 7, 7], strict=True)):
        ack = wire.says(seq=seq, id=row["id"], kind="rate", value=value, repeat=True)
    assert ack["counts"]["session"]["agreement with oneself"] == "7 of 9 the same, 8 of 9 within one"
    assert {edit["kind"] for edit in given} == {"repeat"}


def test_the_latest_session_stays_readable_when_the_notebook_runs_again(line) -> None:
    kept: list[dict[str, Any]] = []
    rater = Rater(pages(9), lambda edit: None, total=9, on_session=kept.append)
    wire = line(rater)
    wire.says(seq=1, id=1, kind="rate", value=8, before=None)
    wire.says(seq=2, id=2, kind="rewrite", text="t", value=9, before=None)
    wire.says(seq=3, id=3, kind="skip")
    wire.says(kind="settled")
    told = ["2 of 9 examples rated", "latest session: rated 2, rewritten 1, skipped 1, mean rating 8.50"]
    assert rater.lines() == told
    again = Rater(pages(9), lambda edit: None, total=9, rated=2, session=kept[-1])
    assert again.lines() == told
