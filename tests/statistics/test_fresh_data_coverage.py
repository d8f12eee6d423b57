"""Do the intervals hold the truth over fresh data sets? Simulated studies with five folds.

Each of ``K`` environments has a pool of 130 examples, dealt into parts as studies deal them. An
example shifts its own test score by its deviation ``u`` and the runs that train on it by ``h``.
The variance that ``h`` gives to the mean of an environment is ``ratio`` times that of ``u`` at five
seeds; a share of it is common to the environments. Test scores are normal, or in {-1, 0, 1} with 6%
disagreements, half of an example's variance staying with it under every seed.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.special import ndtr

from gengap.environments.parts import TEST, TRAIN, VALIDATION, parts
from gengap.statistics import (
    Differences,
    environment_intervals,
    mean_interval,
    source_intervals,
)

POOL, SPREAD = 130, math.sqrt(0.06)


@dataclass(frozen=True)
class Study:
    """What a simulated study is like; ``correlation`` is that of ``u`` and ``h``."""

    K: int
    S: int
    ratio: float = 0.0
    common: float = 0.0
    correlation: float = 0.0
    discrete: bool = False
    skewed: bool = False
    tau: float = 0.03

    @property
    def codes(self) -> np.ndarray:
        """``(S, K POOL)`` parts of the seeds."""
        environment = np.repeat(np.arange(self.K), POOL)
        return np.array(
            [parts(environment, np.zeros(len(environment)), 0, s) for s in range(self.S)]
        )


def draw(study: Study, rng: np.random.Generator):
    """Tables of test and validation parts, overlap, and ``K + 1`` true costs, the last of a new."""
    K, S = study.K, study.S
    codes = study.codes
    standard = (rng.gamma(4, size=K + 1) - 4) / 2 if study.skewed else rng.normal(size=K + 1)
    costs = 0.02 + study.tau * standard
    u = rng.normal(size=K * POOL)
    h = study.correlation * u + math.sqrt(1 - study.correlation**2) * rng.normal(size=len(u))
    train = (codes == TRAIN).astype(float)
    by_environment = (train * h).reshape(S, K, POOL).sum(axis=2) / (0.6 * POOL)
    # Whatever is common must not average out over environments.
    shared = by_environment.mean(axis=1, keepdims=True) * math.sqrt(K)
    size = SPREAD * math.sqrt(study.ratio)
    effects = size * math.sqrt(1 - study.common) * by_environment
    effects = effects + size * math.sqrt(study.common) * shared
    tables = []
    for part in (TEST, VALIDATION):
        seed, example = np.nonzero(codes == part)
        environment = example // POOL
        mean = costs[environment] + effects[seed, environment]
        latent = (u[example] + rng.normal(size=len(seed))) / math.sqrt(2)
        values = mean + SPREAD * latent
        if study.discrete:
            disagree = np.maximum(0.06, np.abs(mean))
            p = ndtr(latent)
            values = (p > 1 - (disagree + mean) / 2) * 1.0 - (p < (disagree - mean) / 2)
        tables.append(Differences(values, environment, seed, example))
    shares = train @ train.T / train.sum(axis=1).mean()
    return *tables, float((shares.sum() - S) / (S * (S - 1))), costs


def coverage(study: Study, studies: int, seed: int = 0) -> dict[str, float]:
    """Share of studies in which each of the three intervals holds its truth."""
    rng = np.random.default_rng(seed)
    hits = {"environment": 0.0, "mean": 0.0, "new": 0.0}
    for _ in range(studies):
        test, validation, overlap, costs = draw(study, rng)
        known = {"overlap": overlap, "validation": validation}
        each = environment_intervals(*test, **known)
        hits["environment"] += np.mean([i.low <= costs[e] <= i.high for e, i in each.items()])
        mean, (_, new) = mean_interval(*test, **known), source_intervals(*test, **known)
        hits["mean"] += mean.low <= costs[:-1].mean() <= mean.high
        hits["new"] += new.low <= costs[-1] <= new.high
    return {name: hit / studies for name, hit in hits.items()}


def check(study: Study, studies: int) -> None:
    """Assert 90%, and 60% where runs move all environments alike, less three errors.

    Few seeds do not show what is common to all environments, and an interval that held whatever
    it is would be half as wide again for models that have nothing of it.
    """
    floor = 0.60 if study.common else 0.90
    slack = 3 * math.sqrt(0.95 * 0.05 / studies)
    for name, share in coverage(study, studies).items():
        assert share >= floor - slack, (study, name, share)


@pytest.mark.parametrize(
    "study",
    [
        Study(6, 3, ratio=1.0, correlation=0.5),
        Study(6, 5, ratio=0.3, common=1.0, discrete=True, skewed=True),
        Study(6, 5),
    ],
)
def test_coverage(study: Study):
    check(study, studies=60)


def test_the_interval_is_not_blown_up_where_training_does_nothing():
    """Some 1.5 times the examples' interval on average, with four degrees of freedom."""
    rng, widths = np.random.default_rng(1), []
    for _ in range(40):
        test, validation, overlap, _ = draw(Study(6, 5), rng)
        widths.append(mean_interval(*test, overlap=overlap, validation=validation).half_width)
    assert 1 < np.mean(widths) / (1.96 * SPREAD / math.sqrt(6 * POOL)) < 1.6


GRID = [
    Study(K, S, ratio, common, correlation, discrete, skewed=discrete)
    for K, S, (ratio, common, correlation), discrete in itertools.product(
        (6, 14),
        (3, 5, 10),
        ((0, 0, 0), (0.3, 0, 0.5), (1, 0, 0.5), (5, 0, 0.5), (0.3, 1, 0.5), (1, 1, 0), (5, 1, 0)),
        (False, True),
    )
]


@pytest.mark.slow
@pytest.mark.parametrize("study", GRID)
def test_coverage_over_the_grid(study: Study):
    check(study, studies=200)
