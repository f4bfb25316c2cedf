"""How often the rule errs and how soon it decides, over simulated studies. Each has its own seed."""

import itertools
import math

import numpy as np
from scipy import stats

from aitelier_nb.evaluation.statistics import sequential, sign_test, verdict
from aitelier_nb.evaluation.statistics.sequences import evidence

STUDIES = 10_000


def null_studies():
    """Yield the votes of studies where neither model is better: 3 to 60 pairs, 0 to 40 % ties."""
    rng = np.random.default_rng(20261122)
    for _ in range(STUDIES):
        n, ties = int(rng.integers(3, 61)), rng.uniform(0, 0.4)
        yield rng.choice(
            ["W", "L", "T", "B"], n, p=[(1 - ties) / 2, (1 - ties) / 2, ties / 2, ties / 2]
        ).tolist()


def test_equal_models_are_called_better_in_at_most_one_of_forty_studies():
    better = sum(verdict(votes).outcome == "better" for votes in null_studies())
    assert better / STUDIES <= 0.025


def test_looking_after_every_vote_calls_equal_models_better_in_at_most_one_of_twenty():
    stopped = [verdict(votes, "sequential").outcome for votes in null_studies()]
    assert stopped.count("better") / STUDIES <= 0.05
    assert (stopped.count("better") + stopped.count("worse")) / STUDIES <= 0.05


def test_looking_after_each_of_200_votes_keeps_the_level_where_the_sign_test_does_not():
    rng = np.random.default_rng(20261122)
    wins = rng.random((1000, 200)) < 0.5
    stops = sum(sequential("".join("LW"[int(w)] for w in row)).stop is not None for row in wins)
    assert stops / 1000 <= 0.05
    totals = wins.cumsum(axis=1)
    n = np.arange(1, 201)
    p = 2 * stats.binom.sf(np.maximum(totals, n - totals) - 1, n, 0.5)
    assert ((p <= 0.05).any(axis=1)).mean() > 0.2


def test_twenty_decided_votes_show_a_true_rate_of_eighty_per_cent_four_times_in_five():
    power = math.fsum(
        math.comb(20, wins) * 0.8**wins * 0.2 ** (20 - wins)
        for wins in range(21)
        if verdict("W" * wins + "L" * (20 - wins)).outcome == "better"
    )
    assert power >= 0.80


def median_stop(rate):
    """Return the exact median: the first number of votes by which half of all studies have stopped."""
    going = {0: 1.0}  # chance of each number of wins among studies that go on
    for n in itertools.count(1):
        after = {}
        for wins, chance in going.items():
            after[wins + 1] = after.get(wins + 1, 0) + chance * rate
            after[wins] = after.get(wins, 0) + chance * (1 - rate)
        going = {w: c for w, c in after.items() if evidence(w, n - w) < math.log(20) - 1e-12}
        if sum(going.values()) <= 0.5:
            return n
    return None


def test_evidence_suffices_soon_when_the_models_differ():
    assert median_stop(0.8) <= 19
    assert median_stop(0.7) <= 47


def test_a_preference_that_is_only_length_is_not_called_better():
    rng = np.random.default_rng(3)
    called = 0
    for _ in range(200):
        base = rng.integers(80, 400, 60)
        tuned = (base * rng.uniform(0.9, 2.0, 60)).astype(int)
        gap = tuned - base
        won = rng.random(60) < 1 / (1 + np.exp(-1.8 * np.tanh(gap / gap.std(ddof=1))))
        votes = ["W" if w else "L" for w in won]
        called += verdict(votes, lengths=list(zip(base, tuned, strict=True))).outcome == "better"
    assert called / 200 <= 0.05


def test_length_that_tells_every_winner_explains_the_votes():
    lengths = [(100, 100 + gap) for gap in range(-10, 31) if gap]
    votes = ["W" if tuned > base else "L" for base, tuned in lengths]
    assert sign_test(votes.count("W"), votes.count("L")).p < 0.01
    found = verdict(votes, lengths=lengths)
    assert (found.outcome, found.length_explains) == ("not shown", True)


def test_all_votes_for_one_side_are_not_explained_by_length():
    lengths = [(100, 150 + place) for place in range(40)]
    assert verdict("W" * 40, lengths=lengths).outcome == "better"
