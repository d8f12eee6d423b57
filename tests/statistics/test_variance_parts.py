"""Variance parts: the classical analysis of variance, statsmodels, unbiasedness, missing cells."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from gengap.base.errors import UsageError
from gengap.statistics.variance_parts import variance_parts


def table(K=6, S=4, n=10, parts=(1.0, 0.5, 0.3, 4.0, 2.0), fresh=False, seed=0):
    """Differences (K, S, n) of the model and their columns."""
    rng = np.random.default_rng(seed)
    shapes = (K, 1, 1), (1, S, 1), (K, S, 1), (K, S if fresh else 1, n), (K, S, n)
    d = sum(v**0.5 * rng.normal(size=shape) for v, shape in zip(parts, shapes, strict=True))
    e, s, i = np.meshgrid(np.arange(K), np.arange(S), np.arange(n), indexing="ij")
    example = e * 1000 + i + (100 * s if fresh else 0)
    return d.ravel(), e.ravel(), s.ravel(), example.ravel()


def test_cells_agree_with_two_way_anova():
    d, e, s, i = table(fresh=True, parts=(5.0, 3.0, 3.0, 1.0, 1.0))
    frame = pd.DataFrame({"d": d, "e": e, "s": s}).groupby(["e", "s"], as_index=False).d.mean()
    squares = anova_lm(ols("d ~ C(e) + C(s)", frame).fit())["mean_sq"]
    found = variance_parts(d, e, s, i)
    within = pd.DataFrame({"d": d, "c": e * 10 + s}).groupby("c").d.var().mean()
    assert found.example == pytest.approx(within)
    assert found.environment == pytest.approx((squares["C(e)"] - squares["Residual"]) / 4)
    assert found.seed == pytest.approx((squares["C(s)"] - squares["Residual"]) / 6)
    assert found.interaction == pytest.approx(squares["Residual"] - within / 10)


def test_shared_examples_by_hand():
    # Two environments, two seeds, two examples; the second seed repeats the first plus nothing.
    d = np.array([0.0, 2.0, 0.0, 2.0, 5.0, 7.0, 5.0, 7.0])
    e, s, i = [0] * 4 + [1] * 4, [0, 0, 1, 1] * 2, [0, 1, 0, 1, 2, 3, 2, 3]
    found = variance_parts(d, e, s, i)
    # Examples differ by 2 within a cell, variance 2, the same under both seeds; cell means 1 and 6
    # have half squared difference 12.5, of which examples bring 2 / 2.
    assert (found.example, found.residual) == pytest.approx((2.0, 0.0))
    assert found.environment == pytest.approx(12.5 - 1.0)
    assert (found.seed, found.interaction) == (0, 0)
    assert (found.environments, found.seeds, found.examples, found.pool) == (2, 2, 2.0, 2.0)


def test_estimates_are_right_on_average():
    # Large enough that truncation at 0 hardly ever happens.
    truth = (1.0, 0.5, 0.3, 4.0, 2.0)
    found = [variance_parts(*table(10, 6, 20, truth, seed=k)) for k in range(150)]
    parts = [(f.environment, f.seed, f.interaction, f.example, f.residual) for f in found]
    errors = np.std(parts, axis=0) / math.sqrt(150)
    assert np.all(np.abs(np.mean(parts, axis=0) - truth) < 4 * errors)


def test_missing_cells_do_not_bias():
    rng = np.random.default_rng(5)
    found = []
    for k in range(150):
        d, e, s, i = table(10, 6, 10, seed=k)
        kept = rng.random((10, 6)) < 0.7
        kept[:, 0] = True
        rows = kept[e, s]
        found.append(variance_parts(d[rows], e[rows], s[rows], i[rows]))
    mean = np.mean([(f.environment, f.seed, f.interaction) for f in found], axis=0)
    np.testing.assert_allclose(mean, (1.0, 0.5, 0.3), atol=0.15)


def test_pool_of_fresh_and_shared_examples():
    assert variance_parts(*table(fresh=True)).pool == math.inf
    assert variance_parts(*table(fresh=True), pool=40).pool == 40
    assert variance_parts(*table()).pool == 10


def test_one_seed_says_so():
    found = variance_parts(*table(S=1))
    assert (found.seed, found.interaction) == (0, 0)
    assert "One seed" in found.note
    means = np.array(table(S=1)[0]).reshape(6, 10).mean(axis=1)
    assert found.environment + found.example / 10 == pytest.approx(means.var(ddof=1))


def test_few_environments_are_said_with_their_factor():
    # 5 degrees of freedom: sqrt(5 / 0.831) = 2.5.
    assert "2.5 times" in variance_parts(*table(K=6)).note
    assert variance_parts(*table(K=12, S=6)).note == ""


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        (([1.0, 2.0], [0, 0], [0, 0], [0, 1]), "2 environments"),
        (([1.0, 1.0], [0, 1], [0, 0], [0, 1]), "nothing varies"),
        (([1.0, 2.0], [0, 1], [0, 1], [0, 1]), "No seed"),
        (([1.0, math.nan], [0, 1], [0, 0], [0, 1]), "finite"),
    ],
)
def test_unusable_tables(columns, word: str):
    with pytest.raises(UsageError, match=word):
        variance_parts(*columns)
