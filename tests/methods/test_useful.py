from __future__ import annotations

import numpy as np
import torch
from sklearn.cluster import KMeans
from toys import Size, toy

from gengap.methods.useful import Useful, later_clusters


def test_two_clusters_by_hand() -> None:
    # Of class 0: two examples told right and two wrong; of class 1 one that is surer than two.
    logits = torch.tensor([[[4.0, 0.0], [5.0, 0.0], [0.0, 3.0], [0.0, 2.0],
                            [0.0, 9.0], [0.0, 1.0], [0.0, 0.5]]])  # fmt: skip
    y = torch.tensor([[0, 0, 0, 0, 1, 1, 1]])
    found = later_clusters(logits, y, torch.ones(1, 7, dtype=torch.bool))
    assert found.tolist() == [[False, False, True, True, False, True, True]]


def test_rows_that_are_not_there_take_no_part() -> None:
    logits = torch.tensor([[[4.0, 0.0], [0.0, 3.0], [0.0, 900.0]]])
    present = torch.tensor([[True, True, False]])
    found = later_clusters(logits, torch.zeros(1, 3, dtype=torch.int64), present)
    assert found[0, :2].tolist() == [False, True]


def test_clusters_are_those_of_lloyds_algorithm_from_the_same_centres() -> None:
    draw = np.random.default_rng(0)
    y = draw.integers(3, size=60)
    logits = draw.normal(size=(60, 3)) + 3 * np.eye(3)[np.where(draw.random(60) < 0.3, 0, y)]
    everyone = torch.ones(1, 60, dtype=torch.bool)
    found = later_clusters(torch.tensor(logits)[None], torch.tensor(y)[None], everyone)[0]
    losses = np.log(np.exp(logits).sum(1)) - logits[np.arange(60), y]
    for c in range(3):
        own = np.flatnonzero(y == c)
        ends = logits[own[[losses[own].argmin(), losses[own].argmax()]]]
        labels = KMeans(2, init=ends, n_init=1, max_iter=20).fit_predict(logits[own])
        means = [losses[own][labels == k].mean() for k in (0, 1)]
        np.testing.assert_array_equal(found[own], labels == np.argmax(means))


def test_the_second_network_starts_anew_and_counts_a_cluster_twice() -> None:
    size = Size(steps=5)
    problem = toy([Useful(first=0.4)] * 2, size=size)
    start = {k: p.detach().clone() for k, p in problem.network.parameters.items()}
    problem.train(2)
    assert (problem.state["weight"] == 1).all()
    before = problem.predicting()
    third = problem.batches[2]
    problem.method.begin(
        0, torch.tensor([True, False]), problem.network, problem.optimizer, third, problem.state
    )
    for name, value in problem.network.parameters.items():
        assert torch.equal(value[0], start[name][0])
        assert torch.equal(value[1], before[name][1])
    weight = problem.state["weight"]
    assert (weight[1] == 1).all()
    low, high = weight[0].unique().tolist()
    np.testing.assert_allclose(high / low, 2, rtol=1e-6)
    np.testing.assert_allclose(weight[0].mean(), 1, rtol=1e-6)  # environments of equal size
