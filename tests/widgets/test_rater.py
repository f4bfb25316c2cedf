"""The rater's Python side, by the messages that the browser sends."""

from __future__ import annotations

from typing import Any

import pytest

from aitelier_nb.errors import DataError
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
        "counts": {"rated": 31, "examples": 60},
    }


def test_a_decision_that_is_sent_twice_is_carried_out_once_and_acknowledged_twice(rater, given, line) -> None:
    wire = line(rater)
    first = wire.says(seq=1, id=31, kind="rate", value=8)
    assert wire.says(seq=1, id=31, kind="rate", value=8) == first
    assert len(given) == 1


def test_a_view_is_told_where_to_begin_and_gets_the_first_page(rater, line) -> None:
    hello = line(rater).says(kind="hello")
    assert (hello["total"], hello["start"], hello["first"]) == (60, 30, 28)
    assert [row["id"] for row in hello["examples"]] == list(range(29, 54))
    assert hello["settings"] == {"store": "shop", "threshold": 8, "guideline": "8: send it"}


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
