"""Diverse outliers: k-means against scikit-learn, the pick by hand and by brute force, a toy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from exposed_toys import auroc, network, toy
from sklearn.cluster import KMeans

from gengap.base.errors import UsageError
from gengap.detectors.exposed.descent import Schedule
from gengap.detectors.exposed.diverse_outliers import (
    absent_score,
    diverse,
    diverse_outliers,
    k_means,
)
from gengap.models.outputs import Outputs
from gengap.models.reading import outputs_of


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
    inliers, labels, outliers = toy()
    fast = Schedule(steps=60, batch=16, learning_rate=1e-2)
    tuned = diverse_outliers(network(4), inliers, labels, outliers, pool=48, schedule=fast)
    new, truth, strange = toy(seed=1)
    scores = [absent_score(outputs_of(tuned, rows)) for rows in (new, strange)]
    assert auroc(*scores) > 0.99
    assert (tuned(new).argmax(1) == truth).float().mean() > 0.9


def test_what_cannot_be_sampled_is_refused():
    with pytest.raises(UsageError, match="pool of 8"):
        diverse_outliers(network(4), *toy(), pool=8)
    with pytest.raises(UsageError, match="has 3 outputs, but these labels need 4"):
        diverse_outliers(network(3), *toy())
