"""The votes of a blind comparison: counts, intervals, tests, sides; each from the vote file alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aitelier_nb.evaluation import statistics
from aitelier_nb.evaluation.comparisons import Comparison

__all__ = ["facts", "limits", "sealed"]

RULE, MODEL = "rule: ", "model: "
RATES = (0.6, 0.7, 0.8, 0.9)


def facts(study: Comparison, name: str) -> dict[str, Any]:
    """Return what a revealed study shows."""
    study.check()
    told = study.to_json()
    rules = [voter for voter in study.raters if voter.startswith((RULE, MODEL))]
    return {
        **_plan(study.content, name),
        "votes": told["votes"],
        "revealed_at": study.content["reveal"]["at"],
        "voters": _votes_of(study),
        "rules": rules,
        **{key: told[key] for key in ("wins", "ties", "losses", "both_bad", "rate", "decided_rate")},
        "interval": _listed(told["interval"]),
        "decided_interval": _listed(told["decided_interval"]),
        "p": _p(study),
        "sides": told["sides"],
        "position_p": told["position_p"],
        "length": {**told["length_controlled"], "interval": _listed(told["length_controlled"]["interval"])},
        "agreement": _agreement(study),
        "power": [_power(rate) for rate in RATES],
        **{key: told[key] for key in ("outcome", "missing", "stopped_early", "sentence")},
    }


def sealed(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what may be told of a study whose sides are still sealed: its plan."""
    sentence = "Not revealed yet: nothing is known of the sides, so nothing is counted."
    return {
        **_plan(content, name),
        "votes": None,
        "outcome": None,
        "sentence": sentence,
        "rules": [],
        "voters": {},
    }


def _plan(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    first, second = content["contestants"]
    return {
        "file": name,
        "created_at": content["createdAt"],
        "question": content["question"],
        "base": first["model"],
        "tuned": second["model"],
        "mode": content["mode"],
        "alpha": content["alpha"],
        "pairs": content["n"],
        "identical": len(content["identical"]),
        "left_out": {why: len(ids) for why, ids in content["leftOut"].items()},
    }


def _votes_of(study: Comparison) -> dict[str, int]:
    voters = [voter for voter, _, _ in study.votes()]
    return {voter: voters.count(voter) for voter in study.raters}


def _p(study: Comparison) -> float | None:
    """Return the p value of the study's own mode: the exact sign test, or the anytime p of the e-process."""
    if study.content["mode"] == "fixed":
        return statistics.sign_test(study.counts.wins, study.counts.losses).p
    path = statistics.sequential(study.outcomes().values(), study.content["alpha"]).p
    return path[-1] if path else None


def _agreement(study: Comparison) -> dict[str, Any] | None:
    """Return how far the voters agree, over pairs that two of them voted on; None with one voter."""
    voters = study.raters
    if len(voters) < 2:  # noqa: PLR2004
        return None
    given = {(voter, pair): "LTBW".index(outcome) for voter, pair, outcome in study.votes()}
    pairs = sorted({pair for _, pair in given})
    found = statistics.agreement([[given.get((voter, pair)) for pair in pairs] for voter in voters])
    return {"exact": found.exact, "alpha": found.alpha_nominal}


def _power(rate: float) -> dict[str, Any]:
    needed = statistics.votes_needed(rate)
    return {"win_rate": rate, "first": needed.first, "always": needed.always}


def _listed(bounds: tuple[float, float] | None) -> list[float] | None:
    return None if bounds is None else list(bounds)


def limits(study: Comparison, told: Mapping[str, Any]) -> list[str]:
    """Return what the votes leave out, a sentence each."""
    said = [f"Comparison: {number} examples left out, {why}." for why, number in told["left_out"].items()]
    if told["identical"]:
        said.append(f"Comparison: {told['identical']} pairs had identical answers and were not voted on.")
    if study.forgotten:
        said.append(f"Comparison: {study.forgotten} pairs were forgotten since, the votes on them too.")
    if study.missing_votes:
        said.append(f"Comparison: {study.missing_votes} of {told['pairs']} planned pairs have no vote.")
    if told["rules"] and not study.by_people:
        said.append("No person judged: the votes were given by a stated mechanical rule or a model.")
    if len(study.raters) == 1:
        said.append("One voter: the votes say what this voter prefers.")
    return said
