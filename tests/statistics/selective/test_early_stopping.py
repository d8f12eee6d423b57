"""Conformalised early stopping against its definition written as loops, and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.statistics.selective import early_stopping
from gengap.statistics.selective.conformal import calibrate
from gengap.statistics.selective.early_stopping import (
    class_sets,
    outlier_p_values,
    regression_intervals,
)


def test_outliers_as_defined():
    rng = np.random.default_rng(0)
    losses, scores = rng.random((6, 9)), rng.integers(0, 4, (6, 9))
    new_losses, new_scores = 3 * rng.random((6, 20)), rng.integers(0, 5, (6, 20))
    found = outlier_p_values(losses, scores, new_losses, new_scores)
    for j in range(20):
        t = min(range(6), key=lambda t: losses[t].sum() + new_losses[t, j])
        stranger = sum(scores[t, i] >= new_scores[t, j] for i in range(9))
        assert found[j] == pytest.approx((1 + stranger) / 10)


def test_classes_as_defined():
    rng = np.random.default_rng(1)
    losses, scores, y = rng.random((5, 12)), rng.random((5, 12)), rng.integers(0, 2, 12)
    new_losses, new_scores = 4 * rng.random((5, 7, 3)), rng.random((5, 7, 3))
    found = class_sets(losses, scores, y, new_losses, new_scores, 0.3)
    for j in range(7):
        for c in range(2):
            t = min(range(5), key=lambda t: losses[t].sum() + new_losses[t, j, c])
            own = scores[t, y == c]
            p = (1 + np.sum(own >= new_scores[t, j, c])) / (1 + len(own))
            assert found.p_values[j, c] == pytest.approx(p)
            assert found.inside[j, c] == (p > 0.3)
    # Nobody is known of the third class, so it can never be ruled out.
    assert (found.p_values[:, 2] == 1).all()


def test_numbers_as_defined(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(early_stopping, "BLOCK", 200)  # several blocks of new inputs
    rng = np.random.default_rng(2)
    f, y, new = rng.normal(size=(7, 19)), rng.normal(size=19), 4 * rng.normal(size=(7, 30))
    new[1] = new[0]  # two checkpoints that agree on the new inputs
    found = regression_intervals(f, y, new, 0.2)
    grid = np.linspace(-15, 15, 4001)
    total = ((y - f) ** 2).sum(1)
    for j in range(30):
        best = np.argmin(total[:, None] + (grid - new[:, j, None]) ** 2, axis=0)
        q = np.sort(np.abs(y - f), axis=1)[:, 15]  # the 16th of 19: ceil(20 * 0.8)
        inside = np.abs(grid - new[best, j]) <= q[best]
        pieces = (found.pieces_low[j, :, None] <= grid) & (grid <= found.pieces_high[j, :, None])
        assert np.mean(pieces.any(axis=0) != inside) < 1e-3  # points on the very limits
        assert found.low[j] == pytest.approx(grid[inside].min(), abs=0.01)
        assert found.high[j] == pytest.approx(grid[inside].max(), abs=0.01)


def test_one_checkpoint_is_plain_split_conformal():
    rng = np.random.default_rng(3)
    f, y, new = rng.normal(size=(1, 30)), rng.normal(size=30), rng.normal(size=(1, 4))
    q = calibrate(np.abs(y - f[0]), 0.1).value
    found = regression_intervals(f, y, new, 0.1)
    assert found.low == pytest.approx(new[0] - q)
    assert found.high == pytest.approx(new[0] + q)


def test_too_few_examples_give_the_whole_line():
    found = regression_intervals([[1.0], [2.0]], [1.0], [[0.0], [5.0]])
    assert (found.low[0], found.high[0]) == (-np.inf, np.inf)
    assert "too few" in found.note


def test_identical_checkpoints():
    found = regression_intervals([[1.0] * 9] * 3, range(9), [[2.0]] * 3, 0.2)
    assert (found.low[0], found.high[0]) == (2 - 6, 2 + 6)  # the 8th of 0 0 1 1 2 3 4 5 6 7
    assert np.isfinite(found.pieces_low[0]).sum() == 1


# --- coverage -----------------------------------------------------------------------------------
# Checkpoints are unrelated predictors, so that choosing among them overfits as much as it can.


def test_intervals_cover_where_the_naive_way_fails():
    rng = np.random.default_rng(4)
    ours, union, naive, studies, n, m, T = 0.0, 0.0, 0.0, 500, 20, 5, 50
    for _ in range(studies):
        y = rng.normal(size=n + m)
        f = rng.normal(size=(T, n + m))
        known, new = f[:, :n], f[:, n:]
        found = regression_intervals(known, y[:n], new, 0.2)
        ours += np.mean((found.low <= y[n:]) & (y[n:] <= found.high))
        above, below = found.pieces_low <= y[n:, None], y[n:, None] <= found.pieces_high
        union += np.mean((above & below).any(axis=1))
        t = np.argmin(((y[:n] - known) ** 2).sum(axis=1))
        q = calibrate(np.abs(y[:n] - known[t]), 0.2).value
        naive += np.mean(np.abs(y[n:] - new[t]) <= q)
    assert ours / studies > 0.8
    # Without ties the union covers in 17 of 21 cases.
    assert union / studies == pytest.approx(17 / 21, abs=0.025)
    assert naive / studies < 0.7


def test_outlier_p_values_are_valid_where_the_naive_ones_are_not():
    rng = np.random.default_rng(5)
    ours, naive, studies, n, m, T = 0.0, 0.0, 800, 19, 10, 100
    for _ in range(studies):
        losses = rng.exponential(size=(T, n + m))
        found = outlier_p_values(losses[:, :n], losses[:, :n], losses[:, n:], losses[:, n:])
        ours += np.mean(found <= 0.1)
        t = np.argmin(losses[:, :n].sum(axis=1))
        naive += np.mean(losses[t, n:] > calibrate(losses[t, :n], 0.1).value)
    assert ours / studies <= 0.1 + 0.01
    assert naive / studies > 0.15


def test_each_class_is_covered():
    rng = np.random.default_rng(6)
    missed, seen, naive = np.zeros(2), np.zeros(2), np.zeros(2)
    for _ in range(500):
        y = (rng.random(50) < 0.3).astype(int)
        loss = rng.exponential(size=(60, 50, 2))  # of each class, by each checkpoint
        known = loss[:, np.arange(40), y[:40]]
        found = class_sets(known, known, y[:40], loss[:, 40:], loss[:, 40:], 0.2)
        t = np.argmin(known.sum(axis=1))
        for j in range(10):
            c = y[40 + j]
            seen[c] += 1
            missed[c] += not found.inside[j, c]
            naive[c] += loss[t, 40 + j, c] > calibrate(known[t, y[:40] == c], 0.2).value
    assert (missed / seen < 0.2 + 0.025).all()
    assert (naive / seen > 0.24).any()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: outlier_p_values([[1.0]], [[1.0, 2.0]], [[1.0]], [[1.0]]), "scores has shape"),
        (lambda: outlier_p_values([[1.0]], [[1.0]], [[1.0]] * 2, [[1.0]]), "new_losses has shape"),
        (lambda: class_sets([[1.0]], [[1.0]], [2], [[[1.0]]], [[[1.0]]]), "codes from 0 to 0"),
        (lambda: regression_intervals([[1.0]], [1.0, 2.0], [[1.0]]), "predictions has shape"),
        (lambda: regression_intervals([[1.0]], [1.0], [[np.nan]]), "missing or infinite"),
        (lambda: regression_intervals([[1.0]], [1.0], [[1.0]], 0.0), "miscoverage is 0.0"),
    ],
)
def test_bad_input(call, sentence: str):
    with pytest.raises(UsageError, match=sentence):
        call()
