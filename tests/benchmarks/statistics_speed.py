"""Times all statistics of 10,000 votes together, warm, and one alone: python tests/benchmarks/statistics_speed.py."""

import statistics as plain
import time

import numpy as np

from aitelier_nb.evaluation import statistics as s

N = 10_000
ROUNDS = 7


def votes(seed=1):
    rng = np.random.default_rng(seed)
    outcomes = rng.choice(list("WTLB"), N, p=[0.4, 0.2, 0.3, 0.1]).tolist()
    lengths = list(zip(rng.integers(50, 400, N).tolist(), rng.integers(50, 500, N).tolist(), strict=True))
    base, tuned = rng.integers(1, 11, N).tolist(), rng.integers(1, 11, N).tolist()
    return outcomes, lengths, base, tuned, rng.integers(0, 500, N).tolist()


def everything(outcomes, lengths, base, tuned, groups):
    counts = s.count(outcomes)
    decided = [
        (one, two, float(vote == "W"))
        for vote, (one, two) in zip(outcomes, lengths, strict=True)
        if vote in "WL"
    ]
    sendable = [(a >= 8, b >= 8) for a, b in zip(base, tuned, strict=True)]
    yes = [[float(b) for b, _ in sendable], [float(t) for _, t in sendable]]
    return {
        "sign_test": lambda: s.sign_test(counts.wins, counts.losses),
        "win_rate": lambda: s.win_rate(counts.wins, counts.ties + counts.both_bad, counts.losses),
        "proportion_interval": lambda: s.proportion_interval(counts.wins, counts.decided),
        "position_test": lambda: s.position_test([[2100, 1500], [1900, 1500]]),
        "mcnemar": lambda: s.mcnemar(*(sendable.count(pair) for pair in ((True, True), (False, True), (True, False), (False, False)))),
        "paired_difference": lambda: s.paired_difference(base, tuned),
        "mean_error": lambda: s.mean_error(tuned, groups),
        "sequential": lambda: s.sequential(outcomes),
        "verdict": lambda: s.verdict(outcomes, lengths=lengths),
        "length_controlled": lambda: s.length_controlled(*zip(*decided, strict=True)),
        "bradley_terry": lambda: s.bradley_terry([[0, 900, 800], [1100, 0, 950], [1200, 1050, 0]]),
        "agreement": lambda: s.agreement([base, tuned]),
        "self_consistency": lambda: s.self_consistency(base, tuned),
        "flips": lambda: s.flips(outcomes, outcomes[::-1]),
        "both_orders": lambda: s.both_orders(zip(outcomes, outcomes[::-1], strict=True)),
        "judge_calibration": lambda: s.judge_calibration(*yes),
        "prediction_powered": lambda: s.prediction_powered(yes[0][:500], yes[1][:500], yes[1][500:]),
        "votes_needed": lambda: s.votes_needed(counts.wins / counts.decided),
        "adjust": lambda: s.adjust([0.01, 0.02, 0.04]),
    }  # fmt: skip


def main():
    functions = everything(*votes())
    for function in functions.values():
        function()
    totals, busy = [], []
    for _ in range(ROUNDS):
        start, worked = time.perf_counter(), time.process_time()
        for function in functions.values():
            function()
        totals.append((time.perf_counter() - start) * 1e3)
        busy.append((time.process_time() - worked) * 1e3)
    for name, function in functions.items():
        start = time.perf_counter()
        function()
        print(f"{name:22s} {(time.perf_counter() - start) * 1e3:8.2f} ms")
    print(
        f"all of {N} votes: median {plain.median(totals):.1f} ms of {ROUNDS} rounds (at most 200), "
        f"least {min(totals):.1f} ms, least of the processor {min(busy):.1f} ms"
    )


if __name__ == "__main__":
    main()
