import numpy as np
import pytest

from gengap.statistics.shared_examples import fit_layouts


def by_dummies(
    values: np.ndarray, run: np.ndarray, example: np.ndarray
) -> tuple[np.ndarray, float]:
    """Centred run effects and residual sum of squares, by least squares on indicator columns."""
    runs, r = np.unique(run, return_inverse=True)
    examples, i = np.unique(example, return_inverse=True)
    columns = np.hstack([np.eye(len(runs))[r], np.eye(len(examples))[i]])
    found, *_ = np.linalg.lstsq(columns, values, rcond=None)
    effects = found[: len(runs)]
    return effects - effects.mean(), float(np.sum((values - columns @ found) ** 2))


def test_each_environment_is_fitted_as_by_indicator_columns() -> None:
    rng = np.random.default_rng(3)
    # Two of four runs take no part in the second environment, nor any shared example in the third.
    environment = np.repeat([0, 1, 2], [60, 40, 8])
    run = np.r_[rng.integers(0, 4, 60), rng.choice([1, 3], 40), np.repeat([0, 2], 4)]
    example = np.r_[rng.integers(0, 15, 60), rng.integers(0, 15, 40), np.arange(8)]
    values = rng.normal(size=108)
    fit = fit_layouts(values, environment, run, example, (3, 4))
    for k in (0, 1):
        own = environment == k
        effects, residual = by_dummies(values[own], run[own], example[own])
        assert fit.present[k].tolist() == np.isin(np.arange(4), run[own]).tolist()
        assert fit.effects[k, fit.present[k]] == pytest.approx(effects, abs=1e-12)
        assert fit.residual[k] == pytest.approx(residual, abs=1e-10)
        distinct = len(np.unique(run[own])), len(np.unique(example[own]))
        assert fit.free[k] == own.sum() - sum(distinct) + 1
    assert not fit.present[2].any()
    assert fit.unit[2] == 0


def test_variance_of_effects_where_two_runs_share_all_examples() -> None:
    # Two runs on the same n examples: the difference of effects is the mean difference, with
    # variance 2 / n; the sample variance of two numbers is half their squared difference, so 1 / n.
    n = 5
    values = np.r_[np.arange(n) + 1.0, np.arange(n)]
    run, example = np.repeat([0, 1], n), np.tile(np.arange(n), 2)
    fit = fit_layouts(values, np.zeros(2 * n, int), run, example, (1, 2))
    assert fit.effects[0] == pytest.approx([0.5, -0.5])
    assert fit.unit[0] == pytest.approx(1 / n)
    assert fit.residual[0] == pytest.approx(0.0, abs=1e-12)
