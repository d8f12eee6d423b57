from __future__ import annotations

import torch
import torch.nn.functional as F
from toys import Size, toy

from gengap.methods.memorisation_aware import MemorisationAware, told


def test_each_network_learns_from_its_half_alone() -> None:
    problem = toy([MemorisationAware()] * 2)
    first, everyone = problem.batches[0], torch.ones(2, dtype=torch.bool)
    problem.method.begin(0, everyone, problem.network, problem.optimizer, first, problem.state)
    half = problem.state["half"]
    assert set(half.unique().tolist()) == {0.0, 1.0}
    batch = problem.batches[1]
    found = problem.method.loss(problem.network, batch, problem.state)
    other = problem.network.branch("other")
    for run in range(2):
        there, y = half[run, batch.rows[run].flatten()] > 0, batch.y[run].flatten()
        wanted = 0.0
        for network, own in ((problem.network, there), (other, ~there)):
            logits = network(batch.x).logits[run].flatten(0, 1)
            wanted = wanted + F.cross_entropy(logits[own], y[own])
        torch.testing.assert_close(found[run], wanted)


def test_a_row_is_shifted_by_the_network_that_has_not_seen_it() -> None:
    problem = toy([MemorisationAware(floor=0.2)], size=Size(steps=6))
    start = {k: p.detach().clone() for k, p in problem.network.parameters.items()}
    problem.train(3)
    batch, everyone = problem.batches[3], torch.ones(1, dtype=torch.bool)
    seen = told(problem.network, batch)[0], told(problem.network.branch("other"), batch)[0]
    (everything,) = list(batch.everything())
    x = everything.x[0].flatten(0, 1)
    said = torch.softmax(problem.network(x[None]).logits[0], -1)
    torch.testing.assert_close(seen[0][everything.rows[0].flatten()], said)
    problem.method.begin(1, everyone, problem.network, problem.optimizer, batch, problem.state)
    for name, value in problem.network.parameters.items():
        assert torch.equal(value, start[name])
    half, shift = problem.state["half"][0] > 0, problem.state["shift"][0]
    torch.testing.assert_close(shift[half], seen[1][half].clamp(min=0.2).log())
    torch.testing.assert_close(shift[~half], seen[0][~half].clamp(min=0.2).log())
    # And the loss is the cross-entropy of shifted logits.
    rows, y = batch.rows[0].flatten(), batch.y[0].flatten()
    logits = problem.network(batch.x).logits[0].flatten(0, 1)
    wanted = F.cross_entropy(logits + shift[rows], y)
    found = problem.method.loss(problem.network, batch, problem.state)
    torch.testing.assert_close(found[0], wanted)


def test_a_shift_that_is_right_leaves_little_to_learn() -> None:
    # Held out 0.99 to 0.01 for the true class: even logits lose -log 0.99, the other way -log 0.01.
    problem = toy([MemorisationAware(first=0.0)])
    batch = problem.batches[0]
    with torch.no_grad():
        for value in problem.network.parameters.values():
            value.zero_()
    sure = torch.full((3, 3), 0.005) + 0.985 * torch.eye(3)
    for turned, wanted in ((0, 0.99), (1, 0.005)):
        problem.state["shift"][0, batch.rows[0].flatten()] = sure.roll(turned, 1)[
            batch.y[0].flatten()
        ].log()
        loss = problem.method.loss(problem.network, batch, problem.state)
        torch.testing.assert_close(loss[0], -torch.tensor(wanted).log())
