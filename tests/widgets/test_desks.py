"""What the verbs hand to the widgets of a real project: cards, tables, the picture of the split."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import aitelier_nb as ait
from aitelier_nb.verbs.browsing import Pages, picked
from aitelier_nb.verbs.insights import Insights
from aitelier_nb.verbs.partition import picture


@pytest.fixture
def project(tmp_path: Path) -> Any:
    made = ait.init("shop", path=tmp_path / "shop", provider="openai", model="gpt-4.1-mini-2025-04-14")
    words = ["first", "second", "third", "second", "fifth"]
    asked = [f"Where is the {word} parcel{'!' * n}" for n, word in enumerate(words)]
    made.dataset.add(
        [
            {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": "On its way."}]}
            for q in asked
        ]
        + [{"messages": [{"role": "user", "content": "No answer yet?"}]}]
    )
    yield made
    made.close()


def rated(project: Any, *ratings: int) -> None:
    for name, rating in enumerate(ratings, 1):
        project.dataset.set_rating(name, rating)
    project.dataset.fold()


def test_a_card_tells_tokens_faults_and_duplicates(project, line) -> None:
    cards = line(ait.rate(project=project)).says(kind="hello")["examples"]
    assert cards[1]["findings"] == ["asks the same as example 4"]
    assert cards[3]["findings"] == ["asks the same as example 2"]
    assert cards[0]["findings"] == []
    assert len(cards[5]["findings"]) == 1
    assert "assistant" in cards[5]["findings"][0]
    assert all(card["n_tokens"] > 5 for card in cards)


def test_views_are_told_when_duplicates_are_found_after_their_page_went_out(project, monkeypatch) -> None:
    told = threading.Event()
    insights = Insights(project)
    insights.onknown = told.set
    monkeypatch.setattr("aitelier_nb.verbs.insights.SOON", -1.0)
    insights.of([project.dataset.get(1)])
    assert told.wait(20)
    assert insights.of([project.dataset.get(2)])[0]["findings"] == ["asks the same as example 4"]


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"rated": True}, [1, 2, 3]),
        ({"rated": False}, [4, 5, 6]),
        ({"below": 8}, [2]),
        ({"at_least": 8}, [1, 3]),
        ({"query": "SECOND"}, [2, 4]),
        ({"split": "none", "at_least": 9}, [3]),
        ({"split": "train"}, []),
    ],
)
def test_filters_find_the_same_in_lists_tables_and_the_rater(project, line, filters, names) -> None:
    rated(project, 8, 3, 9)
    assert picked(project, **filters) == names
    assert [example.id for example in ait.examples(**filters, project=project)] == names
    if names:
        rater = ait.rate(order="file", **filters, project=project)
        rows = line(rater).says(kind="fetch", start=0, n=6)["examples"]
        assert [row["id"] for row in rows] == names


def test_orders_of_rating(project, line) -> None:
    rated(project, 8, 3, 9)

    def order(name: str, **more: Any) -> list[int]:
        rater = ait.rate(order=name, project=project, **more)
        rows = line(rater).says(kind="fetch", start=0, n=6)["examples"]
        return [row["id"] for row in rows]

    assert order("file") == [1, 2, 3, 4, 5, 6]
    assert order("lowest")[-3:] == [2, 1, 3]
    assert order("longest")[-1] == 6
    assert order("random", seed=1) == order("random", seed=1) != order("random", seed=2)
    project.dataset.set_rating(1, 2, by="other")
    assert order("disagreement")[0] == 1


def test_a_table_sorts_on_disk_and_puts_what_has_no_value_last(project) -> None:
    rated(project, 8, 3, 9)
    pages = Pages(project, {})
    for descending, first in ((False, [2, 1, 3]), (True, [3, 1, 2])):
        found = pages.page({"sort": "rating", "descending": descending}, 0, 6)
        assert [row["id"] for row in found["rows"]] == [*first, 4, 5, 6]
        assert found["total"] == 6


def test_a_preview_of_the_split_writes_nothing_and_what_is_confirmed_is_what_was_shown(project, line) -> None:
    rated(project, 8, 9, 9, 8, 10)
    before = {path: path.read_bytes() for path in project.path.rglob("*.json*")}
    assert "would be locked" in ait.split(dry_run=True, seed=3, project=project).headline()
    calls = []
    view = line(
        picture(
            project,
            lambda ratio: ait.split(ratio, 3, dry_run=True, project=project).assignment,
            lambda ratio: calls.append(ait.split(ratio, 3, project=project)),
            lambda: ("", ""),
            preview=True,
        )
    )
    hello = view.says(kind="hello")
    assert hello["settings"] == {"preview": True}
    assert (hello["state"]["train"], hello["state"]["val"], hello["state"]["changes"]) == (0, 0, False)
    tried = {ratio: view.says(kind="fetch", ratio=ratio)["state"] for ratio in (0.6, 0.8)}
    assert [(one["train"], one["val"], one["changes"]) for one in tried.values()] == [
        (3, 2, True),
        (4, 1, True),
    ]
    assert {path: path.read_bytes() for path in before} == before
    assert calls == []
    done = view.says(kind="split", ratio=0.6, seq=1)["state"]
    assert (done["train"], done["val"], done["changes"]) == (3, 2, False)
    assert "2 validation examples are locked" in done["notes"][0]
    assert view.says(kind="fetch", ratio=0.8)["state"]["changes"] is False
    assert sum(one["train"] + one["val"] + one["unassigned"] for one in done["strata"]) == 6


def test_an_impossible_ratio_is_told_with_its_remedy(project, line) -> None:
    tried = lambda ratio: ait.split(ratio, 0, dry_run=True, project=project).assignment  # noqa: E731
    view = line(picture(project, tried, lambda ratio: None, lambda: ("", "")))
    assert "0 and 1" in view.says(kind="fetch", ratio=1.5)["error"]
    assert "split needs at least 2" in view.says(kind="fetch", ratio=0.8)["error"]


def test_only_the_first_page_waits_for_the_search_and_the_search_waits_for_keys(project, monkeypatch) -> None:
    monkeypatch.setattr("aitelier_nb.verbs.insights.BREATH", 1)
    insights, waits = Insights(project), []
    monkeypatch.setattr(insights._known, "wait", waits.append)
    monkeypatch.setattr("aitelier_nb.verbs.insights.SOON", -1.0)
    monkeypatch.setattr("aitelier_nb.verbs.insights.QUIET", 60)
    for name in (1, 2, 3):
        insights.of([project.dataset.get(name)])
    assert len(waits) == 1
    assert not insights._known.is_set()
    assert insights._search is not None
    assert insights._search.is_alive()
