from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from toys import Fixed, batch_of, toy

from gengap.methods.odd_k_out import OddKOut, companions


def test_companions_by_hand() -> None:
    y = torch.tensor([[0, 0, 1, 0, 2]])
    keys = torch.tensor([[[0.1, 0.5, 0.2, 0.9, 0.3], [0.0, 0.4, 0.2, 0.6, 0.8]]])
    partner, odd, there = companions(y, keys)
    # Around the first circle the zeros lie in the order 0, 1, 3. From 0.0 the next on the second
    # that is no zero is example 2 at 0.2, from 0.4 and 0.6 it is example 4 at 0.8.
    assert partner[0, [0, 1, 3]].tolist() == [1, 3, 0]
    assert odd[0, [0, 1, 3]].tolist() == [2, 4, 4]
    assert odd[0, 2] == 1  # from 0.2 to 0.4
    assert there.tolist() == [[True, True, False, True, False]]


def test_one_set_by_hand() -> None:
    # Two of class 0 and one of class 1, so both sets hold all three: logits sum to (3, 1).
    logits = torch.tensor([[[[2.0, 0.0], [1.0, -1.0], [0.0, 2.0]]]])
    batch = batch_of(torch.tensor([[[0, 0, 1]]]), classes=2)
    found = OddKOut().loss(Fixed(logits), batch, {})
    torch.testing.assert_close(found, F.softplus(torch.tensor([-2.0])))


def test_one_class_alone_makes_no_sets() -> None:
    logits = torch.ones(1, 1, 2, 2, requires_grad=True)
    batch = batch_of(torch.zeros(1, 1, 2, dtype=torch.int64), classes=2)
    loss = OddKOut().loss(Fixed(logits), batch, {})
    assert loss.tolist() == [0.0]
    assert not torch.autograd.grad(loss.sum(), logits)[0].any()


def test_loss_by_loops() -> None:
    problem = toy([OddKOut()] * 2)
    batch = problem.batches[0]
    sources = copy.deepcopy(batch.generators)
    found = problem.method.loss(problem.network, batch, {})
    logits = problem.network(batch.x).logits.flatten(1, 2)
    for run, source in enumerate(sources):
        circles, y, losses = source.random((2, 18)), batch.y[run].flatten(), []
        for i in range(18):
            around = (circles - circles[:, i : i + 1]) % 1
            mates = [j for j in range(18) if j != i and y[j] == y[i]]
            others = [j for j in range(18) if y[j] != y[i]]
            if mates and others:
                j = min(mates, key=lambda k: around[0, k])
                o = min(others, key=lambda k: around[1, k])
                losses.append(F.cross_entropy(logits[run, [i, j, o]].sum(0), y[i]))
        torch.testing.assert_close(found[run], torch.stack(losses).mean())


def test_companions_by_looking_at_every_pair() -> None:
    draw = torch.Generator().manual_seed(0)
    y = torch.randint(4, (3, 40), generator=draw)
    y[1] = 2
    y[2, 0] = 7
    keys = torch.rand(3, 2, 40, generator=draw, dtype=torch.float64)
    partner, odd, there = companions(y, keys)
    for run in range(3):
        for i in range(40):
            ahead = (keys[run] - keys[run, :, i : i + 1]) % 1.0
            alike = [j for j in range(40) if j != i and y[run, j] == y[run, i]]
            others = [j for j in range(40) if y[run, j] != y[run, i]]
            assert bool(there[run, i]) == bool(alike and others)
            if there[run, i]:
                assert int(partner[run, i]) == min(alike, key=lambda j: float(ahead[0, j]))
                assert int(odd[run, i]) == min(others, key=lambda j: float(ahead[1, j]))
