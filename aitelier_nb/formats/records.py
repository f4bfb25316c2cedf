"""Records of tools for labelling and tracing, with a row of training data inside.

Argilla, Label Studio, LangSmith, Kiln and logs of requests each wrap question, answer and rating in
objects of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from aitelier_nb.formats import pairs
from aitelier_nb.formats.conversations import Refused, kind_of, role_of

__all__ = ["inside", "is_record"]

Row = Mapping[str, Any]

JUDGED = ("rating", "score", "quality", "overall_rating")
SPOKEN = ("text", "content", "answer", "output", "response", "completion")


def is_record(row: Row) -> bool:
    """Return whether a row is a record of one of these tools."""
    return _kind(row) is not None


def inside(row: Row, told: Counter[str]) -> dict[str, Any]:
    """Return the row of training data that a record holds, with its rating where it has one."""
    kind = _kind(row)
    if kind == "trace":
        return _traced(*(_sides(row) or ({}, {})))
    if kind == "kiln":
        return _run(row)
    fields = dict(row["fields"] if kind == "argilla" else row["data"])
    numbers = _stars(row.get("annotations", ())) if kind == "label-studio" else _responses(row)
    ratings = sorted(number for number in numbers if isinstance(number, (int, float)))
    if len(ratings) > 1:
        told["of several ratings of an example the lower median was taken"] += 1
    return {**fields, "rating": ratings[(len(ratings) - 1) // 2]} if ratings else fields


def _kind(row: Row) -> str | None:
    if _sides(row) is not None:
        return "trace"
    if isinstance(row.get("fields"), dict) and ("responses" in row or "suggestions" in row):
        return "argilla"
    if isinstance(row.get("data"), dict) and "annotations" in row:
        return "label-studio"
    if "input" in row and isinstance(row.get("output"), dict) and "output" in row["output"]:
        return "kiln"
    return None


def _responses(row: Row) -> Iterable[Any]:
    """Yield the numbers that annotators of Argilla gave, in either of its shapes."""
    given = row.get("responses")
    for response in given if isinstance(given, list) else [given]:
        values = response.get("values", response) if isinstance(response, dict) else {}
        for name in JUDGED:
            answers = values.get(name) if isinstance(values, dict) else None
            for answer in answers if isinstance(answers, list) else [answers]:
                yield answer.get("value") if isinstance(answer, dict) else None


def _stars(annotations: Iterable[Any]) -> Iterable[Any]:
    """Yield the ratings among the annotations of a task of Label Studio."""
    for annotation in annotations if isinstance(annotations, list) else ():
        results = annotation.get("result") if isinstance(annotation, dict) else None
        for result in results if isinstance(results, list) else ():
            value = result.get("value") if isinstance(result, dict) else None
            yield value.get("rating") if isinstance(value, dict) else None


def _run(row: Row) -> dict[str, Any]:
    """Return a run of Kiln: the repaired answer where there is one, and its stars."""
    first, repaired = row["output"], row.get("repaired_output") or row.get("fixed_output")
    last = repaired if isinstance(repaired, dict) and repaired.get("output") else first
    rating = last.get("rating")
    stars = rating.get("value") if isinstance(rating, dict) and rating.get("type") == "five_star" else None
    found = {"input": row["input"], "output": last["output"]}
    found |= {} if last is first else {"originalOutput": first["output"]}
    return found if stars is None else {**found, "rating": stars}


def _sides(row: Row) -> tuple[Row, Row] | None:
    """Return what went in and what came out, of a trace of LangSmith or a log of requests; or None."""
    for one, other in (("inputs", "outputs"), ("request", "response")):
        asked, answered = row.get(one), row.get(other)
        if isinstance(asked, dict) and isinstance(answered, dict):
            inner, outer = asked.get("body"), answered.get("body")
            return inner if isinstance(inner, dict) else asked, outer if isinstance(outer, dict) else answered
    return None


def _traced(asked: Row, answered: Row) -> dict[str, Any]:
    """Return what was asked and what was answered, as texts or as turns."""
    turns = [*_turns(asked, "user", pairs.QUESTIONS), *_turns(answered, "assistant", pairs.ANSWERS)]
    tools = asked.get("tools")
    return {"messages": turns, **({"tools": tools} if isinstance(tools, list) else {})}


def _turns(side: Row, role: str, names: Iterable[str]) -> list[Any]:
    turns = side.get("messages")
    if isinstance(turns, list):
        if turns and all(isinstance(turn, list) for turn in turns):  # LangChain's batch of one
            turns = turns[0]
        return [_turn(turn, role) for turn in turns]
    for name in ("choices", "generations"):
        answers = side.get(name)
        while isinstance(answers, list) and answers:
            answers = answers[0]
        if isinstance(answers, dict):
            return [_turn(answers.get("message") or answers.get("text"), role)]
    if "role" in side and "content" in side:
        return [dict(side)]
    found = [side[name] for name in (*names, *SPOKEN) if isinstance(side.get(name), str)]
    texts = found or [value for value in side.values() if isinstance(value, str)]
    if not found and len(texts) != 1:
        shown = ", ".join(map(str, side)) or "nothing"
        raise Refused(f"what of these is the {role}'s text is not clear: {shown:.200}", "give messages")
    return [{"role": role, "content": texts[0]}]


def _turn(turn: Any, role: str) -> Any:
    """Return a message as LangChain writes it in our shape; one in our shape stays as it is."""
    if isinstance(turn, str):
        return {"role": role, "content": turn}
    if not isinstance(turn, dict):
        raise Refused(f"a turn is {kind_of(turn)}, not an object", "give each turn role and content")
    inner = next((turn[name] for name in ("data", "kwargs") if isinstance(turn.get(name), dict)), None)
    if "role" in turn or (inner is None and "type" not in turn):
        return turn
    said = turn if inner is None else inner
    kind = turn.get("type")
    if kind == "constructor":  # the class's path in place of the speaker
        kind = _class_of(turn.get("id")).removesuffix("Chunk").removesuffix("Message")
    kept = {name: said[name] for name in ("content", "tool_call_id", "name") if said.get(name) is not None}
    calls = said.get("additional_kwargs")
    called = calls.get("tool_calls") if isinstance(calls, dict) else None
    return {"role": role_of(kind), **kept, **({"tool_calls": called} if called else {})}


def _class_of(path: Any) -> str:
    return str(path[-1]) if isinstance(path, list) and path else ""
