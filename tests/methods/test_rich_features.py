from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from toys import Size, erm_gradients, single, toy

from gengap.methods.irm import IRM
from gengap.methods.rich_features import (
    RichERM,
    RichFishr,
    RichIRM,
    RichVREx,
    synthesis,
    worse_half,
)


def test_the_worse_half_by_hand() -> None:
    losses = torch.tensor([[[1.0, 2.0], [6.0, 0.0]], [[1.0, 2.0], [3.0, 6.0]]])
    right = torch.tensor([[[True, True], [False, True]], [[True, True], [True, True]]])
    # Right: 1, 2 and 0, mean 1; wrong: 6. In the second run none is wrong, and the mean is 3.
    assert worse_half(losses, right).tolist() == [6.0, 3.0]


def test_synthesis_by_hand() -> None:
    # One feature of value 1. Head 0 gives odds 3:1, head 1 even odds; both were told class 1.
    own = {"discovered.weight": torch.tensor([[[math.log(3.0), 0.0, 0.0, 0.0]]]),
           "discovered.bias": torch.zeros(1, 1, 4)}  # fmt: skip
    said = torch.ones(1, 2, 1, 1, dtype=torch.int64)
    found = synthesis(torch.ones(1, 1, 1, 1), said, own)
    torch.testing.assert_close(found, torch.tensor([(math.log(4) + math.log(2)) / 2]))


def test_each_part_has_its_loss() -> None:
    problem = toy([RichIRM(rich=0.75, anneal=0.0, penalty=2.0)] * 2, size=Size(steps=8))
    firsts = [int(first[0]) for first in problem.method.phases(problem.batches[0].context)]
    assert firsts == [2, 4, 6]
    for batch in problem.batches:
        part = sum(first <= batch.step for first in firsts)
        if batch.step in firsts:  # let the part begin before the loss is looked at
            runs = torch.ones(2, dtype=torch.bool)
            problem.method.begin(
                part - 1, runs, problem.network, problem.optimizer, batch, problem.state
            )
        found = problem.method.loss(problem.network, batch, problem.state)
        said = problem.state["said"]
        for run in range(2):
            network = single(problem, run)
            x, y = batch.x[run].flatten(0, 1), batch.y[run].flatten()
            losses = F.cross_entropy(network(x), y, reduction="none")
            if part == 0:
                wanted = losses.mean()
            elif part == 1:
                right = said[run, 0, batch.rows[run].flatten()] == y
                halves = [losses[own].mean() for own in (right, ~right) if own.any()]
                wanted = torch.stack(halves).max()
            elif part == 2:
                own = problem.network.parameters
                h = network[:-1](x)
                logits = h @ own["discovered.weight"][run] + own["discovered.bias"][run]
                targets = said[run][:, batch.rows[run].flatten()]
                parts = zip(logits.split(3, 1), targets, strict=True)
                wanted = torch.stack([F.cross_entropy(z, t) for z, t in parts]).mean()
            else:
                plain = toy([IRM(anneal=0.0, penalty=2.0)] * 2, size=Size(steps=8))
                at = {k: problem.network.parameters[k] for k in plain.network.parameters}
                wanted = plain.method.loss(plain.network.at(at), batch, {})[run]
            torch.testing.assert_close(found[run], wanted, rtol=1e-5, atol=1e-6)
        problem.method.update(problem.network, problem.optimizer, batch, problem.state)


def test_what_is_said_is_the_class_of_every_row() -> None:
    problem = toy([RichERM()] * 2)
    problem.train(1)
    runs, batch = torch.tensor([True, False]), problem.batches[1]
    network = single(problem, 0)
    problem.method.begin(0, runs, problem.network, problem.optimizer, batch, problem.state)
    (everything,) = list(batch.everything())
    wanted = network(everything.x[0].flatten(0, 1)).argmax(1)
    np.testing.assert_array_equal(problem.state["said"][0, 0, everything.rows[0].flatten()], wanted)
    assert not problem.state["said"][1].any()


def test_features_stay_and_the_last_layer_is_new() -> None:
    problem = toy([RichERM(rich=0.5, weight_decay=0.0)], size=Size(steps=12))
    start = {k: p.detach().clone() for k, p in problem.network.parameters.items()}
    problem.train(6)
    assert torch.equal(problem.network.parameters["weight1"], start["weight1"])
    assert not torch.equal(problem.network.parameters["weight0"], start["weight0"])


def test_with_no_share_it_is_the_method_itself() -> None:
    for kind in (RichERM, RichVREx, RichFishr):
        extra = {} if kind is RichERM else {"penalty": 0.0}
        problem = toy([kind(rich=0.0, **extra)] * 2)
        batch = problem.batches[0]
        found = problem.method.gradients(problem.network, batch, problem.state)
        for name, value in erm_gradients(problem, batch).items():
            torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)
