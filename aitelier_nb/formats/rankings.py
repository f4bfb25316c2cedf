"""Rows with several answers to one question, of which people or models said which is the better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from aitelier_nb.formats.conversations import Refused

__all__ = ["JUDGES", "MANY", "as_pair", "is_ranking"]

Row = Mapping[str, Any]

BOTH = (
    ("response1", "response2"),
    ("response_a", "response_b"),
    ("conversation_a", "conversation_b"),
    ("human_ref_A", "human_ref_B"),
    ("answer_0", "answer_1"),
    ("response_0", "response_1"),
)
MANY = ("answers", "completions", "responses", "candidates", "generations")
TEXTS = ("answer", "response", "text", "content", "output", "completion")
SCORES = ("fine-grained_score", "overall_score", "score", "rating")
FIRST = ("model_a", "a", "response_a", "model_1")
SECOND = ("model_b", "b", "response_b", "model_2")
TAKEN = "of several ranked answers the best and the worst were taken"


def is_ranking(row: Row) -> bool:
    """Return whether a row holds several answers and what was thought of them."""
    if any(one in row and other in row for one, other in BOTH):
        return any(judge(row) is not None or name in row for name, judge in JUDGES.items())
    return _ranked(row) is not None


def as_pair(row: Row, told: Counter[str]) -> dict[str, Any]:
    """Return the row with its better and its worse answer as chosen and rejected.

    Raises
    ------
    Refused
        No answer is better than the others.
    """
    name = _ranked(row)
    if name is not None:
        best, worst = _ends(row[name])
        if len(row[name]) > 2:  # noqa: PLR2004 - a pair has two
            told[TAKEN] += 1
        return {"prompt": _asked(row), **_beside(row), "chosen": best, "rejected": worst}
    sides = next((one, other) for one, other in BOTH if one in row and other in row)
    lead = next((found for judge in JUDGES.values() if (found := judge(row)) is not None), 0)
    if not lead:
        raise Refused("neither answer is the better one", "leave the row out, or say which is")
    better, worse = sides if lead > 0 else sides[::-1]
    asked = _asked(row)
    return {
        **({} if asked is None else {"prompt": asked}),
        **_beside(row),
        "chosen": row[better],
        "rejected": row[worse],
    }


def _beside(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in ("system", "system_prompt", "tools", "group", "split") if name in row}


def _asked(row: Row) -> Any:
    """Return the question: a text, or turns."""
    for name in ("prompt", "instruction", "question", "context", "history", "query", "input"):
        value = row.get(name)
        if isinstance(value, dict):
            value = value.get("full_text", value.get("text"))
        if value:
            return value
    return None


def _ranked(row: Row) -> str | None:
    """Return the name of a list of answers with ranks or scores, or None."""
    for name in MANY:
        answers = row.get(name)
        if isinstance(answers, list) and len(answers) > 1 and all(map(_is_judged, answers)):
            return name
    return None


def _is_judged(answer: object) -> bool:
    return isinstance(answer, dict) and _place(answer) is not None and _text(answer) is not None


def _ends(answers: list[dict[str, Any]]) -> tuple[str, str]:
    places = [(_place(one) or 0.0, _text(one) or "") for one in answers]
    best, worst = max(places, key=_first), min(places, key=_first)
    if best[0] == worst[0]:
        raise Refused("all answers are ranked alike", "leave the row out, or say which is the better")
    return best[1], worst[1]


def _first(place: tuple[float, str]) -> float:
    return place[0]


def _text(answer: Row) -> str | None:
    return next((answer[name] for name in TEXTS if isinstance(answer.get(name), str)), None)


def _place(answer: Row) -> float | None:
    """Return how good an answer is: its score, or its rank from below."""
    rank = _number(answer.get("rank"))
    if rank is not None:
        return -rank
    return next((number for name in SCORES if (number := _number(answer.get(name))) is not None), None)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _by_name(row: Row) -> float | None:
    """Read {"winner": "model_a"}; above zero is the first answer's lead."""
    winner = row.get("winner")
    if not isinstance(winner, str):
        return None
    return float((winner.lower() in FIRST) - (winner.lower() in SECOND))


def _by_column(row: Row) -> float | None:
    first, second = _number(row.get("winner_model_a")), _number(row.get("winner_model_b"))
    return None if first is None or second is None else first - second


def _by_place(row: Row) -> float | None:
    place = row.get("better_response_id")
    return {0: 1.0, 1: -1.0}.get(place) if isinstance(place, int) else None


def _by_strength(row: Row) -> float | None:
    lead = _number(row.get("overall_preference"))
    return None if lead is None else -lead  # negative speaks for the first answer


def _by_label(row: Row) -> float | None:
    return {1: 1.0, 0: -1.0}.get(row["labels"]) if isinstance(row.get("labels"), int) else None


def _by_score(row: Row) -> float | None:
    for first, second in (("score_0", "score_1"), ("score_A", "score_B"), ("score_a", "score_b")):
        one, other = _number(row.get(first)), _number(row.get(second))
        if one is not None and other is not None:
            return one - other
    return None


JUDGES: dict[str, Callable[[Row], float | None]] = {
    "winner": _by_name,
    "winner_model_a": _by_column,
    "better_response_id": _by_place,
    "overall_preference": _by_strength,
    "labels": _by_label,
    "score_0": _by_score,
}
