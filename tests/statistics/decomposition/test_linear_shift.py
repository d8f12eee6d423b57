"""The parts where inputs and relation move at once, against integrals over exact densities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.environments.suites.linear_shift import LinearShift
from gengap.statistics.decomposition.parts import CAUSES, FOLDS, Sample, decompose

ROWS, DRAWS = 500, 100_000
STRENGTHS = (1.2, 0.8, 0.4, -0.4)


def own_relation(family: LinearShift, name: str) -> tuple[np.ndarray, float]:
    """Weights of least squares in one environment, and what they leave unexplained."""
    second, cross = family.moments(name)
    weights = np.linalg.solve(second, cross)
    return weights, family.risk(weights, name)


def exact(family: LinearShift, learnt: np.ndarray, e: int, k: int) -> tuple[float, float, float]:
    """Inputs, relation and noise of a pair: the shared density is integrated by its draws."""
    names = family.names
    rng = np.random.default_rng(0)
    sides = [stats.multivariate_normal(cov=family.moments(names[j])[0]) for j in (e, k)]
    x = np.concatenate([side.rvs(DRAWS, random_state=rng) for side in sides])
    q, p = (side.pdf(x) for side in sides)
    shared = p * q / (p + q) ** 2  # of a draw from the even mixture
    (own_e, left_e), (own_k, left_k) = (own_relation(family, names[j]) for j in (e, k))
    relation = np.average((x @ (own_e - learnt)) ** 2 - (x @ (own_k - learnt)) ** 2, weights=shared)
    noise = left_e - left_k
    gap = family.risk(learnt, names[e]) - family.risk(learnt, names[k])
    return gap - relation - noise, float(relation), noise


def test_parts_are_the_integrals():
    family = LinearShift("regression", strengths=STRENGTHS)
    rng, every = np.random.default_rng(1), range(len(STRENGTHS))
    drawn = [family.sample(ROWS, name, rng) for name in family.names]
    X, y = (np.concatenate(part) for part in zip(*drawn, strict=True))
    unseen = [family.learn([k for k in every if k != e]) for e in every]
    said = X @ family.learn(list(every))
    lost = np.stack([(X @ own - y) ** 2 for own in unseen], axis=1)
    environment = np.repeat(np.arange(4), ROWS)
    found = decompose(
        Sample(
            X / X.std(axis=0), environment, np.full(len(y), 1 / ROWS), np.arange(len(y)) % FOLDS,
            np.arange(len(y)), np.arange(4), lost, lost - ((said - y) ** 2)[:, None],
            said[:, None], y[:, None], lambda made: (made[:, 0] - y) ** 2,
        )
    )  # fmt: skip
    assert CAUSES[:3] == ("inputs", "relation", "noise")
    for e in every:
        pairs = [exact(family, unseen[e], e, k) for k in every if k != e]
        known = np.mean(pairs, axis=0)
        errors = np.sqrt(found.variance[0, e, :3])
        assert found.estimate[0, e, :3] == pytest.approx(known, abs=float(3.5 * errors.max()))
