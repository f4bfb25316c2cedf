"""Rating in a notebook: which examples come, in which order, and what a key press does on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import xxhash

from aitelier_nb.errors import UsageError
from aitelier_nb.schema import Example
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.current import Where, current, fold_soon

if TYPE_CHECKING:
    from aitelier_nb.widgets.rater import Rater

__all__ = ["ORDERS", "rate"]

ORDERS = ("unrated", "random", "lowest", "longest", "disagreement", "file")


def rate(
    below: int | None = None,
    ids: Sequence[int] | None = None,
    order: str = "unrated",
    seed: int = 0,
    project: Where = None,
) -> Rater:
    """Rate examples with the keyboard, one on screen at a time; each key press is on disk at once.

    Parameters
    ----------
    below
        Only rated examples under this, to look at them again.
    ids
        Only these examples, in this order.
    order
        unrated (unrated first), random (seeded), lowest, longest, disagreement (between raters), file.
    seed
        Of the random order.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.rate(project=project)
    2 of 3 examples rated
    """
    from aitelier_nb.widgets.rater import Rater

    place = current(project)
    chosen = _chosen(place, below, ids, order, seed)
    rated = sum(example.rating is not None for example in place.dataset.examples())
    desk = Desk(place, [example.id for example in chosen])
    begin = next((n for n, example in enumerate(chosen) if example.rating is None), 0)
    return Rater(
        desk.page,
        desk.edit,
        total=len(chosen),
        rated=rated,
        examples=len(place.dataset),
        start=begin if below is None and ids is None else 0,
        threshold=place.config.quality_threshold,
        guideline=str(place.config.aitelier_nb.get("guideline", "")),
        store=f"{place.config.name}:{place.dataset.path}",
    )


def _chosen(
    project: Project, below: int | None, ids: Sequence[int] | None, order: str, seed: int
) -> list[Example]:
    if order not in ORDERS:
        raise UsageError(f"there is no order {order!r}", hint=f"one of {', '.join(ORDERS)}")
    if ids is not None:
        return [project.dataset.get(name) for name in ids]
    found = [
        example
        for example in project.dataset.examples()
        if below is None or (example.rating is not None and example.rating < below)
    ]
    keys = {
        "unrated": lambda example: example.rating is not None,
        "random": lambda example: xxhash.xxh3_64_intdigest(f"{seed}:{example.id}".encode()),
        "lowest": lambda example: example.rating or 0,
        "longest": lambda example: -sum(len(message.text) for message in example.messages),
        "disagreement": lambda example: -_spread(example.ratings),
        "file": lambda _: 0,
    }
    return sorted(found, key=keys[order])


def _spread(ratings: Mapping[str, int] | None) -> int:
    return max(ratings.values()) - min(ratings.values()) if ratings else 0


class Desk:
    """Connects a rater to the project: pages come from the dataset, decisions go into it."""

    def __init__(self, project: Project, ids: list[int]) -> None:
        self.project, self.ids = project, ids
        self.places = {name: place for place, name in enumerate(ids)}

    def page(self, start: int, n: int) -> list[dict[str, Any]]:
        """Return the examples at these places, as they stand now."""
        known = set(self.project.dataset.ids())
        wanted = [name for name in self.ids[start : start + n] if name in known]
        return [self._card(example) for example in self.project.dataset.examples(wanted)]

    def _card(self, example: Example) -> dict[str, Any]:
        return {**example.to_json(), "position": self.places.get(example.id)}

    def edit(self, decision: Mapping[str, Any]) -> dict[str, Any]:
        """Do what one key press says; return once it is on disk."""
        data, key = self.project.dataset, (str(decision["session"]), int(decision["seq"]))
        kind, name = decision["kind"], int(decision.get("id") or 0)
        if kind == "rate":
            data.set_rating(name, decision["value"], key=key)
        elif kind == "rewrite":
            data.rewrite(name, decision["text"], decision["value"], key=key)
        elif kind == "annotate":
            data.annotate(
                name,
                tags=decision.get("tags"),
                note=decision.get("note"),
                flagged=decision.get("flagged"),
                key=key,
            )
        elif kind == "delete":
            data.delete(name, key=key)
        elif kind == "undo":
            undone = data.undo()
            name = undone.id if undone is not None else name
        fold_soon(self.project)
        if not name or name not in set(data.ids()):
            return {}
        return {"example": self._card(data.get(name)), "position": self.places.get(name)}
