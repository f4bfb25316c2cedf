"""Rating in a notebook: which examples come, and in which order."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import xxhash

from aitelier_nb.errors import StorageError, UsageError
from aitelier_nb.storage.files import replace
from aitelier_nb.storage.project import Project
from aitelier_nb.verbs.browsing import Desk, picked
from aitelier_nb.verbs.current import Where, current, fold_soon
from aitelier_nb.verbs.insights import Insights

if TYPE_CHECKING:
    from aitelier_nb.widgets.rater import Rater

__all__ = ["ORDERS", "rate"]

ORDERS = ("unrated", "random", "lowest", "longest", "disagreement", "file")


def rate(  # noqa: PLR0913 - the filters of `examples`, and how to go through what they find
    below: int | None = None,
    ids: Sequence[int] | None = None,
    order: str = "unrated",
    seed: int = 0,
    *,
    rated: bool | None = None,
    at_least: int | None = None,
    split: str | None = None,
    query: str | None = None,
    repeats: float = 0,
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
        unrated (begins at the first unrated one), random (seeded), lowest, longest, disagreement
        (between raters), file.
    seed
        Of the random order and of the repeats.
    rated, at_least, split, query
        The filters of `examples`.
    repeats
        The share (0 to 1) of examples that come a second time, to measure the agreement with oneself.

    Examples
    --------
    >>> import aitelier_nb as ait
    >>> ait.rate(project=project)
    Rater: 2 of 3 examples rated
    """
    from aitelier_nb.widgets.rater import Rater

    place = current(project)
    if order not in ORDERS:
        raise UsageError(f"there is no order {order!r}", hint=f"one of {', '.join(ORDERS)}")
    if not 0 <= repeats <= 1:
        raise UsageError(f"repeats {repeats!r} is no share", hint="0.1 shows every tenth example twice")
    ratings = _ratings(place)
    if ids is None:
        chosen = picked(place, rated=rated, below=below, at_least=at_least, split=split, query=query)
        listed = _ordered(place, chosen, order, seed, ratings)
    else:
        listed = [place.dataset.get(name).id for name in ids]
    session = place.state_path / "cache" / "session.json"
    insights = Insights(place)
    desk = Desk(place, listed, insights)
    rater = Rater(
        desk.page,
        desk.edit,
        total=len(listed),
        rated=sum(rating is not None for rating in ratings.values()),
        examples=len(place.dataset),
        start=next((n for n, name in enumerate(listed) if ratings.get(name) is None), 0),
        threshold=place.config.quality_threshold,
        guideline=str(place.config.aitelier_nb.get("guideline", "")),
        store=f"{place.config.name}:{place.dataset.path}",
        next_step="ait.stats(), then ait.split()",
        repeats=repeats,
        seed=seed,
        session=_kept(session),
        together=place.dataset.together,
        on_session=lambda facts: replace(session, [json.dumps(facts).encode() + b"\n"]),
    )
    insights.onknown = rater.look_again
    fold_soon(place)  # and with it what the first look left out
    return rater


def _ratings(project: Project) -> dict[int, int | None]:
    columns = project.dataset.columns("id", "rating", hasty=True)
    return dict(zip(columns["id"], columns["rating"], strict=True))


def _ordered(
    project: Project, names: list[int], order: str, seed: int, ratings: Mapping[int, int | None]
) -> list[int]:
    if order == "unrated":
        rated = [name for name in names if ratings.get(name) is not None]
        return rated + [name for name in names if ratings.get(name) is None] if rated else names
    return sorted(names, key=_key(project, order, seed, ratings))


def _key(project: Project, order: str, seed: int, ratings: Mapping[int, int | None]) -> Callable[[int], Any]:
    if order == "random":
        return lambda name: xxhash.xxh3_64_intdigest(f"{seed}:{name}".encode())
    if order == "lowest":
        return lambda name: ratings.get(name) or 0
    if order == "longest":
        columns = project.dataset.columns("id", "n_chars")
        lengths = dict(zip(columns["id"], columns["n_chars"], strict=True))
        return lambda name: -lengths.get(name, 0)
    if order == "disagreement":
        spreads = {example.id: _spread(example.ratings) for example in project.dataset.examples()}
        return lambda name: -spreads.get(name, 0)
    return lambda _: 0


def _spread(ratings: Mapping[str, int] | None) -> int:
    return max(ratings.values()) - min(ratings.values()) if ratings else 0


def _kept(path: Any) -> dict[str, Any]:
    """Return the numbers of the session before; without them nothing is lost."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StorageError(
            f"{path}: cannot be read: {error}", hint="delete the file; it is only a cache"
        ) from error
    return found if isinstance(found, dict) else {}
