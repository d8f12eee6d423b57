from __future__ import annotations

import copy

import torch
from toys import toy

from gengap.methods.dmg import DMG, mean_overlap, passed_through


def test_overlap_by_hand() -> None:
    # (1, 0) and (1, 1): intersection 1 of union 2. (1, 0) and (0, 1): 0. (1, 1) and (0, 1): 1/2.
    share = torch.tensor([[[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]])
    torch.testing.assert_close(mean_overlap(share), torch.tensor([1 / 3]))
    # Half open and fully open: 1/2 over 1/2 + 1 - 1/2.
    torch.testing.assert_close(mean_overlap(torch.tensor([[[0.5], [1.0]]])), torch.tensor([0.5]))


def test_draws_are_zeros_and_ones_and_pass_the_gradient_on() -> None:
    share = torch.tensor([0.2, 0.7, 0.9], requires_grad=True)
    opened = passed_through(share, torch.tensor([0.5, 0.5, 0.1]))
    torch.testing.assert_close(opened, torch.tensor([0.0, 1.0, 1.0]))
    (opened * torch.tensor([3.0, 5.0, 7.0])).sum().backward()
    torch.testing.assert_close(share.grad, torch.tensor([3.0, 5.0, 7.0]))


def test_open_masks_leave_plain_training_of_the_head() -> None:
    problem = toy([DMG(overlap=0.0)])
    with torch.no_grad():
        problem.network.parameters["masks"].fill_(40.0)
    batch, own = problem.batches[0], problem.network.parameters
    loss = problem.method.loss(problem.network, batch, problem.state)
    features = problem.network(batch.x).features
    logits = features @ own["head.weight"][:, None] + own["head.bias"][:, None]
    torch.testing.assert_close(loss, batch.risks(logits).mean(1))
    # And then the mixture is that head.
    problem.network.parameters["masks"].data.fill_(40.0)
    at = problem.network.at(problem.method.prediction_parameters(problem.network, problem.state))
    said = problem.method.output(at, batch.x).logits
    torch.testing.assert_close(said, torch.log_softmax(logits, -1))


def test_the_loss_is_the_risk_of_the_features_that_were_drawn() -> None:
    problem = toy([DMG(overlap=0.5)])
    batch, own = problem.batches[0], problem.network.parameters
    source = copy.deepcopy(batch.generators[0])
    loss = problem.method.loss(problem.network, batch, problem.state)
    share = torch.sigmoid(own["masks"][0, batch.environment[0]])
    opened = (torch.from_numpy(source.random(share.shape, "float32")) < share).float()
    features = problem.network(batch.x).features[0] * opened[:, None]
    logits = features @ own["head.weight"][0] + own["head.bias"][0]
    expected = batch.risks(logits[None]).mean(1) + 0.5 * mean_overlap(share[None])
    torch.testing.assert_close(loss, expected)
