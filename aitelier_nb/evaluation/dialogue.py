"""Voting and scoring in a terminal: what is shown, and what a line means. Every answer is kept at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aitelier_nb.evaluation.contests import Contest
from aitelier_nb.evaluation.scored import Slot
from aitelier_nb.evaluation.scores import Scores
from aitelier_nb.evaluation.studies import Study

__all__ = [
    "SCORE_KEYS",
    "VOTE_KEYS",
    "choice",
    "pair_text",
    "score",
    "score_text",
    "take_scores",
    "take_votes",
]

Read = Callable[[str], str]
Write = Callable[[str], None]

CHOICES = {"1": "left", "2": "right", "0": "tie", "b": "bad"}
VOTE_KEYS = "1 first, 2 second, 0 tie, b both bad, u undo, q stop: "
SCORE_KEYS = "1 to 10, e keep as an example, u undo, s skip, q stop: "
HIGHEST = 10


def choice(line: str) -> str | None:
    """Return the vote that a typed line means, or None."""
    return CHOICES.get(line.strip().lower())


def score(line: str) -> int | None:
    """Return the score that a typed line means, or None."""
    text = line.strip()
    return int(text) if text.isascii() and text.isdigit() and 1 <= int(text) <= HIGHEST else None


def pair_text(pair: Mapping[str, Any], place: int, total: int, question: str) -> str:
    """Return one pair as text: what was asked, the two answers, the question."""
    head = f"── {place} of {total} ──"
    answers = [f"[1]\n{_shown(pair['left'])}", f"[2]\n{_shown(pair['right'])}"]
    return "\n\n".join([head, _turns(pair["messages"]), *answers, question])


def score_text(row: Mapping[str, Any], place: int, total: int) -> str:
    """Return one answer as text: what was asked, what was expected, what came, the checks."""
    parts = [f"── {place} of {total} ──", _turns(row["messages"])]
    parts += [f"[expected]\n{_shown(row['expected'])}", f"[actual]\n{_shown(row['actual'])}"]
    return "\n\n".join([*parts, *([", ".join(row["checks"])] if row["checks"] else [])])


def _turns(messages: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(
        f"{message['role']}: {_shown(str(message.get('content') or ''))}" for message in messages
    )


def _shown(text: str) -> str:
    """Return the text with control characters made visible, so that none of them drives the terminal."""
    return "".join(c if c in "\n\t" or c.isprintable() else repr(c)[1:-1] for c in text)


def take_votes(study: Study | Contest, read: Read, write: Write) -> int:
    """Show the pairs that wait, one by one, and keep the votes; return how many pairs still wait.

    The end of the input stops, as `q` does; going on later begins where this ended.
    """
    total, on_screen = len(study.slots), None
    while (place := study.next_place) is not None:
        if place != on_screen:
            write(pair_text(study.page(place, 1)[0], place + 1, total, study.question))
        on_screen = place
        line = _line(read, VOTE_KEYS)
        if line is None or line == "q":
            break
        if line == "u":
            write("nothing to undo" if study.undo() is None else "undone")
        elif (voted := choice(line)) is None:
            write(f"{line!r} is none of 1, 2, 0, b, u, q")
        else:
            study.vote_at(place, voted)
    return len(study.waiting)


def take_scores(scores: Scores, read: Read, write: Write, keep: Callable[[Slot], int] | None = None) -> int:
    """Show the answers that wait, one by one, and keep the scores; return how many still wait.

    Parameters
    ----------
    scores
        The rater's scores.
    read, write
        How a line is asked for, and how text is shown.
    keep
        Makes a new example of an answer, and returns its id.
    """
    total, skipped, on_screen = len(scores.slots), set(), None
    while waiting := [slot for slot in scores.waiting if slot not in skipped]:
        place = scores.slots.index(waiting[0])
        if place != on_screen:
            write(score_text(scores.page(place, 1)[0], place + 1, total))
        on_screen = place
        line = _line(read, SCORE_KEYS)
        if line is None or line == "q":
            break
        if line == "u":
            write("nothing to undo" if scores.undo() is None else "undone")
        elif line == "s":
            skipped.add(waiting[0])
        elif line == "e" and keep is not None:
            write(f"example {keep(waiting[0])}, unrated: `ait rate` takes it up")
        elif (given := score(line)) is None:
            write(f"{line!r} is none of 1 to 10, e, u, s, q")
        else:
            scores.score(waiting[0], given)
    return len(scores.waiting)


def _line(read: Read, prompt: str) -> str | None:
    try:
        return read(prompt).strip().lower()
    except EOFError:
        return None
