"""How far several raters agree on the same examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

__all__ = ["alpha"]

Distance = Callable[[int, int], float]


def alpha(units: Iterable[Mapping[str, int]], level: str = "ordinal") -> float | None:
    """Return Krippendorff's alpha: 1 is full agreement, 0 is chance.

    Krippendorff: Computing Krippendorff's alpha-reliability, 2011.

    Parameters
    ----------
    units
        For each example the ratings by rater; those with fewer than two ratings say nothing.
    level
        "nominal", "ordinal" or "interval": how far apart two ratings are.

    Returns
    -------
    float or None
        None when it is undefined: nobody rated the same example, or all ratings are equal.
    """
    weights: dict[tuple[int, int], float] = {}
    for ratings in units:
        values = list(ratings.values())
        if len(values) < 2:  # noqa: PLR2004 - a pair
            continue
        for place, value in enumerate(values):
            for other in values[:place] + values[place + 1 :]:
                weights[value, other] = weights.get((value, other), 0) + 1 / (len(values) - 1)
    totals: dict[int, float] = {}
    for (value, _), weight in weights.items():
        totals[value] = totals.get(value, 0) + weight
    n = sum(totals.values())
    far = _distance(totals, level)
    expected = sum(totals[a] * totals[b] * far(a, b) for a in totals for b in totals)
    if not expected:
        return None
    observed = sum(weight * far(a, b) for (a, b), weight in weights.items())
    return 1 - (n - 1) * observed / expected


def _distance(totals: Mapping[int, float], level: str) -> Distance:
    """Return the squared distance of two ratings."""
    if level == "nominal":
        return lambda a, b: float(a != b)
    if level == "interval":
        return lambda a, b: float((a - b) ** 2)

    def ordinal(a: int, b: int) -> float:
        low, high = min(a, b), max(a, b)
        between = sum(count for value, count in totals.items() if low <= value <= high)
        return (between - (totals[a] + totals[b]) / 2) ** 2 if a != b else 0.0

    return ordinal
