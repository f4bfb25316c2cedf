"""The first sentence of a report: what the evidence supports, and no more.

"Better" and "worse" come from votes alone. Rates by a rule are told as rates; votes that a rule
gave are called so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aitelier_nb.reports import ballots
from aitelier_nb.reports.blocks import interval, percent, several

__all__ = ["verdict"]

Facts = Mapping[str, Any]


def verdict(facts: Facts) -> dict[str, str]:
    """Return outcome ("better", "worse", "not shown", "measured" or "none"), sentence and basis."""
    contests = facts["contests"]
    paired = {f"data/evals/{name}" for contest in contests for name in contest["comparisons"]}
    told = [study for study in facts["comparisons"] if study["outcome"] is not None]
    studies = [study for study in told if not study["stopped_early"]] or told
    if studies and studies[-1]["file"] in paired:
        return _of_contest(contests[-1])
    if studies:
        return _of_votes(studies[-1], facts["evaluation"])
    results = facts["evaluation"]
    if _measured(results):
        basis = (
            "Measured by a rule on held-out examples. Nobody has compared the answers blind: "
            "that it is better is not shown."
        )
        return {"outcome": "measured", "sentence": _rates(results), "basis": basis}
    return {"outcome": "none", "sentence": _before(facts), "basis": "No answers were compared yet."}


def _of_votes(study: Facts, results: Facts) -> dict[str, str]:
    decided = f"{study['votes']} of {several(study['pairs'], 'pair')} voted on"
    basis = f"{decided}, {ballots.voters(study)}."
    if _measured(results):
        basis += f" {_rates(results)}"
    return {"outcome": study["outcome"], "sentence": study["sentence"], "basis": basis}


def _of_contest(contest: Facts) -> dict[str, str]:
    """Return what more than two contestants show; the level holds for all of their pairs together."""
    shown = any(test["outcome"] != "not shown" for test in contest["tests"])
    basis = f"{several(len(contest['tests']), 'pair')} of contestants, blind, tests held by Holm's method."
    return {"outcome": "better" if shown else "not shown", "sentence": contest["sentence"], "basis": basis}


def _measured(results: Facts) -> bool:
    return "tuned" in results and "base" in results and results["measure"] is not None


def _rates(results: Facts) -> str:
    told = [
        f"the {name} {result['passed']:g} of {result['n']} "
        f"({percent(result['rate'])}, {interval(result['interval'])})"
        for label, name in (
            ("tuned", "tuned model"),
            ("prompted", "prompted base model"),
            ("base", "base model"),
        )
        if (result := results.get(label))
    ]
    return f"By the rule “{results['measure']}”, on held-out examples: {', '.join(told)}."


def _before(facts: Facts) -> str:
    runs, data = facts["training"]["runs"], facts["data"]
    finished = [run for run in runs if run["status"] == "completed"]
    if finished:
        model = finished[-1]["model_id"] or finished[-1]["job_id"]
        return f"A model was trained ({model}); {_done(facts)}."
    if runs:
        return f"Run {runs[-1]['version']} is {runs[-1]['status']}; there is no tuned model yet."
    ready = several(data["above_threshold"], "example")
    return f"No model was trained yet; {ready} of {data['total']} are rated well enough to train on."


def _done(facts: Facts) -> str:
    """Return how far the evaluation of a trained model has come."""
    if facts["scores"]:
        return "its answers are scored, not compared blind"
    labels = facts["evaluation"].get("labels", [])
    if not labels:
        return "it is not evaluated yet"
    asked = facts["evaluation"][labels[0]]["answers"]["n"]
    return f"{' and '.join(labels)} answered {several(asked, 'held-out example')}, not scored or compared yet"
