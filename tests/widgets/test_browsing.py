"""The table of examples over a real project, by the messages that the browser sends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import aitelier_nb as ait
from aitelier_nb.verbs import browsing


@pytest.fixture
def project(tmp_path: Path) -> Any:
    made = ait.init("shop", path=tmp_path / "shop")
    made.dataset.add(
        [
            {
                "messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}],
                "rating": rating,
                "flagged": q == "c",
            }
            for q, a, rating in [("b", "zz", 9), ("a", "y", 3), ("c", "x  1", None), ("d", "w", 8)]
        ]
    )
    yield made
    made.close()


@pytest.fixture
def wire(project: Any, line: Any) -> Any:
    return line(browsing.table(project, {}, lambda: ("4 examples\nall of them", "<b>4 examples</b>")))


def found(wire: Any, **query: Any) -> list[int]:
    return [row["id"] for row in wire.says(kind="fetch", seq=1, query=query, start=0, n=9)["rows"]]


def test_the_first_page_is_in_the_order_of_the_file(wire) -> None:
    hello = wire.says(kind="hello")
    assert hello["total"] == 4
    assert [row["input"] for row in hello["rows"]] == ["b", "a", "c", "d"]
    assert hello["rows"][2]["output"] == "x 1"
    assert hello["settings"] == {"threshold": 8, "splits": False}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"sort": "id", "descending": True}, [4, 3, 2, 1]),
        ({"sort": "input"}, [2, 1, 3, 4]),
        ({"sort": "output", "descending": True}, [1, 2, 3, 4]),
        ({"sort": "rating"}, [2, 4, 1, 3]),
        ({"sort": "n_chars", "descending": True}, [3, 1, 2, 4]),
        ({"rated": "yes"}, [1, 2, 4]),
        ({"rated": "no"}, [3]),
        ({"rated": "low"}, [2]),
        ({"rated": "high", "sort": "rating"}, [4, 1]),
        ({"rated": "flagged"}, [3]),
        ({"split": "none"}, [1, 2, 3, 4]),
        ({"split": "val"}, []),
        ({"text": " ZZ "}, [1]),
        ({"text": "  "}, [1, 2, 3, 4]),
    ],
)
def test_what_is_chosen_in_the_head_is_what_is_found(wire, query, ids) -> None:
    assert found(wire, **query) == ids


def test_a_search_is_remembered_while_one_scrolls_and_made_anew_from_the_top(project) -> None:
    pages = browsing.Pages(project, {})
    for text in [*"abcdwxyz", "zz"]:
        assert pages.page({"text": text}, 0, 1)["total"] == 1
    assert len(pages._found) == browsing.QUERIES
    query = {"rated": "high"}
    assert pages.page(query, 0, 1)["total"] == 2
    project.dataset.set_rating(2, 10)
    assert pages.page(query, 1, 1)["total"] == 2
    assert pages.page(query, 0, 1)["total"] == 3


def test_every_decision_is_on_disk_when_it_is_answered(project, wire) -> None:
    def decide(seq: int, **edit: Any) -> dict[str, Any]:
        answer = wire.says(seq=seq, id=1, version=project.dataset.get(1).version, before=None, **edit)
        assert answer["ok"], answer
        return answer

    decide(1, kind="rate", value=2)
    assert project.dataset.get(1).rating == 2
    assert decide(2, kind="rewrite", text="new", value=None)["example"]["originalOutput"] == "zz"
    assert project.dataset.get(1).rating is None
    decide(3, kind="undo", of=None)
    assert project.dataset.get(1).output == "zz"
    opened = wire.says(kind="fetch", seq=4, id=1)
    assert [edit["kind"] for edit in opened["history"]][-3:] == ["rate", "rewrite", "undo"]
    decide(5, kind="delete")
    assert found(wire) == [2, 3, 4]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"kind": "explode", "id": 1}, "'explode'"),
        ({"kind": "rate", "id": 1, "value": 11}, "11"),
        ({"kind": "rewrite", "id": 1, "text": "  ", "value": None}, "the answer is empty"),
        ({"kind": "split", "id": 1, "value": "test"}, "a split is train or val, not 'test'"),
        ({"kind": "fetch", "query": "all", "start": 0, "n": 9}, "a query is a dict, not 'all'"),
        ({"kind": "fetch", "query": {"sort": "shoes"}, "start": 0, "n": 9}, "no column 'shoes'"),
        ({"kind": "fetch", "query": {"split": "test"}, "start": 0, "n": 9}, "no split 'test'"),
        ({"kind": "fetch", "query": {}, "start": -1, "n": 9}, "-1"),
        ({"kind": "fetch", "id": 99}, "99"),
    ],
)
def test_a_message_that_makes_no_sense_is_told_and_changes_nothing(project, wire, message, told) -> None:
    before = [example.to_json() for example in project.dataset.examples()]
    sent = len(wire.sent)
    wire.says(seq=1, **message)
    assert all(told in answer["error"] for answer in wire.sent[sent:] if "error" in answer)
    assert not any(answer.get("ok") for answer in wire.sent[sent:])
    assert [example.to_json() for example in project.dataset.examples()] == before


def test_what_stays_without_a_kernel_is_what_was_asked_for(wire) -> None:
    assert wire.widget.lines() == ["4 examples"]
    assert list(wire.widget.static().lines) == ["4 examples", "all of them"]
