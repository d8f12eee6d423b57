"""Parts of a variance: against analysis of variance by hand, dense matrices, statsmodels, truth."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from gengap.base.errors import UsageError
from gengap.statistics.components import rise_quantile, variance_components
from gengap.statistics.crossed import moments, read_design
from gengap.statistics.reml import evaluate, table_sums

TRUTH = {
    "environment": 1.0,
    "seed": 0.5,
    "environment x seed": 0.3,
    "example": 0.8,
    "residual": 0.6,
}


def draw(E: int, S: int, examples: int = 1, seed: int = 0, keep: float = 1.0, **deviations: float):
    """Columns of a study whose parts have the standard deviations of ``TRUTH`` or those given."""
    d = {name: deviations.get(name.replace(" ", "_"), value) for name, value in TRUTH.items()}
    rng = np.random.default_rng(seed)
    e, s, i = (axis.ravel() for axis in np.indices((E, S, examples)))
    y = 3.0 + d["environment"] * rng.normal(size=E)[e] + d["seed"] * rng.normal(size=S)[s]
    y += d["environment x seed"] * rng.normal(size=(E, S))[e, s]
    y += d["example"] * rng.normal(size=(E, examples))[e, i] + d["residual"] * rng.normal(
        size=y.size
    )
    some = rng.random(y.size) < keep
    return y[some], {"environment": e[some], "seed": s[some], "example": i[some]}


def cells(E: int, S: int, seed: int = 0, **deviations: float):
    none = {"environment_x_seed": 0.0, "example": 0.0}
    y, columns = draw(E, S, seed=seed, **none, **deviations)
    return y, {name: columns[name] for name in ("environment", "seed")}


def estimates(result) -> np.ndarray:
    return np.array([part.estimate for part in result.variances.values()])


def dense_deviance(y: np.ndarray, V, theta) -> tuple[float, np.ndarray]:
    """-2 log of the restricted likelihood from whole matrices, and the projection ``P``."""
    whole = sum(value * part for value, part in zip(theta, V, strict=True))
    inverse = np.linalg.inv(whole)
    ones = inverse.sum(axis=1)
    P = inverse - np.outer(ones, ones) / ones.sum()
    return np.linalg.slogdet(whole)[1] + math.log(ones.sum()) + y @ P @ y, P


@pytest.mark.parametrize("method", ["reml", "moments"])
def test_balanced_cells_by_hand(method):
    # Rows 1 2 3 and 5 6 7.5: mean squares 3 * 2 * (25/12)^2, 2 * var(3, 4, 5.25), and 1/24.
    result = variance_components(
        [1.0, 2.0, 3.0, 5.0, 6.0, 7.5],
        environment=list("aaabbb"),
        seed=[7, 8, 9] * 2,
        method=method,
    )
    environments = 6 * (25 / 12) ** 2
    seeds = 2 * np.var([3.0, 4.0, 5.25], ddof=1)
    expected = [(environments - 1 / 24) / 3, (seeds - 1 / 24) / 2, 1 / 24]
    assert estimates(result) == pytest.approx(expected, rel=1e-4)
    assert list(result.variances) == ["environment", "seed", "residual"]
    assert result.levels == {"environment": 2, "seed": 3, "residual": 6}
    assert "environment x seed" in result.remarks[0]
    assert result.total == pytest.approx(sum(expected), rel=1e-4)
    assert sum(result.shares.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("method", ["reml", "moments"])
def test_balanced_examples_are_analysis_of_variance(method):
    E, S, n = 5, 4, 6
    y, columns = draw(E, S, n)
    t = y.reshape(E, S, n)
    e, s, es, ei = t.mean((1, 2)), t.mean((0, 2)), t.mean(2), t.mean(1)
    crossed = es - e[:, None] - s + t.mean()
    ms_e, ms_s = S * n * e.var(ddof=1), E * n * s.var(ddof=1)
    ms_es = n * np.sum(crossed**2) / (E - 1) / (S - 1)
    ms_ei = S * np.sum((ei - e[:, None]) ** 2) / E / (n - 1)
    rest = t - es[:, :, None] - ei[:, None, :] + e[:, None, None]
    ms = np.sum(rest**2) / E / (S - 1) / (n - 1)
    expected = [
        (ms_e - ms_es - ms_ei + ms) / (S * n),
        (ms_s - ms_es) / (E * n),
        (ms_es - ms) / n,
        (ms_ei - ms) / S,
        ms,
    ]
    assert min(expected) > 0
    result = variance_components(y, **columns, method=method)
    assert estimates(result) == pytest.approx(expected, rel=1e-4)
    assert result.remarks == ()


@pytest.mark.parametrize("keep", [1.0, 0.7])
def test_likelihood_and_derivatives_against_dense_matrices(keep: float):
    y, columns = draw(3, 4, 5, keep=keep)
    split = (columns["environment"] + columns["seed"]) % 3
    design = read_design(y, **columns, split=split)
    theta = np.array([0.5, 0.3, 0.2, 0.7, 1.2, 0.9])
    point = evaluate(table_sums(design, y), theta)
    V = [(code[:, None] == code).astype(float) for code in design.codes.values()]
    V.append(np.eye(len(y)))
    deviance, P = dense_deviance(y, V, theta)
    assert point.deviance == pytest.approx(deviance)
    slopes = [np.trace(P @ part) - y @ P @ part @ P @ y for part in V]
    assert point.gradient == pytest.approx(slopes)
    information = [[np.trace(P @ a @ P @ b) / 2 for b in V] for a in V]
    assert point.information == pytest.approx(np.array(information))


@pytest.mark.parametrize("seed", range(4))
def test_unbalanced_against_statsmodels(seed: int):
    """Seed 2 has its maximum where one variance is 0, and there their search may stop short.

    Where it stops depends on the processor; what cannot is that no variances are likelier than
    ours, and that where theirs are as likely, they are ours.
    """
    import statsmodels.formula.api as smf

    y, columns = draw(5, 4, 4, seed=seed, keep=0.75)
    table = pd.DataFrame({"y": y, "one": 1, **columns})
    parts = {
        "environment": "0 + C(environment)",
        "seed": "0 + C(seed)",
        "environment x seed": "0 + C(environment):C(seed)",
        "example": "0 + C(environment):C(example)",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = smf.mixedlm("y ~ 1", table, groups="one", vc_formula=parts, re_formula="0")
        fit = model.fit(reml=True, method=["lbfgs", "nm"], maxiter=3000)
    found = dict(zip(model.exog_vc.names, fit.vcomp, strict=True)) | {"residual": fit.scale}
    result = variance_components(y, **columns)
    ours, theirs = estimates(result), np.array([found[name] for name in result.variances])
    design = read_design(y, **columns)
    V = [(code[:, None] == code).astype(float) for code in design.codes.values()]
    V.append(np.eye(len(y)))
    excess = dense_deviance(y, V, theirs)[0] - dense_deviance(y, V, ours)[0]
    assert excess > -1e-6
    if excess < 1e-4:
        assert ours == pytest.approx(theirs, rel=0.02, abs=3e-3)


def test_many_levels_recover_the_truth():
    y, columns = draw(60, 12, 30, keep=0.8)
    result = moments(read_design(y, **columns))
    for value, deviation in zip(result, TRUTH.values(), strict=True):
        assert value == pytest.approx(deviation**2, rel=0.45)


def test_moments_are_unbiased_in_unbalanced_tables():
    found = []
    for k in range(100):
        y, columns = draw(6, 5, 3, seed=k, keep=0.7)
        found.append(moments(read_design(y, **columns)))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / 10
    assert np.all(np.abs(mean - np.square(list(TRUTH.values()))) < 3.5 * error)


def test_one_sample_limits_are_those_of_its_exact_distribution():
    """Examples of one seed and environment: chi-square, limits of equal likelihood."""
    y = np.random.default_rng(1).normal(size=30)
    result = variance_components(
        np.repeat(y, 2) + np.tile([1e-3, -1e-3], 30),
        environment=np.repeat(np.arange(30), 2),
        seed=np.tile([0, 1], 30),
    )
    part = result.variances["environment"]
    ratios = 29 * y.var(ddof=1) / np.array([part.high, part.low])
    assert np.diff(stats.chi2.cdf(ratios, 29))[0] == pytest.approx(0.95, abs=1e-3)
    rise = ratios / 29 - 1 - np.log(ratios / 29)
    assert rise[0] == pytest.approx(rise[1], rel=1e-2)


@pytest.mark.parametrize("degrees", [1, 2, 5, 13])
def test_rise_quantile_against_simulation(degrees: int):
    r = stats.chi2.rvs(degrees, size=200_000, random_state=0) / degrees
    rise = degrees * (r - 1 - np.log(r))
    assert rise_quantile(0.95, degrees) == pytest.approx(np.quantile(rise, 0.95), rel=0.02)


def test_rise_quantile_of_a_large_sample_is_chi_squares():
    assert rise_quantile(0.9, 10**6) == pytest.approx(stats.chi2.ppf(0.9, 1), rel=1e-4)


def test_missing_scores_are_left_out():
    y, columns = draw(4, 3, 4)
    holes = y.copy()
    holes[[3, 20]] = np.nan
    present = ~np.isnan(holes)
    shorter = {name: column[present] for name, column in columns.items()}
    assert repr(variance_components(holes, **columns)) == repr(
        variance_components(y[present], **shorter)
    )


@pytest.mark.parametrize("scale", [1e-4, 1e5])
def test_units(scale: float):
    y, columns = draw(4, 3, 4)
    one, other = variance_components(y, **columns), variance_components(y * scale, **columns)
    for name, part in one.variances.items():
        scaled = other.variances[name]
        assert scaled.estimate == pytest.approx(part.estimate * scale**2, rel=1e-3)
        assert scaled.high == pytest.approx(part.high * scale**2, rel=1e-3)
        deviation = one.deviations[name]
        assert deviation.high**2 == pytest.approx(part.high)


@pytest.mark.parametrize(
    ("changes", "kept", "remark"),
    [
        ({"seed": 0}, ["environment", "residual"], "Only one seed"),
        ({"environment": 0}, ["seed", "example", "residual"], "Only one environment"),
        ({"split": "seed"}, list(TRUTH), "levels of split are those of seed"),
        ({"split": "pair"}, ["environment", "seed", "split", "example", "residual"], "of split"),
        ({"example": "own"}, ["environment", "seed", "environment x seed", "residual"], "example"),
    ],
)
def test_what_cannot_be_told_apart_is_said(changes, kept, remark):
    y, columns = draw(4, 3, 5)
    pair = columns["environment"] * 3 + columns["seed"]
    known = {"pair": pair, "own": np.arange(len(y)), **columns}
    for name, value in changes.items():
        columns[name] = known[value] if isinstance(value, str) else np.full(len(y), value)
    if changes.get("seed") == 0:
        columns["example"] = known["own"]
    result = variance_components(y, **columns)
    assert list(result.variances) == kept
    assert any(remark in sentence for sentence in result.remarks)


def test_split_is_a_part_of_its_own():
    y, columns = draw(5, 6, 4)
    split = columns["seed"] // 2
    moved = y + np.array([-3.0, 0.0, 3.0])[split]
    result = variance_components(moved, **columns, split=split)
    assert result.variances["split"].estimate > 3
    assert result.variances["seed"].estimate < 1


def test_negative_moments_are_zero_with_a_note():
    y = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [2.0, 2.1, 2.0]])
    e, s = (axis.ravel() for axis in np.indices(y.shape))
    part = variance_components(y.ravel(), environment=e, seed=s, method="moments").variances
    assert part["environment"].estimate == 0.0
    assert "below 0" in part["environment"].note
    assert part["environment"].low == 0.0


@pytest.mark.parametrize("examples", [1, 5])
def test_scores_without_residual(examples: int):
    e, s, i = (axis.ravel() for axis in np.indices((4, 3, examples)))
    result = variance_components(e + s / 2, environment=e, seed=s, example=i)
    parts = result.variances
    assert parts["environment"].estimate == pytest.approx(5 / 3, rel=1e-3)
    assert parts["seed"].estimate == pytest.approx(1 / 4, rel=0.03)
    assert parts["residual"].estimate == 0.0
    assert "explain" in parts["residual"].note


def test_few_levels_are_noted():
    y, columns = draw(3, 5, 3)
    variances = variance_components(y, **columns).variances
    assert "Only 3 levels of environment" in variances["environment"].note
    assert variances["seed"].note == ""


def test_equal_scores_have_no_limits():
    result = variance_components([0.9] * 6, environment=[0, 0, 1, 1, 2, 2], seed=[0, 1] * 3)
    assert result.total == 0
    assert not result.variances["environment"].defined
    assert math.isnan(result.shares["seed"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score": [1.0, np.inf, 2.0, 3.0]}, "finite"),
        ({"score": [1.0, np.nan, np.nan, 3.0]}, "2 scores"),
        ({"seed": [0, 1, 0]}, "seed has shape"),
        ({"seed": ["a", None, "a", "b"]}, "without a label"),
        ({"seed": [0, 0, 0, 0], "environment": [0, 1, 2, 3]}, "Nothing can be told apart"),
        ({"method": "guess"}, "method is 'guess'"),
        ({"level": 95}, "level"),
    ],
)
def test_unusable_input(changes, message):
    known = {"score": [1.0, 2.0, 2.5, 4.0], "environment": [0, 0, 1, 1], "seed": [0, 1, 0, 1]}
    with pytest.raises(UsageError, match=message):
        variance_components(**(known | changes))


def test_too_few_scores_for_the_parts():
    with pytest.raises(UsageError, match="apart"):
        variance_components([1.0, 2.0, 4.0], environment=[0, 0, 1], seed=[0, 1, 0])


def coverage(E: int, S: int, studies: int, **deviations: float) -> dict[str, float]:
    hits = dict.fromkeys(("environment", "seed", "residual"), 0.0)
    for k in range(studies):
        y, columns = cells(E, S, seed=1000 * E + k, **deviations)
        for name, part in variance_components(y, **columns).variances.items():
            truth = deviations.get(name, TRUTH[name]) ** 2
            hits[name] += part.low <= truth <= part.high
    return {name: hit / studies for name, hit in hits.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("E", "S", "studies"), [(3, 5, 300), (6, 5, 300), (14, 5, 150), (50, 3, 50)]
)
@pytest.mark.parametrize("environment", [0.2, 0.6, 2.0])
def test_coverage_over_the_grid(E: int, S: int, studies: int, environment: float):
    """Conservative where a variance is near 0; never below 95% by more than chance."""
    shares = coverage(E, S, studies, environment=environment)
    assert min(shares.values()) > 0.945 - 3 * math.sqrt(0.05 * 0.95 / studies), shares
