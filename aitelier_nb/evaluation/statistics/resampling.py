"""All sign flips and all resamples of a sample at once: the exact distribution of their sums.

Scores lie on a grid (whole points, halves, thirds), so the sums do; their distribution follows from
its characteristic function and one Fourier transform. Values off any grid are resampled with a seed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

__all__ = ["percentiles", "sign_flips"]

PARTS = (1, 2, 3, 4, 10, 100)  # of a point: the grids that are tried
NEAR = 1e-9  # of a grid's step
LONGEST = 1 << 22  # steps of a sum's range
EXACT = 20  # values off a grid whose sign flips are enumerated
FLIPS = 100_000
RESAMPLES = 10_000
BLOCK = 1 << 22  # numbers drawn at a time
SILENT = 1e-20  # of a wave: what is less changes no digit
SAME = 1e-12  # relative: sums of the same values in another order

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def _steps(values: Floats) -> tuple[Integers, float] | None:
    """Return values as whole multiples of a step, and the step; None off every grid."""
    for parts in PARTS:
        scaled = values * parts
        whole = np.rint(scaled)
        if np.abs(whole).sum() > LONGEST:
            return None
        if (np.abs(scaled - whole) <= NEAR).all():
            common = int(np.gcd.reduce(whole.astype(np.int64))) or 1
            return whole.astype(np.int64) // common, common / parts
    return None


def sign_flips(differences: Floats, seed: int) -> float:
    """Return how often a sum with random signs is as far from 0 as the sum seen."""
    if (found := _steps(differences)) is not None:
        return _all_flips(found[0])
    seen = abs(float(differences.sum())) * (1 - SAME)
    if len(differences) <= EXACT:
        sums = np.zeros(1)
        for difference in differences:
            sums = np.concatenate([sums + difference, sums - difference])
        return float((np.abs(sums) >= seen).mean())
    rng, n = np.random.default_rng(seed), len(differences)
    far, left = 0, FLIPS
    while left:
        rows = min(left, max(1, BLOCK // n))
        signs = rng.integers(0, 2, (rows, n), dtype=np.int8).astype(np.float64) * 2 - 1
        far, left = far + int((np.abs(signs @ differences) >= seen).sum()), left - rows
    return (1 + far) / (1 + FLIPS)


def _all_flips(steps: Integers) -> float:
    """Return the share of all sign flips whose sum is as far from 0, by the transform of the sum's chances.

    The sum of the values that keep their sign has the characteristic function of a product of cosines,
    turned by half of the total.
    """
    sizes, counts = np.unique(np.abs(steps[steps != 0]), return_counts=True)
    total, seen = int((sizes * counts).sum()), abs(int(steps.sum()))
    if not seen:
        return 1.0
    length = fft.next_fast_len(total + 1, real=True)
    wave = np.zeros(length // 2 + 1, dtype=np.complex128)
    angles, size = np.pi / length * np.arange(len(wave)), np.ones(len(wave))
    for step, number in zip(sizes, counts, strict=True):
        size = size * np.cos(step * angles) ** number
        loud = np.abs(size) > SILENT
        angles, size = angles[loud], size[loud]
    wave[np.rint(angles * length / np.pi).astype(np.int64)] = size * np.exp(-1j * total * angles)
    chances = fft.irfft(wave, length)[: total + 1]
    p = float(chances[np.abs(2 * np.arange(total + 1) - total) >= seen].sum())
    return min(1.0, max(p, 2.0 ** (1 - int(counts.sum()))))


def percentiles(values: Floats, seed: int, alpha: float = 0.05) -> tuple[float, float]:
    """Return the percentile interval of the mean over resampled values: over all resamples on a grid."""
    n = len(values)
    if (found := _steps(values - values.min())) is None:
        means = _drawn_means(values, seed)
        low, high = np.quantile(means, [alpha / 2, 1 - alpha / 2], method="inverted_cdf")
        return float(low), float(high)
    steps, step = found
    total = n * int(steps.max())
    length = fft.next_fast_len(total + 1, real=True)
    wave = fft.rfft(np.bincount(steps) / n, length)
    loud = n * np.log(np.maximum(np.abs(wave), SILENT)) > np.log(SILENT)
    wave[loud] **= n
    wave[~loud] = 0
    reached = np.cumsum(fft.irfft(wave, length)[: total + 1])
    low, high = np.searchsorted(reached, [alpha / 2 - SAME, 1 - alpha / 2 - SAME])
    return float(values.min() + low * step / n), float(values.min() + high * step / n)


def _drawn_means(values: Floats, seed: int) -> Floats:
    rng, n = np.random.default_rng(seed), len(values)
    rows = max(1, BLOCK // n)
    blocks = [
        values[rng.integers(0, n, (min(rows, RESAMPLES - start), n))].mean(axis=1)
        for start in range(0, RESAMPLES, rows)
    ]
    return np.concatenate(blocks)
