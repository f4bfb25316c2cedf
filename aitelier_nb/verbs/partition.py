"""The split as it stands, and as a ratio would make it: what the picture in a notebook is drawn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aitelier_nb.curation import leaks, splits
from aitelier_nb.storage.project import Project

if TYPE_CHECKING:
    from aitelier_nb.widgets.splitter import SplitView

__all__ = ["RATIO", "Partition", "picture"]

RATIO = 0.8
NAMED = 5  # leaks that are named
PARTS = ("train", "val", "unassigned")


class Partition:
    """The examples of a project and their sides; only whoever calls writes.

    Parameters
    ----------
    project
        Whose examples.
    tried
        Returns the sides that a ratio would give, and writes nothing.
    """

    def __init__(self, project: Project, tried: Callable[[float], splits.Assignment]) -> None:
        self.project, self._tried = project, tried
        self.threshold = project.config.quality_threshold

    def state(self, ratio: float | None) -> dict[str, Any]:
        """Return the split on disk (ratio None), or as a ratio would make it, for the picture."""
        rule = self.project.config.aitelier_nb.get("split", {})
        share = ratio if ratio is not None else float(rule.get("ratio", RATIO))
        found = self._tried(ratio) if ratio is not None else None
        strata = self._strata(found.splits if found is not None else {}, share)
        sums = {part: sum(one[part] for one in strata) for part in PARTS}
        notes = [*found.notes, found.shortage] if found is not None else self._notes()
        changes = found is not None and len(found.ids) > 0
        return {
            **sums,
            "ratio": share,
            "strata": strata,
            "notes": list(filter(None, notes)),
            "changes": changes,
        }

    def _strata(self, placed: dict[int, str], share: float) -> list[dict[str, Any]]:
        columns = self.project.dataset.columns("id", "rating", "split")
        counts: Counter[tuple[int, str]] = Counter()
        for name, rating, side in zip(*columns.values(), strict=True):
            stratum = rating if rating is not None and rating >= self.threshold else 0
            counts[stratum, side or placed.get(name) or "unassigned"] += 1
        return [
            self._stratum(rating, share, {part: counts[rating, part] for part in PARTS})
            for rating in sorted({stratum for stratum, _ in counts}, reverse=True)
        ]

    def _stratum(self, rating: int, share: float, parts: dict[str, int]) -> dict[str, Any]:
        if not rating:
            return {"rating": "others", **parts, "quota": None}
        return {"rating": str(rating), **parts, "quota": f"{sum(parts.values()) * (1 - share):.1f}"}

    def _notes(self) -> list[str]:
        """Say what is locked, and which training examples give validation away."""
        examples = list(self.project.dataset.examples())
        held = [one for one in examples if one.split == "val"]
        if not held:
            return ["Nothing is split yet."]
        notes = [f"The {len(held)} validation examples are locked: no later split moves them."]
        below = sum(one.rating is None or one.rating < self.threshold for one in held)
        if below:
            notes.append(
                f"{below} of them are rated below {self.threshold:g} now, and are left out of files."
            )
        across = leaks.find((one for one in examples if one.split == "train"), held)
        if across:
            names = ", ".join(map(str, sorted(across)[:NAMED])) + (", …" if len(across) > NAMED else "")
            notes.append(
                f"{len(across)} training examples are near to validation ({names}): left out of files."
            )
        return notes


def picture(
    project: Project,
    tried: Callable[[float], splits.Assignment],
    confirmed: Callable[[float], object],
    static: Callable[[], tuple[str, str]],
    *,
    preview: bool = False,
) -> SplitView:
    """Return the split as a widget: a ratio is tried there, and `confirmed` called with the one chosen."""
    from aitelier_nb.widgets.splitter import SplitView

    partition = Partition(project, tried)

    def split(ratio: float) -> dict[str, Any]:
        confirmed(ratio)
        return partition.state(None)

    return SplitView(partition.state, split, static=static, preview=preview)
