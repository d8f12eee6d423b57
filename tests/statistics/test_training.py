"""Run effects and the weight of their excess: least squares, algebra and simulated pools."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

import gengap as gg
from gengap.base.errors import UsageError
from gengap.environments.parts import TRAIN, VALIDATION, parts
from gengap.statistics import (
    Differences,
    environment_intervals,
    mean_interval,
    source_intervals,
)
from gengap.statistics.gap import ALIKE
from gengap.statistics.training import between_runs, half_width, run_effects
from gengap.statistics.variance import NO_WIDTH, Between, training_share
from study_builders import plan_of

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
SIZE = 8


def pool(rng, S=5, K=2, effect=0.5, residual=0.0):
    """Tables of a five-fold design: example parts, run effects ``(K, S)``, residuals."""
    effects = effect * rng.normal(size=(K, S))
    own = rng.normal(size=5 * SIZE * K)
    tables = []
    for shift in (0, 1):
        e, s, j = (axis.ravel() for axis in np.indices((K, S, SIZE)))
        example = e * 5 * SIZE + ((s + shift) % 5) * SIZE + j
        values = own[example] + effects[e, s] + residual * rng.normal(size=len(e))
        tables.append(Differences(values, e, s, example))
    return *tables, effects


def test_effects_are_those_of_a_regression_on_dummies():
    rng = np.random.default_rng(0)
    test, validation, _ = pool(rng, S=4, residual=1.0)
    found = run_effects(test, validation, np.arange(2))
    values, e, s, i = (np.concatenate(pair) for pair in zip(test, validation, strict=True))
    for k in range(2):
        own = e == k
        X = np.c_[s[own][:, None] == np.arange(4), i[own][:, None] == np.unique(i[own])].astype(
            float
        )
        fit, *_ = np.linalg.lstsq(X, values[own], rcond=None)
        assert found.effects[k] == pytest.approx(fit[:4] - fit[:4].mean())
        residual = np.sum((values[own] - X @ fit) ** 2)
        free = own.sum() - np.linalg.matrix_rank(X)
        inverse = np.linalg.pinv(X.T @ X)[:4, :4]
        J = np.eye(4) - 1 / 4
        assert found.noise[k] == pytest.approx(
            residual / free * np.trace(J @ inverse @ J) / 3, rel=1e-6
        )


def test_effects_are_exact_whatever_the_examples_are_like():
    test, validation, effects = pool(np.random.default_rng(1))
    found = run_effects(test, validation, np.arange(2))
    assert found.effects == pytest.approx(effects - effects.mean(axis=1, keepdims=True))
    assert found.noise == pytest.approx([0, 0], abs=1e-20)
    main = effects.mean(axis=0)
    assert between_runs(found).square == pytest.approx(main.var(ddof=1))


def test_noise_is_the_expected_square_where_runs_do_nothing():
    rng = np.random.default_rng(2)
    found = [
        run_effects(*pool(rng, effect=0.0, residual=1.0)[:2], np.arange(2)) for _ in range(400)
    ]
    squares, noise = (np.mean([getattr(f, n) for f in found]) for n in ("squares", "noise"))
    assert squares == pytest.approx(noise, rel=0.1)
    mains = [between_runs(f) for f in found]
    square, noise = np.mean([m.square for m in mains]), np.mean([m.noise for m in mains])
    assert square == pytest.approx(noise, rel=0.15)


def test_runs_that_share_no_examples_cannot_be_compared():
    test, validation, _ = pool(np.random.default_rng(3), effect=2.0)
    apart = [np.isin(table.seed, (0, 2)) for table in (test, validation)]
    tables = [
        Differences(*(column[rows] for column in table))
        for table, rows in zip((test, validation), apart, strict=True)
    ]
    assert not run_effects(*tables, np.arange(2)).known.any()
    interval = mean_interval(*tables[0], overlap=0.5, validation=tables[1])
    assert interval.half_width > mean_interval(*tables[0]).half_width


def test_share_by_hand():
    # S = 5, c = 1/2: (1/5 + 4/5 / 2) / (1/2) = 1.2.
    assert training_share(1 / 5, 0.5) == pytest.approx(1.2)
    assert training_share(1 / 3, 0.0) == pytest.approx(1 / 3)
    with pytest.raises(UsageError, match="overlap"):
        training_share(0.2, 1.0)


@pytest.mark.parametrize(("seeds", "overlap"), [([0], 0), ([0, 1], 2 / 3), (range(5), 1 / 2)])
def test_overlap_of_five_folds_by_hand(seeds, overlap: float):
    # Three of five folds train; neighbours share two of them, others one.
    environments = gg.load_suite("concept-shift", n=50)
    plan = plan_of(environments, splits=None, seeds=seeds)
    assert plan.training_overlap() == pytest.approx(overlap)


def simulated_pools(rho: float, seeds: list[int], pools: int = 3000):
    """Example and training parts ``(pools, S)`` of the scores of one environment of 50 examples."""
    rng = np.random.default_rng(4)
    codes = [parts(np.zeros(50, int), np.zeros(50), 0, seed) for seed in seeds]
    u = rng.normal(size=(pools, 50))
    h = rho * u + math.sqrt(1 - rho**2) * rng.normal(size=(pools, 50))
    train = np.array([code == TRAIN for code in codes]) / 30
    test = np.array([(code != TRAIN) & (code != VALIDATION) for code in codes]) / 10
    shared = np.array([[np.sum(a * b) for b in train] for a in train]) * 30
    S = len(seeds)
    return u @ test.T, h @ train.T, (shared.sum() - S) / (S * (S - 1))


@pytest.mark.parametrize("seeds", [[0, 1, 2], [0, 1, 2, 3, 4], list(range(10))])
def test_the_weighted_excess_is_the_variance_over_fresh_pools(seeds: list[int]):
    _, a, overlap = simulated_pools(0.5, seeds)
    excess = a.var(axis=1, ddof=1).mean()
    over_pools = a.mean(axis=1).var()
    assert training_share(1 / len(seeds), overlap) * excess == pytest.approx(over_pools, rel=0.1)


def test_scores_hide_training_noise_where_examples_play_both_parts_alike():
    u, a, _ = simulated_pools(0.9, [0, 1, 2, 3, 4])
    scores = u + a
    # Test examples alone give the seeds' scores the variance 1/10, and their mean 1/50.
    assert scores.var(axis=1, ddof=1).mean() < 1 / 10
    assert scores.mean(axis=1).var() > 3 / 50


@pytest.mark.parametrize("degrees", [2.0, 9.0, math.inf])
def test_half_width_of_one_part_is_students(degrees: float):
    t = stats.t.ppf(0.975, degrees)
    alone = half_width(0.04, degrees, 1.2, Between(0.0, 0.0, 4.0), 0.95)
    assert alone == pytest.approx(0.2 * t)
    training = half_width(0.0, 1.0, 4.0, Between(0.01, 0.0, degrees), 0.95)
    assert training == pytest.approx(0.2 * t)


def test_half_width_of_two_parts_by_hand():
    # Standard deviations 0.3 and 0.4 add up; Welch: (0.09/0.49)^2/8 + min(1.6 0.15/0.49, 1)^2/12.
    found = half_width(0.09, 8, 1.6, Between(0.15, 0.05, 12), 0.95)
    freedom = 1 / ((0.09 / 0.49) ** 2 / 8 + (0.24 / 0.49) ** 2 / 12)
    assert found == pytest.approx(0.7 * stats.t.ppf(0.975, freedom))


def fivefold(rng, K: int, S: int, spread: float, main: float = 0.0):
    """A design whose environments differ by ``spread``, and seeds in all of them by ``main``."""
    test, validation, _ = pool(rng, S=S, K=K, effect=0.0, residual=1.0)
    costs, seeds = spread * rng.normal(size=K), main * rng.normal(size=S)
    return [
        t._replace(difference=t.difference + costs[t.environment] + seeds[t.seed])
        for t in (test, validation)
    ]


def test_a_second_seed_does_not_blow_the_interval_up():
    """One degree of freedom alone would make it six times as wide in a tenth of studies."""
    ratios = []
    for draw in range(60):
        test, validation = fivefold(np.random.default_rng(draw), K=3, S=2, spread=1.0)
        first = np.asarray(test.seed) == 0
        one = mean_interval(*(np.asarray(column)[first] for column in test))
        two = mean_interval(*test, overlap=2 / 3, validation=validation)
        ratios.append(two.half_width / one.half_width)
    assert np.median(ratios) < 1.25
    assert np.quantile(ratios, 0.9) < 2


def test_environments_that_differ_little_narrow_the_interval_by_their_own_spread():
    """It is the narrower of two, here Student's over environments."""
    test, validation = fivefold(np.random.default_rng(3), K=12, S=3, spread=0.0)
    found = mean_interval(*test, overlap=0.55, validation=validation)
    means = [
        np.asarray(test.difference)[np.asarray(test.environment) == k].mean() for k in range(12)
    ]
    students = stats.t.ppf(0.975, 11) * np.std(means, ddof=1) / math.sqrt(12)
    assert students * (1 - 1e-9) <= found.half_width < 1.5 * students


def test_runs_that_agree_leave_the_examples_interval():
    test, validation, _ = pool(np.random.default_rng(6), effect=0.0)
    new = mean_interval(*test, overlap=0.5, validation=validation)
    once = mean_interval(test.difference, test.environment, np.zeros(80, int), test.example)
    assert new.half_width == pytest.approx(once.half_width, rel=0.02)
    for interval in environment_intervals(*test, validation=validation).values():
        assert interval.defined


def test_training_noise_widens_every_interval():
    quiet = pool(np.random.default_rng(7), K=4, effect=0.1)
    loud = pool(np.random.default_rng(7), K=4, effect=2.0)
    found = [
        [mean_interval(*t, overlap=0.5, validation=v), *source_intervals(*t, validation=v)]
        for t, v, _ in (quiet, loud)
    ]
    for small, large in zip(*found, strict=True):
        assert large.half_width > 2 * small.half_width


def test_the_rule_of_three_where_nothing_differs():
    e, i = np.repeat([0, 1, 2], [100, 200, 100]), np.arange(400)
    table = np.zeros(400), e, i % 5, i
    each = environment_intervals(*table, largest=1.0)
    # 0.970487^100 = 0.05: a share of 2.9513% would show in a hundred examples with chance 95%.
    assert each[0].high == pytest.approx(0.029513, abs=1e-6)
    assert each[1].low == pytest.approx(-(1 - 0.05 ** (1 / 200)))
    assert each[0].note == ALIKE
    assert mean_interval(*table, largest=1.0).half_width == pytest.approx(each[0].high / 3)
    for interval in source_intervals(*table, largest=1.0):
        assert interval.high == pytest.approx(each[0].high)
    assert mean_interval(*table).note == NO_WIDTH
