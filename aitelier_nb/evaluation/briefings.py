"""What a rater is told of a study before and while voting; nothing that tells the sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from aitelier_nb.evaluation.answers import UNFINISHED
from aitelier_nb.evaluation.verdicts import outlook
from aitelier_nb.storage.tombstones import standing
from aitelier_nb.views import counted

__all__ = ["briefing"]


def briefing(content: Mapping[str, Any], *, enough: bool, done: bool = False) -> list[str]:
    """Return what the plan can show, what comes again, and what was left out, a sentence each.

    Parameters
    ----------
    content
        The study file.
    enough
        Whether a sequential study may stop.
    done
        Whether this rater has voted on everything.
    """
    notes = outlook(content["n"], content["alpha"], content["mode"])
    if enough:
        notes.append("The evidence suffices: you may reveal now.")
    elif done:
        notes.append(
            "You voted on every pair: `.reveal()` (--reveal) tells the sides, and what the votes say."
        )
    if again := content.get("repeats", 0):
        notes.append(f"{counted(again, 'pair')} shown once more at the end, to see how steady you are")
    if same := content["identical"]:
        notes.append(f"{counted(len(same), 'pair')} with identical answers, left out of the vote")
    ends = Counter(end for pair in standing(content["pairs"]) for end in pair.get("finish", ()))
    notes += [
        f"{counted(ends[end], 'answer')} {word}, shown as it is"
        for end, word in UNFINISHED.items()
        if ends[end]
    ]
    return notes + [f"left out {len(ids)}: {reason}" for reason, ids in content["leftOut"].items() if ids]
