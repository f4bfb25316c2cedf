"""The blind comparison's Python side."""

from __future__ import annotations

from typing import Any

import pytest

from aitelier_nb.widgets import Comparator

PAIR = {"id": 1, "messages": [{"role": "user", "content": "q"}], "left": "x", "right": "y"}


def test_what_identifies_a_side_never_leaves_the_kernel(line) -> None:
    secret = {**PAIR, "left_model": "tuned", "latency": 1.5, "order": "BA", "finish_reason": "length"}
    wire = line(Comparator(lambda start, n: [secret], lambda vote: {"winner": "tuned"}, total=1))
    wire.says(kind="hello")
    wire.says(kind="fetch", start=0, n=1)
    wire.says(seq=1, id=1, position=0, kind="vote", choice="left")
    assert "tuned" not in str(wire.sent)
    assert "latency" not in str(wire.sent)
    assert wire.sent[0]["examples"] == [PAIR]


@pytest.mark.parametrize("choice", ["left", "right", "tie", "bad"])
def test_a_vote_reaches_the_callback(line, choice) -> None:
    given: list[dict[str, Any]] = []
    ack = line(Comparator(lambda start, n: [PAIR], given.append, total=1)).says(
        seq=1, id=1, position=0, kind="vote", choice=choice, before=None
    )
    assert ack["ok"]
    assert ack["counts"] == {"voted": 1, "total": 1}
    assert given[0]["choice"] == choice


def test_a_vote_for_a_model_by_name_is_refused(line) -> None:
    wire = line(Comparator(lambda start, n: [PAIR], lambda vote: None, total=1))
    assert not wire.says(seq=1, id=1, position=0, kind="vote", choice="tuned")["ok"]


def test_the_text_of_the_widget_does_not_say_who_is_ahead() -> None:
    assert repr(Comparator(lambda start, n: [PAIR], lambda vote: None, total=9, voted=4)) == (
        "Blind comparison: 4 of 9 pairs voted"
    )
