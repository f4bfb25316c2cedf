"""The statistics against scipy, statsmodels, choix and krippendorff where they are installed, and brute force."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from scipy import stats

from aitelier_nb.errors import EvaluationError
from aitelier_nb.evaluation import statistics as s

counts = some.integers(0, 60)
votes = some.lists(some.sampled_from("WTLB"), max_size=80)
marks = some.integers(1, 10)
NAN = float("nan")
quick = settings(max_examples=60, deadline=None)


@quick
@given(some.integers(1, 400).flatmap(lambda n: some.tuples(some.integers(0, n), some.just(n))))
def test_intervals_of_a_proportion_equal_scipys(case):
    k, n = case
    exact = stats.binomtest(k, n)
    for method, theirs in (("wilson", "wilson"), ("clopper-pearson", "exact")):
        assert s.proportion_interval(k, n, method) == pytest.approx(
            tuple(exact.proportion_ci(method=theirs)), abs=1e-9
        )
    assert s.proportion_interval(k, n, "jeffreys") == pytest.approx(
        stats.beta.interval(0.95, k + 0.5, n - k + 0.5), abs=1e-9
    )


@quick
@given(counts, counts)
def test_the_sign_test_equals_scipys_and_its_mid_p_equals_the_definition(wins, losses):
    n = wins + losses
    found = s.sign_test(wins, losses)
    chances = stats.binom.pmf(range(n + 1), n, 0.5)
    seen = chances[wins]
    same = np.isclose(chances, seen, rtol=1e-9, atol=0)
    if n:
        assert found.p == pytest.approx(stats.binomtest(wins, n).pvalue, abs=1e-12)
    assert found.p_greater == pytest.approx(chances[wins:].sum(), abs=1e-12)
    assert found.p_mid == pytest.approx(
        chances[(chances < seen) & ~same].sum() + chances[same].sum() / 2, abs=1e-12
    )


@quick
@given(counts, counts, counts)
def test_the_win_rate_equals_the_mean_of_its_votes(wins, ties, losses):
    values = np.array([1.0] * wins + [0.5] * ties + [0.0] * losses)
    found = s.win_rate(wins, ties, losses)
    if not len(values):
        assert found == s.WinRate(None, None, None, None, None, None)
        return
    assert found.rate == pytest.approx(values.mean())
    if len(set(values)) > 1:
        assert found.se == pytest.approx(stats.sem(values))
        assert found.interval == pytest.approx(
            stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
        )
    else:
        assert found.se is found.interval is None


@quick
@given(counts, counts, counts, counts)
def test_mcnemar_equals_statsmodels_and_swapping_the_models_mirrors_it(both, tuned, base, neither):
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    found, other = s.mcnemar(both, tuned, base, neither), s.mcnemar(both, base, tuned, neither)
    assert found.p == pytest.approx(
        tables.mcnemar([[both, tuned], [base, neither]], exact=True).pvalue, abs=1e-12
    )
    assert found.p == pytest.approx(other.p)
    if found.interval is not None:
        assert found.interval == pytest.approx((-other.interval[1], -other.interval[0]))
        assert -1 <= found.interval[0] <= found.difference <= found.interval[1] <= 1


@quick
@given(some.lists(some.tuples(marks, marks), min_size=2, max_size=11))
def test_a_paired_difference_equals_scipys_and_all_sign_flips(pairs):
    base, tuned = zip(*pairs, strict=True)
    d = np.subtract(tuned, base)
    found = s.paired_difference(base, tuned)
    flips = [abs(np.dot(signs, d)) for signs in itertools.product((1, -1), repeat=len(d))]
    assert found.p_permutation == pytest.approx(np.mean(np.array(flips) >= abs(d.sum())))
    if len(set(d)) > 1:
        test = stats.ttest_rel(tuned, base)
        assert found.p == pytest.approx(test.pvalue, abs=1e-12)
        assert found.interval == pytest.approx(tuple(test.confidence_interval()))
        assert found.effect == pytest.approx(d.mean() / d.std(ddof=1))
    else:
        assert found.p is found.interval is found.effect is None


def convolved(steps):
    """Return the distribution of a sum by plain convolution."""
    total = np.ones(1)
    for step in steps:
        total = np.convolve(total, step)
    return total


@quick
@given(
    some.lists(some.integers(-27, 27), min_size=2, max_size=70),
    some.sampled_from([1, 2, 3]),
)
def test_all_sign_flips_and_all_resamples_equal_a_convolution_however_many_pairs(steps, parts):
    found = s.paired_difference([0.0] * len(steps), [step / parts for step in steps])
    coin = [np.bincount([0, 2 * abs(step)]) / 2 for step in steps]
    sums = np.arange(2 * sum(map(abs, steps)) + 1) - sum(map(abs, steps))
    p = convolved(coin)[np.abs(sums) >= abs(sum(steps))].sum()
    assert found.p_permutation == pytest.approx(p, abs=1e-12)
    if len(set(steps)) == 1:
        assert found.bootstrap is None
        return
    n, least = len(steps), min(steps)
    reached = np.cumsum(convolved([np.bincount(np.array(steps) - least) / n] * n))
    ends = (np.searchsorted(reached, [0.025 - 1e-12, 0.975 - 1e-12]) / n + least) / parts
    assert found.bootstrap == pytest.approx(tuple(ends))


def test_scores_off_every_grid_are_flipped_one_by_one_and_drawn_with_a_seed_beyond_twenty():
    rng = np.random.default_rng(5)
    d = rng.normal(0.4, 1, 12)
    flips = np.array(list(itertools.product((1, -1), repeat=12))) @ d
    found = s.paired_difference(np.zeros(12), d)
    assert found.p_permutation == pytest.approx((np.abs(flips) >= abs(d.sum()) - 1e-12).mean())
    many = rng.normal(0.15, 1, 120)
    drawn = s.paired_difference(np.zeros(120), many, seed=7)
    assert drawn == s.paired_difference(np.zeros(120), many, seed=7)
    assert drawn.p_permutation == pytest.approx(drawn.p, abs=0.02)
    assert drawn.bootstrap == pytest.approx(drawn.interval, abs=0.05)


@quick
@given(some.lists(some.integers(0, 40), min_size=4, max_size=4))
def test_the_test_of_sides_equals_scipys_exact_one(cells):
    table = [cells[:2], cells[2:]]
    assert s.position_test(table).p == pytest.approx(stats.fisher_exact(table)[1], abs=1e-10)


@quick
@given(
    some.lists(some.tuples(some.integers(0, 1), some.integers(0, 1)), min_size=2, max_size=30),
    some.lists(some.integers(0, 1), min_size=1, max_size=60),
)
def test_prediction_power_is_the_judges_mean_less_its_mean_error(pairs, unlabelled):
    human, judge = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    found = s.prediction_powered(human, judge, unlabelled)
    se = math.sqrt(np.var(unlabelled) / len(unlabelled) + np.var(human - judge) / len(pairs))
    assert found.estimate == pytest.approx(np.mean(unlabelled) + np.mean(human - judge))
    assert found.se == pytest.approx(se)
    if se:
        reach = stats.t.ppf(0.975, len(pairs) - 1) * se
        assert found.interval == pytest.approx((found.estimate - reach, found.estimate + reach))


@quick
@given(some.lists(marks, min_size=3, max_size=5).filter(lambda d: len(set(d)) > 1))
def test_the_bootstrap_lies_within_a_step_of_all_resamples(scores):
    n = len(scores)
    means = np.sort([np.mean(draw) for draw in itertools.product(scores, repeat=n)])
    ideal = np.quantile(means, [0.02, 0.03, 0.97, 0.98], method="inverted_cdf")
    low, high = s.paired_difference([0] * n, scores).bootstrap
    assert ideal[0] - 1e-9 <= low <= ideal[1] + 1e-9
    assert ideal[2] - 1e-9 <= high <= ideal[3] + 1e-9


@quick
@given(some.lists(some.tuples(marks, some.integers(0, 4)), min_size=2, max_size=40))
def test_clustered_errors_equal_statsmodels_without_its_small_sample_factor(rows):
    ols = pytest.importorskip("statsmodels.api").OLS
    values, groups = map(list, zip(*rows, strict=True))
    found = s.mean_error(values, groups)
    if len(set(groups)) < 2:
        assert found.se is None
        return
    fit = ols(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": np.array(groups), "use_correction": False}
    )
    assert found.se == pytest.approx(float(fit.bse[0]), abs=1e-9)
    assert s.mean_error(values).se == pytest.approx(stats.sem(values))


@pytest.mark.parametrize("rate", [0.55, 0.6, 0.63, 0.7, 0.77, 0.8, 0.9, 0.97, 1.0])
def test_votes_needed_equal_an_enumeration(rate):
    def power(n):
        wins = np.arange(n + 1)
        p = np.minimum(1, 2 * stats.binom.sf(np.maximum(wins, n - wins) - 1, n, 0.5))
        return stats.binom.pmf(wins, n, rate)[p <= 0.05].sum()

    enough = [power(n) >= 0.8 for n in range(1, 1000)]
    assert s.votes_needed(rate).first == enough.index(True) + 1
    assert s.votes_needed(rate).always == len(enough) - enough[::-1].index(False) + 1
    assert s.votes_needed(1 - rate) == s.votes_needed(rate)


def test_a_rate_of_a_half_is_never_shown():
    assert s.votes_needed(0.5) == s.VotesNeeded(None, None)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_wins_needed_is_the_first_number_the_sign_test_accepts(alpha):
    for n in range(80):
        wins = next((w for w in range(n // 2, n + 1) if 2 * w > n and s.sign_test(w, n - w).p <= alpha), None)
        assert s.wins_needed(n, alpha) == wins


@quick
@given(votes)
def test_the_evidence_is_the_likelihood_averaged_over_all_rates(outcomes):
    found = s.sequential(outcomes)
    decided = [vote for vote in outcomes if vote in "WL"]
    assert len(found.e) == len(found.p) == len(decided)
    for n, e in enumerate(found.e, 1):
        w = decided[:n].count("W")
        assert e == pytest.approx(
            2**n * math.factorial(w) * math.factorial(n - w) / math.factorial(n + 1), rel=1e-9
        )
    assert found.p == sorted(found.p, reverse=True)
    reached = [n for n, e in enumerate(found.e, 1) if e >= 20 - 1e-9]
    assert found.stop == (reached[0] if reached else None)


@quick
@given(counts, counts)
def test_the_confidence_sequence_ends_where_the_likelihood_ratio_says(wins, losses):
    low, high = s.sequential("W" * wins + "L" * losses).interval
    log_b = math.lgamma(1 + wins) + math.lgamma(1 + losses) - math.lgamma(2 + wins + losses)

    def ratio(p):
        return log_b - wins * math.log(p) - losses * math.log(1 - p)

    for edge, outside in ((low, -1e-6), (high, 1e-6)):
        if 1e-5 < edge < 1 - 1e-5:
            assert ratio(edge) == pytest.approx(math.log(20), abs=1e-6)
            assert ratio(edge + outside) > math.log(20)


@quick
@given(
    some.lists(some.lists(some.integers(1, 9), min_size=4, max_size=4), min_size=4, max_size=4),
    some.integers(0, 3),
)
def test_bradley_terry_equals_choix_and_statsmodels_errors(table, anchor):
    choix = pytest.importorskip("choix")
    wins = [[0 if i == j else table[i][j] for j in range(4)] for i in range(4)]
    found = s.bradley_terry(wins, anchor)
    theirs = choix.ilsr_pairwise_dense(np.array(wins, dtype=float))
    assert found.strength == pytest.approx(list(theirs - theirs[anchor]), abs=1e-6)
    assert found.se[anchor] == 0


def test_bradley_terry_errors_equal_a_binomial_regression():
    api = pytest.importorskip("statsmodels.api")
    wins = [[0, 9, 8], [21, 0, 13], [22, 17, 0]]
    rows, won = [], []
    for i, j in ((0, 1), (0, 2), (1, 2)):
        row = np.zeros(3)
        row[i], row[j] = 1, -1
        rows.append(row[1:])
        won.append([wins[i][j], wins[j][i]])
    fit = api.GLM(np.array(won), np.array(rows), family=api.families.Binomial()).fit(tol=1e-12)
    found = s.bradley_terry(wins)
    assert found.strength[1:] == pytest.approx(list(fit.params), abs=1e-7)
    assert found.se[1:] == pytest.approx(list(fit.bse), abs=1e-6)


def test_a_contestant_that_never_lost_has_no_strength():
    found = s.bradley_terry([[0, 5, 0], [3, 0, 0], [4, 4, 0]])
    assert found.strength[2] is None
    assert found.strength[1] == pytest.approx(math.log(3 / 5))


ratings = some.lists(
    some.lists(some.one_of(some.none(), marks), min_size=12, max_size=12), min_size=2, max_size=4
)


@quick
@given(ratings)
def test_krippendorffs_alpha_equals_the_library(rows):
    krippendorff = pytest.importorskip("krippendorff")
    found = s.agreement(rows)
    data = np.array([[np.nan if value is None else value for value in row] for row in rows], dtype=float)
    for level in ("nominal", "ordinal", "interval"):
        ours = getattr(found, f"alpha_{level}")
        shared = data[:, (~np.isnan(data)).sum(axis=0) > 1]
        if len(set(shared[~np.isnan(shared)])) < 2:
            assert ours is None
        else:
            assert ours == pytest.approx(krippendorff.alpha(data, level_of_measurement=level), abs=1e-9)


@quick
@given(some.lists(some.tuples(marks, marks), min_size=1, max_size=30))
def test_cohens_kappas_equal_their_definition_over_all_ten_ratings(pairs):
    first, second = zip(*pairs, strict=True)
    found = s.agreement([first, second])
    n = len(pairs)
    for name, distance in (("kappa", lambda a, b: a != b), ("kappa_linear", lambda a, b: abs(a - b)), ("kappa_quadratic", lambda a, b: (a - b) ** 2)):  # fmt: skip
        seen = sum(distance(a, b) for a, b in pairs) / n
        expected = sum(distance(a, b) for a in first for b in second) / n**2
        ours = getattr(found, name)
        assert ours is None if not expected else ours == pytest.approx(1 - seen / expected)


@quick
@given(
    some.lists(
        some.tuples(some.integers(50, 400), some.integers(50, 400), some.booleans()), min_size=8, max_size=60
    )
)
def test_length_control_equals_a_logistic_regression(rows):
    api = pytest.importorskip("statsmodels.api")
    errors = pytest.importorskip("statsmodels.tools.sm_exceptions")
    base, tuned, won = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = s.length_controlled(base, tuned, won)
    gap = tuned - base
    if len(set(won)) < 2 or len(set(gap)) < 2:
        return
    design = np.stack([np.ones(len(gap)), np.tanh(gap / gap.std(ddof=1))], axis=1)
    try:
        fit = api.Logit(won, design).fit(disp=0, maxiter=200)
    except (errors.PerfectSeparationError, np.linalg.LinAlgError):
        assert found.rate is None
        return
    except (errors.PerfectSeparationWarning, errors.ConvergenceWarning, RuntimeWarning):
        return
    if abs(fit.params).max() > 15:  # next to separation, where neither of the two is exact
        return
    assert found.theta == pytest.approx(fit.params[0], abs=1e-6)
    assert found.phi == pytest.approx(fit.params[1], abs=1e-6)
    assert found.p_phi == pytest.approx(fit.pvalues[1], abs=1e-6)


@quick
@given(some.lists(some.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_p_values_equal_statsmodels(p):
    multiple = pytest.importorskip("statsmodels.stats.multitest").multipletests
    assert s.adjust(p) == pytest.approx(list(multiple(p, method="holm")[1]))
    assert s.adjust(p, "bh") == pytest.approx(list(multiple(p, method="fdr_bh")[1]))
    assert s.adjust([None, *p])[1:] == s.adjust(p)


@quick
@given(some.lists(some.tuples(some.integers(0, 1), some.integers(0, 1)), min_size=1, max_size=40))
def test_a_judges_calibration_counts_every_answer_once(pairs):
    human, judge = zip(*pairs, strict=True)
    found = s.judge_calibration(human, judge)
    assert found.tp + found.fn + found.fp + found.tn == len(pairs)
    assert found.kappa == s.agreement([human, judge]).kappa or found.kappa == pytest.approx(
        s.agreement([human, judge]).kappa
    )


@quick
@given(votes, some.sampled_from(["fixed", "sequential"]))
def test_a_verdict_mirrors_when_the_models_are_swapped(outcomes, mode):
    swapped = [{"W": "L", "L": "W"}.get(vote, vote) for vote in outcomes]
    mirror = {"better": "worse", "worse": "better", "not shown": "not shown"}
    found, other = s.verdict(outcomes, mode), s.verdict(swapped, mode)
    assert other.outcome == mirror[found.outcome]
    assert other.missing == found.missing
    assert (found.missing is None) or found.missing >= 1


@quick
@given(votes)
def test_a_verdict_is_the_sign_test_and_nothing_else(outcomes):
    wins, losses = outcomes.count("W"), outcomes.count("L")
    shown = s.sign_test(wins, losses).p <= 0.05
    assert (s.verdict(outcomes).outcome == "not shown") is not shown


def test_the_votes_that_are_missing_would_decide_at_the_present_rate():
    for wins, losses in ((4, 1), (12, 8), (7, 3), (33, 27)):
        missing = s.verdict("W" * wins + "L" * losses).missing
        n = wins + losses + missing
        assert n == s.votes_needed(wins / (wins + losses)).first


def test_ties_make_more_votes_missing():
    assert s.verdict("W" * 4 + "L" + "T" * 5).missing == 2 * s.verdict("W" * 4 + "L").missing


@pytest.mark.parametrize(("outcomes", "missing"), [("", 6), ("WWWWW", 1), ("TTTT", None), ("WL", None)])
def test_few_votes_show_nothing(outcomes, missing):
    assert s.verdict(outcomes) == s.Verdict("not shown", missing)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: s.proportion_interval(3, 2),
        lambda: s.proportion_interval(-1, 2),
        lambda: s.proportion_interval(1, 2, "wald"),
        lambda: s.sign_test(1.5, 2),
        lambda: s.verdict("WX"),
        lambda: s.verdict("WL", alpha=5),
        lambda: s.verdict("WL", "whenever"),
        lambda: s.verdict("WL", lengths=[(1, 2)]),
        lambda: s.paired_difference([1, 2], [1]),
        lambda: s.paired_difference([float("nan")], [1]),
        lambda: s.mean_error([1, 2], ["a"]),
        lambda: s.position_test([[1, 2]]),
        lambda: s.bradley_terry([[0, 1]]),
        lambda: s.bradley_terry([[0, 1], [2, 0]], 5),
        lambda: s.agreement([[1], [1, 2]]),
        lambda: s.flips("WL", "W"),
        lambda: s.judge_calibration([1], [2]),
        lambda: s.adjust([2.0]),
        lambda: s.votes_needed(1.2),
        lambda: s.scores_needed(1, 0),
        lambda: s.length_controlled([1], [1, 2], [1]),
        lambda: s.length_controlled([NAN, 1], [1, 2], [1, 0]),
        lambda: s.length_controlled([3, 1], [1, 2], [2, 0]),
        lambda: s.verdict("W" * 30 + "L" * 5, lengths=[(NAN, 1)] * 35),
        lambda: s.prediction_powered([NAN, 1], [1, 1], [1]),
        lambda: s.bradley_terry([]),
        lambda: s.bradley_terry([[0, 1], [2]]),
        lambda: s.bradley_terry([[0, math.inf], [1, 0]]),
        lambda: s.scores_needed(1, NAN),
        lambda: s.scores_needed(math.inf, 1),
        lambda: s.sign_test(NAN, 1),
        lambda: s.win_rate(math.inf, 0, 0),
        lambda: s.proportion_interval(1, NAN),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_remedy(wrong):
    with pytest.raises(EvaluationError) as refused:
        wrong()
    assert refused.value.hint


def test_a_rating_that_is_no_number_counts_as_none_and_evidence_stays_a_number():
    assert s.self_consistency([NAN, 2], [1, 2]) == s.self_consistency([None, 2], [1, 2])
    assert s.agreement([[NAN, 2], [1, 2]]) == s.agreement([[None, 2], [1, 2]])
    assert math.isfinite(s.sequential("W" * 3000).e[-1])
    words = [["W", None, "T", "L"], ["W", "B", "L", "L"]]
    assert s.agreement(words).exact == pytest.approx(2 / 3)
    assert s.agreement(words).alpha_ordinal is None


def test_nothing_gives_nothing_and_never_a_number_that_is_none():
    assert s.proportion_interval(0, 0) is None
    assert s.mean_error([]) == s.MeanError(None, None)
    assert s.paired_difference([], []).mean is None
    assert s.agreement([[], []]).kappa is None
    assert s.agreement([[1, None], [None, 2]]).alpha_nominal is None
    assert s.self_consistency([], []).drift is None
    assert s.flips([], []) == s.Flips(None, None)
    assert s.both_orders([]).rate is None
    assert s.prediction_powered([], [], []).estimate is None
    assert s.length_controlled([], [], []).rate is None
    assert s.sequential([]).interval == (0, 1)
    assert s.bradley_terry([[0]]).strength == [0]
    assert s.rogan_gladen(0.5, 0.5, 0.5) is None
