"""Votes and scores from a person at a terminal; questions go to stderr, so stdout holds the result alone."""

from __future__ import annotations

import sys

from aitelier_nb.consent import is_person_there
from aitelier_nb.evaluation.dialogue import take_scores, take_votes
from aitelier_nb.verbs.comparing import BlindComparison
from aitelier_nb.verbs.evaluating import Scoring

__all__ = ["score", "vote"]


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _read(prompt: str) -> str:
    sys.stderr.write(prompt)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def vote(blind: BlindComparison, *, ask: bool) -> BlindComparison:
    """Take votes where a person is there; what was voted is kept, and the next time goes on from it."""
    if ask and is_person_there() and not blind.study.revealed and blind.study.waiting:
        _say("\n".join(blind.notes()))
        take_votes(blind.study, _read, _say)
    return blind


def score(found: Scoring, *, ask: bool) -> Scoring:
    """Take scores from 1 to 10 where a person is there."""
    if ask and is_person_there() and found.scores.waiting:
        take_scores(found.scores, _read, _say, lambda slot: found.keep(*slot))
    return found
