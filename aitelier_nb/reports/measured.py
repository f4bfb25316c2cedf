"""The rates of an evaluation: how many answers of each contestant pass each rule, and what did not answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from aitelier_nb.evaluation.evaluations import Evaluation
from aitelier_nb.evaluation.measures import rate
from aitelier_nb.evaluation.statistics import mcnemar
from aitelier_nb.reports.blocks import several

__all__ = ["facts", "in_words", "limits", "passes"]

LEFT = {
    "failed": ("request", "failed"),
    "truncated": ("answer", "cut off at the token limit"),
    "refused": ("answer", "refused"),
}


def facts(found: Evaluation, name: str) -> dict[str, Any]:
    """Return the key "evaluation" of report.json: contestants side by side, each with every measure."""
    measures = [{**measure, "description": in_words(measure)} for measure in found.content["measures"]]
    primary = measures[0]["name"] if measures else None
    told: dict[str, Any] = {label: _contestant(found, label, primary) for label in found.labels}
    return {
        **told,
        "labels": found.labels,
        "file": name,
        "held_out": found.n,
        "measure": primary,
        "measures": measures,
        "parameters": found.content["parameters"],
        "paired": _paired(found, primary),
    }


def _contestant(found: Evaluation, label: str, primary: str | None) -> dict[str, Any]:
    described = next(one for one in found.content["contestants"] if one["label"] == label)
    rows = found.of(label)
    answered = [row for row in rows if "error" not in row]
    rates = {name: _rate([row["measures"][name] for row in answered]) for name in found.measures}
    first = (
        rates[primary] if primary else {"rate": None, "n": len(answered), "interval": None, "passed": None}
    )
    return {
        **rates,
        **first,
        "model": described["model"],
        "provider": described["provider"],
        "identity": described.get("identity"),
        "messages_before": len(described.get("prefix", [])),
        "by_measure": rates,
        "answers": {
            **{"n" if key == "answered" else key: n for key, n in found.counts(label).items()},
            "characters": median([len(row["text"]) for row in answered]) if answered else None,
        },
    }


def _rate(values: Sequence[float]) -> dict[str, Any]:
    return {**rate(values).to_json(), "passed": sum(values)}


def passes(found: Evaluation, label: str, measure: str) -> dict[int, float]:
    """Return what a measure gave each answer of a contestant, by example id; failed requests have none."""
    return {row["id"]: row["measures"][measure] for row in found.of(label) if "error" not in row}


def _paired(found: Evaluation, primary: str | None) -> dict[str, Any] | None:
    """Return the same examples under base and tuned by the primary measure; None if it is not yes or no."""
    if primary is None or not {"base", "tuned"} <= set(found.labels):
        return None
    base, tuned = passes(found, "base", primary), passes(found, "tuned", primary)
    both = [(base[key], tuned[key]) for key in base if key in tuned]
    if not both or any(value not in (0, 1) for pair in both for value in pair):
        return None
    counts = {
        "both": both.count((1, 1)),
        "tuned_only": both.count((0, 1)),
        "base_only": both.count((1, 0)),
        "neither": both.count((0, 0)),
    }
    test = mcnemar(**counts)
    return {**counts, "p": test.p, "difference": test.difference, "interval": test.interval}


def in_words(measure: Mapping[str, Any]) -> str:
    """Return what a measure asks of an answer, as a sentence."""
    match measure.get("kind"):
        case "exact":
            return "the answer equals the held-out answer."
        case "regex":
            return f"the answer matches the regular expression {measure.get('pattern')}"
        case "json_schema":
            return "the whole answer is JSON that the schema accepts."
        case "length":
            most = f" and at most {measure['most']}" if measure.get("most") is not None else ""
            return (
                f"the answer has at least {measure.get('least')}{most} {measure.get('unit', 'characters')}."
            )
        case "contains":
            return f"the answer contains {', '.join(map(str, measure.get('texts', [])))}."
        case _:
            return f"a function of the user, {measure['name']}; it cannot be computed again from the files."


def limits(found: Evaluation, fingerprint: str) -> list[str]:
    """Return what the rates leave out, a sentence each."""
    told = [
        f"Evaluation: {several(len(ids), 'validation example')} left out, {why}."
        for why, ids in found.content["leftOut"].items()
    ]
    for label in found.labels:
        counts = found.counts(label)
        told += [
            f"Evaluation, {label}: {several(counts[key], noun)} {what}."
            for key, (noun, what) in LEFT.items()
            if counts[key]
        ]
    if found.content["dataset"].get("fingerprint") != fingerprint:
        told.append("The examples changed after the evaluation was made.")
    if any(one.get("prefix") for one in found.content["contestants"]):
        told.append("A prompted contestant is given an instruction or examples before each question.")
    return told
