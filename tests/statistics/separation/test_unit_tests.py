"""Synthetic strangers have the properties that their names promise; thresholds hold their rate."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.statistics.separation.unit_tests import threshold, unit_tests

IMAGES = np.random.default_rng(0).random((50, 2, 6, 6), dtype=np.float32)
TABLE = np.random.default_rng(1).normal([0, 100, -3], [1, 20, 0.1], (400, 3)).astype(np.float32)


def test_every_test_has_the_inputs_shape_and_is_the_same_for_a_seed() -> None:
    for inputs in (IMAGES, TABLE, IMAGES[:, :, 0]):
        made = unit_tests(inputs, 30)
        assert all(m.shape == (30, *inputs.shape[1:]) for m in made.values())
        assert all(m.dtype == np.float32 and np.isfinite(m).all() for m in made.values())
        again, other = unit_tests(inputs, 30), unit_tests(inputs, 30, seed=1)
        assert all(np.array_equal(made[name], again[name]) for name in made)
        assert not any(np.array_equal(made[name], other[name]) for name in made)
    assert "rotated" not in unit_tests(TABLE)
    assert "blobs" not in unit_tests(TABLE)


def test_constant_is_constant() -> None:
    made = unit_tests(IMAGES)["constant"].reshape(100, -1)
    assert np.ptp(made, axis=1).max() == 0
    assert np.ptp(made) > 0.5


def test_permuted_images_keep_their_pixels() -> None:
    made = unit_tests(IMAGES, 10)["permuted"].reshape(10, 2, 36)
    sources = np.sort(IMAGES.reshape(50, 2, 36), axis=2)
    for image in np.sort(made, axis=2):
        assert (np.abs(sources - image).max((1, 2)) == 0).sum() == 1


def test_permuted_tables_keep_columns_and_lose_dependence() -> None:
    column = np.random.default_rng(2).normal(size=2000)
    made = unit_tests(np.stack([column, column], 1), 2000)["permuted"]
    assert abs(np.corrcoef(made.T)[0, 1]) < 0.1
    assert np.isin(made[:, 0], column.astype(np.float32)).all()
    assert made[:, 1].std() == pytest.approx(1, abs=0.1)


def test_noise_has_the_range_and_moments_of_columns() -> None:
    made = unit_tests(TABLE, 4000)
    low, high = made["uniform"].min(0), made["uniform"].max(0)
    assert (low >= TABLE.min(0)).all()
    assert (high <= TABLE.max(0)).all()
    np.testing.assert_allclose((high - low) / np.ptp(TABLE, 0), 1, atol=0.01)
    np.testing.assert_allclose(made["gaussian"].std(0), TABLE.std(0), rtol=0.05)


def test_scaled_is_ten_times_as_far_from_the_mean() -> None:
    made = unit_tests(TABLE, 3000)["scaled"]
    np.testing.assert_allclose(made.std(0) / TABLE.std(0), 10, rtol=0.06)


def test_blobs_have_the_values_of_images_in_smooth_places() -> None:
    source = np.random.default_rng(3).random((20, 1, 24, 24), dtype=np.float32)
    made = unit_tests(source, 20)["blobs"]
    assert np.isin(made, source).all()
    steps = np.abs(np.diff(made, axis=3)).mean() / np.abs(np.diff(source, axis=3)).mean()
    assert steps < 0.6


def test_missing_numbers_are_passed_over() -> None:
    holey = TABLE.copy()
    holey[::3, 1] = np.nan
    holey[:, 2] = np.nan
    made = unit_tests(holey, 50)
    for name in ("constant", "uniform", "gaussian"):
        assert np.isfinite(made[name]).all()


def test_threshold_is_the_conformal_quantile() -> None:
    assert threshold(np.arange(1, 20), 0.05) == 19  # ceil(20 * 0.95) = 19
    assert threshold(np.arange(1, 100), 0.1) == 90
    assert threshold(np.arange(10), 0.05) == np.inf


def test_thresholds_hold_their_false_alarm_rate() -> None:
    rng = np.random.default_rng(4)
    draws = rng.normal(size=(3000, 41))
    alarms = [row[-1] > threshold(row[:-1], 0.1) for row in draws]
    assert np.mean(alarms) <= 0.1 + 3 * np.sqrt(0.09 / 3000)


def test_bad_input_is_told_in_a_sentence() -> None:
    with pytest.raises(UsageError, match="at least 2 training inputs"):
        unit_tests(np.zeros((1, 3)))
    with pytest.raises(UsageError, match="at least 2 training inputs"):
        unit_tests(np.full((4, 3), np.nan))
    with pytest.raises(UsageError, match="false-alarm rate"):
        threshold([1.0], 0.0)
