"""The parts of the gap against closed forms, and what must hold of them exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.calibration.explain import PLANTED

from gengap.statistics.decomposition.membership import membership
from gengap.statistics.decomposition.parts import CAUSES, Sample, decompose

ROWS = 400
OPTIONS = {
    "relation": {"offsets": (-1.0, -0.2, 0.2, 1.0)},
    "inputs and noise": {"means": (-0.9, -0.3, 0.3, 0.9), "curvature": 0.3},
    "noise": {"deviations": (0.3, 0.5, 0.7, 1.2)},
    "shares": {"priors": (0.2, 0.4, 0.6, 0.8)},
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_parts_are_those_of_the_closed_form(kind):
    planted = PLANTED[kind]
    known = planted.known(OPTIONS[kind])
    found = decompose(planted.sample(OPTIONS[kind], ROWS, seed=1))
    errors = np.sqrt(found.variance)
    # 120 numbers, of which a few may lie beyond three of their standard errors.
    beyond = np.abs(found.estimate - known) > 3 * errors + 1e-9
    assert beyond.sum() <= 3
    assert np.abs(found.estimate - known).max() < 0.25
    assert found.shares_first == (kind == "shares")


@pytest.mark.parametrize("kind", ["relation", "shares"])
def test_parts_add_up(kind):
    sample = PLANTED[kind].sample(OPTIONS[kind], 100, seed=2)
    found = decompose(sample)
    np.testing.assert_allclose(found.estimate.sum(axis=2), found.total, atol=1e-12)
    np.testing.assert_allclose(found.total[0], found.total[1] + found.total[2], atol=1e-12)
    for j, e in enumerate(sample.unseen):
        means = [sample.loss[sample.environment == k, j].mean() for k in range(4)]
        inside = np.mean([m for k, m in enumerate(means) if k != e])
        assert found.total[0, j] == pytest.approx(means[e] - inside)
        own = sample.environment == e
        assert found.total[1, j] == pytest.approx(sample.saved[own, j].mean())


def test_where_nothing_can_be_told_apart_the_whole_gap_is_relation_and_noise():
    """With inputs that say nothing of the environment S is either of a pair."""
    sample = PLANTED["relation"].sample(OPTIONS["relation"], 90, seed=3)
    found = decompose(replace(sample, features=np.zeros((360, 1))))
    assert found.member.chosen == "none"
    np.testing.assert_allclose(found.estimate[0, :, 0], 0.0, atol=1e-12)
    np.testing.assert_allclose(found.overlap, 1.0)


def test_environments_without_shared_inputs_are_not_compared():
    sample = PLANTED["noise"].sample(OPTIONS["noise"], 60, seed=4)
    apart = sample.features + 30.0 * sample.environment[:, None]
    found = decompose(replace(sample, features=(apart - apart.mean()) / apart.std()))
    assert np.isnan(found.estimate[0, :, :3]).all()
    np.testing.assert_array_equal(found.pairs, 0)
    np.testing.assert_allclose(found.spoken_for, 0.0, atol=0.05)


def test_rows_in_clusters_widen_limits():
    sample = PLANTED["noise"].sample(OPTIONS["noise"], 60, seed=5)
    rows = np.repeat(np.arange(240), 2)
    twice = Sample(
        **{
            name: getattr(sample, name)[rows]
            for name in ("features", "environment", "fold", "loss", "saved", "base", "target")
        },
        weight=sample.weight[rows] / 2,
        cluster=sample.cluster[rows],
        unseen=sample.unseen,
        loss_of=lambda made: (made[:, 0] - sample.target[rows, 0]) ** 2,
    )
    alone, doubled = decompose(sample), decompose(twice)
    gap = [CAUSES.index("noise")]
    np.testing.assert_allclose(doubled.variance[0][:, gap], alone.variance[0][:, gap], rtol=0.5)


def test_membership_is_that_of_normal_densities():
    rng = np.random.default_rng(0)
    code = np.repeat([0, 1], 1500)
    x = rng.normal(size=(3000, 1)) + code[:, None]
    found = membership(x, code, np.ones(3000), np.arange(3000) % 3, 0)
    exact = 1 / (1 + np.exp(-(x[:, 0] - 0.5)))
    assert np.abs(found.probability[:, 1] - exact).max() < 0.05
    np.testing.assert_allclose(found.probability.sum(axis=1), 1.0)


def test_rounding_is_no_cause():
    """A model that nothing can correct loses as the corrected one does, but for rounding."""
    sample = PLANTED["noise"].sample(OPTIONS["noise"], 60, seed=6)
    found = decompose(sample)
    assert found.corrected == "none"
    assert not found.estimate[:, :, CAUSES.index("relation")].any()
    assert not found.variance[:, :, CAUSES.index("relation")].any()
