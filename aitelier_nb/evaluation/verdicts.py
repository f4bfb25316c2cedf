"""A verdict in one sentence: better, worse, or not shown with the votes that are missing. Never more."""

from __future__ import annotations

from aitelier_nb.evaluation.statistics import (
    Counts,
    Verdict,
    proportion_interval,
    sequential,
    sign_test,
    votes_needed,
    wins_needed,
)
from aitelier_nb.views import p_text

__all__ = ["outlook", "percent", "sentence"]

PER_CENT = 100
RATES = (0.6, 0.7, 0.8, 0.9)


def percent(rate: float) -> str:
    """Return a share in whole per cent."""
    return f"{rate * PER_CENT:.0f} %"


def sentence(
    counts: Counts,
    verdict: Verdict,
    *,
    stopped_early: int = 0,
    mode: str = "fixed",
    names: tuple[str, str] = ("base", "tuned"),
) -> str:
    """Return what the votes support, in one sentence.

    Parameters
    ----------
    counts
        The votes, from the tuned side.
    verdict
        What the rule says of them.
    stopped_early
        How many of the planned votes are missing; with a fixed number nothing is said then.
    mode
        "fixed" or "sequential".
    names
        Of the two, the one from whose side is told last.
    """
    base, tuned = names
    seen = f"{tuned} preferred in {counts.wins} of {counts.decided} decided pairs{_between(counts)}"
    if stopped_early and mode == "fixed":
        return f"Stopped early, no verdict: {seen}, {stopped_early} planned votes not given."
    if verdict.length_explains:
        return f"Not shown: length explains it; {seen}, but at equal length it may be a half."
    if verdict.outcome != "not shown":
        p = (
            f", {p_text(sign_test(counts.wins, counts.losses).p)}"
            if mode == "fixed"
            else ", evidence at the limit"
        )
        name = tuned.capitalize() if tuned == "tuned" else tuned
        return f"{name} is {verdict.outcome} than {base}: {seen}{p}."
    if verdict.missing is None:
        return f"Not shown: {seen}; no practical number of further votes would show so small a difference."
    return f"Not shown: {seen}; about {verdict.missing} more votes would be needed at this rate."


def _between(counts: Counts) -> str:
    interval = proportion_interval(counts.wins, counts.decided)
    if interval is None:
        return ""
    rate = counts.wins / counts.decided
    return f" ({percent(rate)}, 95 % interval {interval[0] * PER_CENT:.0f} to {percent(interval[1])})"


def outlook(pairs: int, alpha: float = 0.05, mode: str = "fixed") -> list[str]:
    """Return, before the first vote, what so many votes can and cannot show."""
    if mode == "sequential":
        least = next(n for n in range(1, 1 << 20) if sequential("W" * n, alpha).stop is not None)
        return [
            f"You may stop as soon as the evidence suffices, after {least} decided votes at the earliest."
        ]
    wins = wins_needed(pairs, alpha)
    if wins is None:
        enough = next(n for n in range(1, 1 << 20) if wins_needed(n, alpha) is not None)
        return [f"{pairs} votes can never show a difference, whatever they are: {enough} is the least."]
    needs = "; ".join(f"{percent(rate)} needs {votes_needed(rate, alpha).first}" for rate in RATES)
    return [
        f"Of {pairs} decided votes {wins} must prefer one model.",
        f"Decided votes by the true win rate, to show it with a chance of 80 %: {needs}.",
    ]
