"""What a report tells of the data and of the split, counted in one pass over the examples."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from aitelier_nb.curation import duplicates, personal
from aitelier_nb.reports.distances import change
from aitelier_nb.schema import Config, Example

__all__ = ["Corpus", "count"]

REWRITES_SHOWN = 12
DISTANCES = 2000  # rewrites whose edit distance is measured; a longer text is cut
LONGEST = 4000
COMMONEST = 20
SOURCE = 80  # characters of a source that is told by keys


@dataclass
class Corpus:
    """Counts over all usable examples; `facts` turns them into the report's values."""

    threshold: float
    total: int = 0
    ratings: Counter[int] = field(default_factory=Counter)
    sides: Counter[tuple[int | None, str]] = field(default_factory=Counter)
    characters: list[tuple[int, int]] = field(default_factory=list)
    turns: Counter[int] = field(default_factory=Counter)
    distances: list[float] = field(default_factory=list)
    rewrites: list[dict[str, Any]] = field(default_factory=list)
    rewritten: int = 0
    flagged: int = 0
    above: int = 0
    origins: Counter[str] = field(default_factory=Counter)
    prompts: Counter[str] = field(default_factory=Counter)
    raters: Counter[str] = field(default_factory=Counter)
    groups: set[str] = field(default_factory=set)
    keys: list[tuple[int, str]] = field(default_factory=list)
    held: list[int] = field(default_factory=list)
    personal: Counter[str] = field(default_factory=Counter)

    def add(self, example: Example) -> None:
        """Count one more example."""
        self.total += 1
        if example.rating is not None:
            self.ratings[example.rating] += 1
            self.above += example.rating >= self.threshold
        if example.split == "val":
            self.held.append(example.id)
        self.sides[example.rating, example.split or "none"] += 1
        self.characters.append((len(example.input), len(example.output)))
        self.turns[sum(message.role == "user" for message in example.messages)] += 1
        self.flagged += bool(example.flagged)
        if example.source is not None:
            self.origins[_word(example.source)] += 1
        if example.group is not None:
            self.groups.add(str(example.group))
        self.prompts[example.system or ""] += 1
        self.raters.update(example.ratings or {})
        self.keys.append((example.id, duplicates.key(example.messages)))
        self.personal.update(
            found.kind for message in example.messages for found in personal.find(message.text)
        )
        if example.original_output is not None and example.original_output != example.output:
            self._add_rewrite(example, example.original_output)

    def _add_rewrite(self, example: Example, original: str) -> None:
        self.rewritten += 1
        if len(self.distances) < DISTANCES:
            self.distances.append(change(original[:LONGEST], example.output[:LONGEST]))
        if len(self.rewrites) < REWRITES_SHOWN:
            shown = {"id": example.id, "input": example.input, "before": original, "after": example.output}
            self.rewrites.append({**shown, "rating": example.rating})

    def data(self) -> dict[str, Any]:
        """Return the report's values about the data."""
        same = duplicates.groups(self.keys)
        inputs, outputs = zip(*self.characters, strict=True) if self.characters else ((0,), (0,))
        return {
            "total": self.total,
            "rated": self.ratings.total(),
            "unrated": self.total - self.ratings.total(),
            "above_threshold": self.above,
            "histogram": {str(rating): self.ratings[rating] for rating in range(1, 11)},
            "multi_turn": sum(number for turns, number in self.turns.items() if turns > 1),
            "median_characters": {"input": median(inputs), "output": median(outputs)},
            "rewrites": {
                "n": self.rewritten,
                "measured": len(self.distances),
                "median_change": round(median(self.distances), 4) if self.distances else None,
            },
            "duplicates": {"groups": len(same), "examples": sum(map(len, same)), "ids": same[:COMMONEST]},
            "personal": _ordered(self.personal),
            "flagged": self.flagged,
            "groups": len(self.groups),
            "system_prompts": len(self.prompts),
            "raters": _ordered(self.raters),
            "sources": _ordered(self.origins),
        }

    def split(self, config: Config) -> dict[str, Any]:
        """Return the report's values about the split."""
        stored = config.aitelier_nb.get("split")
        rule = stored if isinstance(stored, dict) else {}
        strata = sorted(
            {rating for rating, _ in self.sides if rating is not None and rating >= self.threshold}
        )
        below = [
            (side, number)
            for (rating, side), number in self.sides.items()
            if rating is None or rating < self.threshold
        ]
        return {
            "train": sum(self.sides[rating, "train"] for rating in strata),
            "val": sum(self.sides[rating, "val"] for rating in strata),
            "unassigned": sum(self.sides[rating, "none"] for rating in strata),
            "below_threshold": {
                "train": sum(number for side, number in below if side == "train"),
                "val": sum(number for side, number in below if side == "val"),
            },
            "ratio": rule.get("ratio"),
            "seed": rule.get("seed"),
            "locked_at": rule.get("lockedAt"),
            "strata": [
                {"rating": rating, **{side: self.sides[rating, side] for side in ("train", "val", "none")}}
                for rating in strata
            ],
        }


def count(examples: Iterable[Example], threshold: float) -> Corpus:
    """Return the counts over the examples, read once and not kept."""
    corpus = Corpus(threshold)
    for example in examples:
        corpus.add(example)
    return corpus


def _word(value: object) -> str:
    """Return where an example comes from in a few words, without what is told of this one only."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and value.get("kind") == "draft":
        return f"drafted by {value.get('model')} ({value.get('provider')})"
    if isinstance(value, Mapping) and "evaluation" in value:
        return f"an answer of the model “{value.get('contestant')}” in an evaluation"
    if isinstance(value, Mapping) and "rejected" in value:
        return "imported with a worse answer"
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= SOURCE else text[: SOURCE - 1] + "…"


def _ordered(counter: Counter[str]) -> dict[str, int]:
    """Return the commonest names with their counts, the rest as one number under an ellipsis."""
    ranked = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))
    rest = sum(number for _, number in ranked[COMMONEST:])
    return dict(ranked[:COMMONEST]) | ({"…": rest} if rest else {})
