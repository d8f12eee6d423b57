"""Bootstrap intervals against closed forms, brute force, scipy and arch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from arch.bootstrap import IIDBootstrap
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.aggregate_intervals import _noises, aggregate_intervals
from gengap.statistics.aggregates import AGGREGATES, interquartile_mean, mean, optimality_gap
from gengap.statistics.bootstrap import bootstrap_interval, student_interval
from gengap.statistics.bootstrap_limits import environment_skewness
from gengap.statistics.resampling import (
    affordable,
    all_resamples,
    distinct_resamples,
    draw,
    gather,
    replicate,
    tally,
)

SKEWED = np.random.default_rng(0).gamma(1.0, size=(1, 25))
STUDY = np.random.default_rng(1).gamma(2.0, size=(6, 8))
RAGGED = np.where(np.random.default_rng(2).random((6, 8)) < 0.3, np.nan, STUDY)


def means(tables: np.ndarray) -> np.ndarray:
    return np.nanmean(np.nanmean(tables, axis=2), axis=1)


def standard_error(tables: np.ndarray) -> np.ndarray:
    """Of the mean over environments of ``(B, E, S)``."""
    variance = tables.var(axis=2, ddof=1) / tables.shape[2]
    return np.sqrt(variance.sum(axis=1)) / tables.shape[1]


# --- one environment: other people's bootstraps -------------------------------------------------


@pytest.mark.parametrize("kind", ["percentile", "bca"])
def test_one_environment_agrees_with_arch(kind: str):
    theirs = IIDBootstrap(SKEWED[0], seed=3).conf_int(np.mean, reps=20_000, method=kind).ravel()
    ours = bootstrap_interval(SKEWED, means, kind=kind, replicates=20_000)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.015)


@pytest.mark.parametrize(("kind", "name"), [("percentile", "percentile"), ("bca", "BCa")])
def test_two_environments_agree_with_scipy(kind: str, name: str):
    two = np.random.default_rng(4).gamma(1.0, size=(2, 15)) * [[1.0], [4.0]]
    theirs = stats.bootstrap(
        tuple(two),
        lambda x, y, axis: (x.mean(axis) + y.mean(axis)) / 2,
        method=name,
        n_resamples=20_000,
        rng=np.random.default_rng(5),
    ).confidence_interval
    ours = bootstrap_interval(two, means, kind=kind, replicates=20_000)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.04)


def test_studentised_agrees_with_arch():
    def with_error(x: np.ndarray) -> np.ndarray:
        return np.array([x.mean()])

    theirs = IIDBootstrap(SKEWED[0], seed=6).conf_int(
        with_error,
        reps=5_000,
        method="studentized",
        std_err_func=lambda p, x: np.array([x.std(ddof=1) / math.sqrt(len(x))]),
    )
    ours = bootstrap_interval(
        SKEWED, means, kind="studentised", noise=standard_error, replicates=20_000
    )
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.ravel()), abs=0.04)


# --- resamples -----------------------------------------------------------------------------------


def test_variance_of_the_resampled_mean_is_the_closed_form():
    runs, sizes = STUDY, np.full(6, 8)
    drawn = replicate(lambda d, rng: means(gather(runs, d)), sizes, 40_000, 0, "test").values
    closed = np.sum(STUDY.var(axis=1) / 8) / 36
    assert drawn.var() == pytest.approx(closed, rel=0.03)
    assert drawn.mean() == pytest.approx(STUDY.mean(), abs=4 * math.sqrt(closed / 40_000))


def test_counts_are_the_draws_counted_one_by_one():
    sizes = np.array([3, 5, 1])
    draws = draw(sizes, 50, np.random.default_rng(0))
    counts = tally(draws)
    for e, s, b in np.ndindex(counts.shape):
        assert counts[e, s, b] == sum(value == s for value in draws[e, :, b])
    np.testing.assert_array_equal(counts.sum(axis=1), np.tile(sizes[:, None], 50))


def test_counts_hold_more_runs_than_a_byte():
    draws = draw(np.array([300]), 20, np.random.default_rng(0))
    assert (tally(draws).astype(int).sum(axis=1) == 300).all()


@pytest.mark.parametrize("sizes", [[90, 90], [70, 3, 120], [300, 299]])
def test_many_runs_are_counted_like_few(sizes: list[int]):
    draws = draw(np.array(sizes), 30, np.random.default_rng(1))
    counts = tally(draws)
    assert counts.shape == draws.shape
    for row, drawn, size in zip(counts, draws, sizes, strict=True):
        for b in range(30):
            assert drawn[:size, b].max() < size
            assert (drawn[size:, b] == max(sizes)).all()
            expected = np.bincount(drawn[:size, b], minlength=max(sizes))
            np.testing.assert_array_equal(row[:, b], expected)


def test_distinct_resamples_are_counted_up_to_what_is_asked():
    assert distinct_resamples(np.array([3, 3, 3]), 1000) == 1000
    assert distinct_resamples(np.array([6]), 2000) == 462
    assert distinct_resamples(np.array([10**6]), 2000) > 2000
    assert distinct_resamples(np.full(10**6, 5), 2000) > 2000


def test_resamples_of_very_many_runs_are_fewer():
    assert affordable(2000, 160) == 2000
    assert affordable(2000, 100_000) == 300
    assert affordable(2000, 10**8) == 200
    assert affordable(50, 10**8) == 50


def test_fewer_resamples_are_those_of_asking_for_fewer(monkeypatch: pytest.MonkeyPatch):
    asked = aggregate_intervals(STUDY, replicates=400)
    monkeypatch.setattr("gengap.statistics.resampling.MOST_DRAWS", 400 * STUDY.size)
    for name, fewer in aggregate_intervals(STUDY, replicates=3000).items():
        assert (fewer.low, fewer.high) == (asked[name].low, asked[name].high)
        assert fewer.note.endswith("400 resamples, not 3,000: runs are many.")
        assert "resamples" not in asked[name].note


def test_all_resamples_are_those_of_brute_force():
    draws, weights = all_resamples(np.array([2, 3]))
    ours = {
        (*sorted(column[0][:2]), *sorted(column[1])): weight
        for column, weight in zip(np.moveaxis(draws, 2, 0).tolist(), weights, strict=True)
    }
    brute: dict[tuple[int, ...], float] = {}
    for drawn in itertools.product(range(2), range(2), range(3), range(3), range(3)):
        key = (*sorted(drawn[:2]), *sorted(drawn[2:]))
        brute[key] = brute.get(key, 0) + 1 / (2**2 * 3**3)
    assert ours == pytest.approx(brute)


def test_few_resamples_are_visited_all_and_need_no_seed():
    few = STUDY[:2, :3]
    values = np.array(
        [
            np.mean([few[0, list(a)].mean(), few[1, list(b)].mean()])
            for a in itertools.product(range(3), repeat=3)
            for b in itertools.product(range(3), repeat=3)
        ]
    )
    exact = np.quantile(values, [0.025, 0.975], method="inverted_cdf")
    for seed in (0, 1):
        ours = aggregate_intervals(few, seed=seed)["mean"]
        assert (ours.low, ours.high) == pytest.approx(tuple(exact))


# --- the four aggregates -------------------------------------------------------------------------


@pytest.mark.parametrize("table", [STUDY, RAGGED], ids=["complete", "ragged"])
@pytest.mark.parametrize("name", AGGREGATES)
def test_counting_gives_what_resampled_tables_give(table: np.ndarray, name: str):
    fast = aggregate_intervals(table, replicates=3000, seed=7)[name]
    plain = bootstrap_interval(table, AGGREGATES[name], replicates=3000, seed=7)
    assert (fast.estimate, fast.low, fast.high) == pytest.approx(
        (plain.estimate, plain.low, plain.high), rel=1e-12
    )


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("table", [STUDY, RAGGED, STUDY[:2, :3]], ids=["whole", "ragged", "few"])
@pytest.mark.parametrize("name", AGGREGATES)
def test_counted_noises_are_those_of_resampled_tables(table: np.ndarray, name: str, offset: float):
    study, target = np.array([1, 5, 20, 1, 1, 1])[: len(table), None] * table, 1.5
    options: dict[str, object] = {"kind": "studentised", "replicates": 3000, "seed": 7}
    fast = aggregate_intervals(study + offset, target=target + offset, **options)[name]  # type: ignore[arg-type]
    aggregate = {**AGGREGATES, "optimality gap": lambda x: optimality_gap(x, target)}[name]
    noise = _noises("seed", target)[name]
    plain = bootstrap_interval(study, aggregate, noise=noise, **options)  # type: ignore[arg-type]
    moved = 0.0 if name == "optimality gap" else offset
    assert (fast.low - moved, fast.high - moved) == pytest.approx(
        (plain.low, plain.high), rel=1e-6, nan_ok=True
    )


@pytest.mark.parametrize("kind", ["percentile", "bca", "studentised"])
@pytest.mark.parametrize("unit", ["seed", "environment", "both"])
def test_threads_do_not_change_a_digit(kind: str, unit: str):
    options = {"kind": kind, "unit": unit, "replicates": 11_500}
    one = aggregate_intervals(RAGGED, threads=1, **options)  # type: ignore[arg-type]
    assert aggregate_intervals(RAGGED, threads=2, **options) == one  # type: ignore[arg-type]


def test_the_seed_counts():
    first, again, other = (aggregate_intervals(STUDY, seed=seed)["mean"] for seed in (0, 0, 1))
    assert first == again
    assert first.low != other.low


@pytest.mark.parametrize("kind", ["percentile", "bca", "studentised"])
@pytest.mark.parametrize("unit", ["seed", "environment", "both"])
def test_limits_move_with_the_scores(kind: str, unit: str):
    # Every aggregate but the gap follows 10 + 3 x; so must its limits.
    plain = aggregate_intervals(STUDY, kind=kind, unit=unit)  # type: ignore[arg-type]
    moved = aggregate_intervals(10 + 3 * STUDY, kind=kind, unit=unit)  # type: ignore[arg-type]
    for name in ("mean", "median", "interquartile mean"):
        expected = (10 + 3 * plain[name].low, 10 + 3 * plain[name].high)
        assert (moved[name].low, moved[name].high) == pytest.approx(expected)


def test_agreeing_runs_give_no_width():
    same = np.tile(np.arange(5.0)[:, None], 6)
    for kind in ("percentile", "bca", "studentised"):
        interval = aggregate_intervals(same, kind=kind)["mean"]  # type: ignore[arg-type]
        assert (interval.low, interval.high) == pytest.approx((2, 2))


# --- environments --------------------------------------------------------------------------------


def test_environments_drawn_anew_are_a_bootstrap_of_their_means():
    table = np.random.default_rng(8).gamma(2.0, size=(20, 4))
    theirs = stats.bootstrap(
        (table.mean(axis=1),),
        np.mean,
        n_resamples=20_000,
        method="BCa",
        rng=np.random.default_rng(9),
    ).confidence_interval
    ours = bootstrap_interval(table, means, kind="bca", unit="environment", replicates=20_000)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.015)


def test_skewness_over_environments_is_that_of_their_means():
    values = STUDY.mean(axis=1) - STUDY.mean()
    by_hand = np.sum(values**3) / np.sum(values**2) ** 1.5 / 6
    assert environment_skewness(STUDY, means) == pytest.approx(by_hand)


def test_both_adds_the_variance_of_runs_to_that_of_environments():
    table = np.random.default_rng(10).normal(size=(40, 6))
    halves = [
        bootstrap_interval(table, means, unit=unit, replicates=8_000).half_width  # type: ignore[arg-type]
        for unit in ("environment", "both")
    ]
    between = table.mean(axis=1).var() / 40
    within = table.var(axis=1).mean() / 6 / 40
    assert (halves[1] / halves[0]) ** 2 == pytest.approx(1 + within / between, rel=0.08)


def test_student_interval_is_scipys():
    values = STUDY.mean(axis=1)
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    ours = student_interval(values, 0.9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert not student_interval([0.3]).defined


# --- what cannot be had --------------------------------------------------------------------------


def test_one_run_per_environment_has_no_limits():
    for interval in aggregate_intervals(STUDY[:, :1]).values():
        assert not interval.defined
        assert "One run per environment" in interval.note
    assert aggregate_intervals(STUDY[:, :1], unit="environment")["mean"].defined
    alone = aggregate_intervals(STUDY[:1], unit="environment")["mean"]
    assert not alone.defined
    assert "One environment" in alone.note


def test_notes_say_what_is_too_narrow():
    assert "Fewer than 10 runs" in aggregate_intervals(STUDY[:, :4])["mean"].note
    assert aggregate_intervals(np.hstack([STUDY, STUDY]))["mean"].note == ""
    assert aggregate_intervals(STUDY[:, :4], kind="studentised")["mean"].note == ""
    assert "median jumps" in aggregate_intervals(STUDY, kind="bca")["median"].note
    assert "Fewer than 50 env" in aggregate_intervals(STUDY, unit="environment")["mean"].note
    lone = STUDY.copy()
    lone[2, 1:] = np.nan
    assert "Some environments have one run" in aggregate_intervals(lone)["mean"].note


def test_studentising_two_runs_is_refused():
    interval = aggregate_intervals([[0.2, 0.4]], kind="studentised")["mean"]
    assert interval.estimate == pytest.approx(0.3)
    assert not interval.defined
    assert "spread" in interval.note


def test_a_statistic_that_is_no_number_has_no_limits():
    interval = bootstrap_interval(STUDY, lambda x: np.where(means(x) > 2, means(x), np.nan))
    assert not interval.defined
    assert "not a number" in interval.note


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: aggregate_intervals(STUDY, kind="bc"), "kind 'bc'.*bca"),
        (lambda: aggregate_intervals(STUDY, unit="seeds"), "unit 'seeds'.*'seed'"),
        (lambda: aggregate_intervals(STUDY, level=95), "level"),
        (lambda: aggregate_intervals(STUDY, replicates=0), "replicates"),
        (lambda: aggregate_intervals(STUDY, threads=-1), "threads"),
        (lambda: aggregate_intervals(STUDY[None]), "one method"),
        (lambda: bootstrap_interval(STUDY, means, kind="studentised"), "noise="),
        (lambda: bootstrap_interval(STUDY, np.mean), "one number per table"),
        (lambda: bootstrap_interval(STUDY, lambda x: x.mean((1, 2)), kind="bca"), "nanmean"),
        (lambda: student_interval([]), "one finite number"),
        (lambda: student_interval([0.1, math.nan]), "one finite number"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], object], named: str):
    with pytest.raises(UsageError, match=named):
        call()


# --- what they hold ------------------------------------------------------------------------------


@pytest.mark.slow
def test_studentised_limits_hold_with_three_runs_and_percentile_limits_do_not():
    rng = np.random.default_rng(11)
    base = rng.gamma(2.0, size=16)
    held = {kind: np.zeros(2) for kind in ("percentile", "studentised")}
    many = base[:, None] + rng.gamma(2.0, 0.5, size=(16, 100_000))
    truth = float(mean(many)), float(interquartile_mean(many))
    for study in range(400):
        table = base[:, None] + rng.gamma(2.0, 0.5, size=(16, 3))
        for kind, hits in held.items():
            found = aggregate_intervals(table, kind=kind, seed=study, threads=1)  # type: ignore[arg-type]
            pair = found["mean"], found["interquartile mean"]
            hits += [not i.excludes(value) for i, value in zip(pair, truth, strict=True)]
    assert (held["studentised"] / 400 > 0.925).all()
    assert (held["percentile"] / 400 < 0.91).all()
