"""Diverse outliers: k-means against scikit-learn, the pick by hand and by brute force, a toy."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import toys
from exposed_toys import auroc, exposed, toy
from sklearn.cluster import KMeans

from gengap.base.seeds import generator
from gengap.methods.diverse_outliers import (
    POOL,
    DiverseOutliers,
    absent_logits,
    absent_score,
    diverse,
    k_means,
)
from gengap.models.outputs import Outputs


def test_k_means_against_scikit_learn():
    rows = np.random.default_rng(0).normal(size=(200, 5))
    theirs = KMeans(6, init=rows[:6], n_init=1, algorithm="lloyd", tol=0, max_iter=300).fit(rows)
    ours = k_means(torch.from_numpy(rows), torch.from_numpy(rows[:6]), rounds=300)
    assert np.array_equal(ours.numpy(), theirs.labels_)


def test_k_means_by_hand_with_an_empty_cluster():
    """The third centre is nobody's; the second moves to 5.5 and takes the 4 along."""
    rows = torch.tensor([[0.0], [1.0], [4.0], [7.0]])
    found = k_means(rows, torch.tensor([[2.0], [3.5], [100.0]]))
    assert found.tolist() == [0, 0, 1, 1]


def test_absent_score_is_the_log_odds():
    logits = torch.tensor([[0.3, -1.0, 2.0], [90.0, 0.0, -90.0]])
    p = logits.double().softmax(1)[0, -1]
    found = absent_score(Outputs(logits=logits))
    assert float(found[0]) == pytest.approx(math.log(p / (1 - p)), rel=1e-6)
    assert float(found[1]) == pytest.approx(-180)


def test_the_hardest_of_each_direction_by_hand():
    """Four directions of features of any length; the last logit decides within each."""
    directions = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    features = directions.repeat(3, 1) * torch.tensor([1.0, 5, 0.2]).repeat_interleave(4)[:, None]
    absent = torch.tensor([5.0, 1, 7, 3, 2, 8, 9, -4, 3, 2, -6, 0])
    logits = torch.stack([torch.zeros(12), torch.zeros(12), absent], 1)
    seen = Outputs(logits=logits, features=features)
    for seed in range(50):
        source = np.random.default_rng(seed)
        start = np.random.default_rng(seed).permutation(12)[:4]
        if len({int(k) % 4 for k in start}) == 4:
            assert diverse(seen, 4, source).tolist() == [1, 4, 7, 10]
            return
    raise AssertionError("no seed starts in all four directions")


def test_the_pick_by_brute_force():
    source = torch.Generator().manual_seed(0)
    seen = Outputs(
        logits=torch.randn(60, 4, generator=source), features=torch.randn(60, 3, generator=source)
    )
    picked = diverse(seen, 8, np.random.default_rng(5))
    unit = seen.features / seen.features.norm(dim=1, keepdim=True)
    start = unit[np.random.default_rng(5).permutation(60)[:8]]
    cluster, score = k_means(unit, start), absent_score(seen)
    hardest = [
        min(np.flatnonzero(cluster.numpy() == k), key=lambda row: float(score[row]))
        for k in cluster.unique()
    ]
    assert picked.tolist() == sorted(hardest)


def test_strangers_fall_into_the_absent_class():
    tuned = exposed(DiverseOutliers(learning_rate=1e-2), steps=60, batch=48)
    new, truth, strange = toy(seed=1)
    scores = []
    for rows in (new, strange):
        seen = tuned.outputs(rows)
        absent = absent_logits(tuned.network.parameters, seen.features[None])[0]
        scores.append(absent_score(replace(seen, logits=torch.cat([seen.logits, absent], 1))))
    assert auroc(*scores) > 0.99
    assert np.mean(tuned.predict(new) == truth) > 0.9


def test_the_loss_has_one_class_more_and_the_outliers_that_were_picked():
    problem = toys.toy([DiverseOutliers(weight=2.0)])
    batch, own = problem.batches[0], problem.network.parameters
    loss = problem.method.loss(problem.network, batch, problem.state)
    network = toys.single(problem, 0)

    def logits(rows):
        features = toys.hidden(network, rows)
        absent = features @ own["absent"][0, :-1] + own["absent"][0, -1]
        return features, torch.cat([network(rows), absent], 1)

    features, pool = logits(batch.unlabelled[0])
    seen = Outputs(logits=pool.detach(), features=features.detach())
    picked = diverse(seen, len(pool) // POOL, generator(0, "toy method"))
    known = torch.nn.functional.cross_entropy(
        logits(batch.x[0].flatten(0, 1))[1], batch.y[0].flatten()
    )
    strange = torch.nn.functional.cross_entropy(pool[picked], torch.full((len(picked),), 3))
    torch.testing.assert_close(loss[0], known + 2 * strange)
