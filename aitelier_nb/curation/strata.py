"""How much of validation each rating gives: proportional, within one of the exact share."""

from __future__ import annotations

import numpy as np

from aitelier_nb.curation.columns import Ints

__all__ = ["homes", "needed", "quotas"]


def quotas(stratum: Ints, share: float, holdout: int | None) -> dict[int, tuple[float, int]]:
    """Return per stratum the exact and the rounded number of validation examples.

    Largest remainders: each is within one of its exact quota, and the sum is the rounded total.
    """
    names, counts = np.unique(stratum, return_counts=True)
    exact = np.round(counts * share, 9)
    total = holdout or min(max(int(len(stratum) * share + 0.5 + 1e-9), 1), len(stratum) - 1)
    rounded = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(-(exact - rounded), kind="stable")
    rounded[by_remainder[: max(total - int(rounded.sum()), 0)]] += 1
    return {
        int(name): (float(quota), int(whole))
        for name, quota, whole in zip(names, exact, rounded, strict=True)
    }


def needed(quotas: dict[int, tuple[float, int]], present: Ints) -> dict[int, int]:
    """Return how many validation examples each stratum still lacks, in all no more than the total lacks."""
    have = {name: int((present == name).sum()) for name in quotas}
    lacking = {name: max(whole - have[name], 0) for name, (_, whole) in quotas.items()}
    surplus = sum(lacking.values()) - max(sum(whole for _, whole in quotas.values()) - len(present), 0)
    for name in sorted(lacking, key=lambda name: quotas[name][0] - quotas[name][1]):
        cut = min(surplus, lacking[name])
        lacking[name] -= cut
        surplus -= cut
    return lacking


def homes(ids: Ints, tie: Ints, stratum: Ints) -> Ints:
    """Return the stratum where each example is drawn: for the tied that of the lowest id among them."""
    tied = np.flatnonzero(tie >= 0)
    if not len(tied):
        return stratum
    home = stratum.copy()
    by_id = tied[np.argsort(ids[tied])]
    _, first, block = np.unique(tie[by_id], return_index=True, return_inverse=True)
    home[by_id] = stratum[by_id][first][block]
    return home
