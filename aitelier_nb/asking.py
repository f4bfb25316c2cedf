"""Questions to a person in a terminal: a missing text, a rating after another."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aitelier_nb.consent import is_person_there
from aitelier_nb.errors import AitelierError, UsageError
from aitelier_nb.schema import Example
from aitelier_nb.verbs import curating, listing
from aitelier_nb.verbs.serving import Serving
from aitelier_nb.views import View

__all__ = ["RatingSession", "ask_text", "rate_one_by_one", "until_interrupted"]

KEYS = "1-10 rate · e rewrite · s skip · u undo · q quit"


def ask_text(label: str, default: str | None = None) -> str:
    """Ask for one line of text.

    Raises
    ------
    UsageError
        Nobody answers.
    """
    end = f" [{default}]" if default is not None else ""
    prompt = f"{label}{end}: " if is_person_there() else ""
    try:
        answer = input(prompt)
    except (EOFError, RuntimeError) as error:  # a kernel without input raises a RuntimeError
        raise UsageError(
            f"{label} is missing, and nobody is there to ask", hint="give it on the line; --help shows how"
        ) from error
    return answer if answer.strip() or default is None else default


@dataclass(frozen=True, repr=False)
class RatingSession(View):
    """What one round of rating in the terminal did."""

    rated: int
    rewritten: int
    skipped: int
    mean: float | None
    left: int

    def to_json(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "rated": self.rated,
            "rewritten": self.rewritten,
            "skipped": self.skipped,
            "mean": self.mean,
            "left": self.left,
        }

    def headline(self) -> str:
        """Count what was done."""
        mean = f", mean {self.mean:.1f}" if self.mean is not None else ""
        return (
            f"{self.rated} rated, {self.rewritten} rewritten, {self.skipped} skipped{mean}; {self.left} left"
        )


def until_interrupted(serving: Serving) -> Serving:
    """Show where to ask and with which token, on stderr, and serve until Ctrl-C."""
    try:
        print(f"{serving.text()}\nAPI key: {serving.token}\nCtrl-C ends it", file=sys.stderr, flush=True)
        threading.Event().wait()
    except KeyboardInterrupt:
        serving.stop()
    return serving


def rate_one_by_one(below: int | None = None, project: Any = None) -> RatingSession:
    """Show one example after the other and take a rating for each; every answer is saved at once.

    Parameters
    ----------
    below
        Rated examples under this come again; None shows the unrated ones.
    project
        Whose examples.
    """
    waiting = _waiting(below, project)
    place, rewritten, skipped = 0, 0, 0
    rated: list[int] = []
    done: list[int] = []
    while place < len(waiting):
        example = waiting[place]
        _show(example, place + 1, len(waiting))
        try:
            word = input(f"{KEYS} > ").strip().lower()
        except EOFError:
            break
        try:
            if word in ("q", "quit"):
                break
            if word in ("s", ""):
                skipped += 1
                place += 1
            elif word == "u":
                place = _undo(done, rated, project)
            elif word == "e":
                rated.append(_rewrite(example, project))
                rewritten += 1
                done.append(place)
                place += 1
            else:
                curating.set_rating(example.id, _number(word), project=project)
                rated.append(_number(word))
                done.append(place)
                place += 1
        except AitelierError as error:
            print(f"{error}{f' ({error.hint})' if error.hint else ''}", file=sys.stderr)
    mean = sum(rated) / len(rated) if rated else None
    return RatingSession(len(rated), rewritten, skipped, mean, len(_waiting(below, project)))


def _waiting(below: int | None, project: Any) -> Sequence[Example]:
    if below is None:
        return listing.examples(rated=False, project=project).found
    return listing.examples(below=below, project=project).found


def _show(example: Example, place: int, total: int) -> None:
    print(f"\n── example {example.id} ({place} of {total}) " + "─" * 30)
    for message in example.messages:
        print(f"{message.role}: {message.text}")
    if example.rating is not None:
        print(f"(rated {example.rating})")


def _number(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise UsageError(f"{word!r} is no rating", hint=KEYS) from None


def _undo(done: list[int], rated: list[int], project: Any) -> int:
    if not done:
        raise UsageError("nothing to undo in this round", hint="ait undo reverts earlier edits")
    curating.undo(project=project)
    rated.pop()
    return done.pop()


def _rewrite(example: Example, project: Any) -> int:
    text = _edited(example.output)
    rating = _number(input("rating of the rewrite (1-10) > ").strip())
    curating.rewrite(example.id, text, rating=rating, project=project)
    return rating


def _edited(text: str) -> str:
    """Return the text after a person edited it in $EDITOR, or as typed on one line where there is none."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor or not sys.stdin.isatty():
        return input("new answer > ")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.txt"
        path.write_text(text, encoding="utf-8")
        subprocess.run([*editor.split(), str(path)], check=False)
        return path.read_text(encoding="utf-8").rstrip("\n")
