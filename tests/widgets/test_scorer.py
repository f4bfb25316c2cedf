"""The scoring widget's Python side."""

from __future__ import annotations

from typing import Any

from aitelier_nb.widgets import Scorer

ROW = {"id": 1, "messages": [{"role": "user", "content": "q"}], "expected": "x", "actual": "y"}


def test_scores_notes_and_new_examples_reach_the_callback(line) -> None:
    given: list[dict[str, Any]] = []
    wire = line(Scorer(lambda start, n: [ROW], given.append, total=1))
    assert wire.says(seq=1, id=1, kind="score", value=10)["counts"] == {"scored": 1, "total": 1}
    assert wire.says(seq=2, id=1, kind="note", note="too long")["ok"]
    assert wire.says(seq=3, id=1, kind="example")["ok"]
    assert [edit["kind"] for edit in given] == ["score", "note", "example"]


def test_a_score_off_the_scale_is_refused(line) -> None:
    wire = line(Scorer(lambda start, n: [ROW], lambda edit: None, total=1))
    assert "11" in wire.says(seq=1, id=1, kind="score", value=11)["error"]
