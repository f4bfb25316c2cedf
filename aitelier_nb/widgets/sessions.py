"""One sitting of a person with a list: which examples come twice, and what was done."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Plan", "Session"]

APART = 10  # examples at least between an example and its repeat


class Plan:
    """The places of a list as they are shown: in order, with some of them planted a second time.

    Parameters
    ----------
    total, start
        Length of the list and the place to begin at; nothing before it is repeated.
    share
        The share of the remaining examples that come twice, 0 to 1.
    seed
        Chooses them.
    """

    def __init__(self, total: int, start: int = 0, share: float = 0, seed: int = 0) -> None:
        chosen = [] if share <= 0 else _chosen(total, start, share, seed)
        self.total, self.start = total, start
        self._repeats = chosen  # (shown place, place in the list), in order
        self._shown = [shown for shown, _ in chosen]

    def __len__(self) -> int:
        return self.total + len(self._repeats)

    def shown_at(self, place: int | None) -> int | None:
        """Return where the list's example at `place` is shown the first time."""
        if place is None:
            return None
        for shown in self._shown:
            if shown <= place:
                place += 1
        return place

    def stretches(self, start: int, n: int) -> Iterator[tuple[range, bool]]:
        """Yield neighbouring places of the list for n shown ones, and whether they are repeats."""
        begin, end = start, min(start + n, len(self))
        before = sum(shown < start for shown in self._shown)
        for shown, place in [pair for pair in self._repeats if start <= pair[0] < end]:
            if begin < shown:
                yield range(begin - before, shown - before), False
            yield range(place, place + 1), True
            begin, before = shown + 1, before + 1
        if begin < end:
            yield range(begin - before, end - before), False


def _chosen(total: int, start: int, share: float, seed: int) -> list[tuple[int, int]]:
    draw = random.Random(seed)  # noqa: S311  # chooses examples, guards nothing
    places = list(range(start, max(start, total - APART)))
    picked = sorted(draw.sample(places, round(len(places) * min(share, 1))))
    wanted = sorted((min(total, place + APART + draw.randrange(2 * APART)), place) for place in picked)
    return [(after + count, place) for count, (after, place) in enumerate(wanted)]


class Session:
    """What a person did in one sitting; begins anew with the first decision.

    Parameters
    ----------
    former
        What `to_json` gave of the sitting before, shown until a new one begins.
    """

    def __init__(self, former: Mapping[str, Any] | None = None) -> None:
        self._former = dict(former or {})
        self.begun = False
        self._ratings: dict[int, int] = {}
        self._rewritten: set[int] = set()
        self._skipped: set[int] = set()
        self._again: list[tuple[int, int]] = []

    def add(self, edit: Mapping[str, Any]) -> None:
        """Count one decision that was carried out."""
        self.begun = True
        name, kind = edit.get("id"), edit["kind"]
        if not isinstance(name, int):
            return
        if kind == "skip":
            self._skipped.add(name)
        elif kind == "undo":
            for seen in (self._ratings, self._rewritten, self._skipped):
                seen.pop(name, None) if isinstance(seen, dict) else seen.discard(name)
        elif kind in ("rate", "rewrite"):
            self._ratings[name] = edit["value"]
            self._skipped.discard(name)
            if kind == "rewrite":
                self._rewritten.add(name)
        elif kind == "repeat" and isinstance(edit.get("first"), int):
            self._again.append((edit["first"], edit["value"]))

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of this sitting, or of the former one while none has begun."""
        if not self.begun:
            return self._former
        values = list(self._ratings.values())
        return {
            "rated": len(values),
            "rewritten": len(self._rewritten),
            "skipped": len(self._skipped),
            "mean": round(sum(values) / len(values), 2) if values else None,
            "repeats": len(self._again),
            "same": sum(first == second for first, second in self._again),
            "within_one": sum(abs(first - second) <= 1 for first, second in self._again),
        }

    def shown(self) -> dict[str, str]:
        """Return the numbers under the names that a person reads."""
        facts = self.to_json()
        if not facts:
            return {}
        named = {name: str(facts.get(name, 0)) for name in ("rated", "rewritten", "skipped")}
        if facts.get("mean") is not None:
            named["mean rating"] = f"{facts['mean']:.2f}"
        if facts.get("repeats"):
            same, near, of = facts["same"], facts["within_one"], facts["repeats"]
            named["agreement with oneself"] = f"{same} of {of} the same, {near} of {of} within one"
        return named

    def lines(self) -> list[str]:
        """Return the numbers as one line of text; none before the first sitting."""
        shown = self.shown()
        return (
            ["latest session: " + ", ".join(f"{name} {value}" for name, value in shown.items())]
            if shown
            else []
        )
