from __future__ import annotations

import torch
import torch.nn.functional as F
from toys import toy

from gengap.methods.rationale_invariance import RationaleInvariance, differences, follow


def test_differences_by_hand() -> None:
    # W = ((1, 2), (3, 4)) by feature and class; h = (1, -1): contributions (1, 2) and (-3, -4).
    weight = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    means = torch.zeros(1, 2, 2, 2)
    means[0, 1] = torch.tensor([[1.0, 1.0], [-1.0, -4.0]])
    member = torch.tensor([[[0.0, 1.0]]])
    # Differences from class 1's: 0, 1, -2, 0; mean over two outputs of the sum over features.
    found = differences(torch.tensor([[[1.0, -1.0]]]), member, weight, means)
    torch.testing.assert_close(found, torch.tensor([[2.5]]))


def test_means_follow_by_hand() -> None:
    state = {"means": torch.zeros(1, 2, 1, 2), "known": torch.zeros(1, 2)}
    weight, momentum = torch.tensor([[[2.0, -1.0]]]), torch.tensor([0.75])
    member = F.one_hot(torch.tensor([[0, 0]]), 2).float()
    follow(state, torch.tensor([[[1.0], [3.0]]]), member, weight, momentum)
    # First seen: the mean feature 2 times the weights.
    torch.testing.assert_close(state["means"][0, 0], torch.tensor([[4.0, -2.0]]))
    follow(state, torch.tensor([[[6.0], [6.0]]]), member, weight, momentum)
    torch.testing.assert_close(state["means"][0, 0], torch.tensor([[6.0, -3.0]]))
    assert state["known"].tolist() == [[1.0, 0.0]]
    assert not state["means"][0, 1].any()


def test_loss_by_matrices() -> None:
    problem = toy([RationaleInvariance(penalty=p) for p in (0.0, 3.0)])
    batch, own = problem.batches[0], problem.network.parameters
    found = problem.method.loss(problem.network, batch, problem.state)
    features = problem.network(batch.x).features
    for run, weight in enumerate((0.0, 3.0)):
        h, y = features[run].flatten(0, 1), batch.y[run].flatten()
        rationale = torch.einsum("nd,dc->ndc", h, own["head.weight"][run])
        means = torch.stack([rationale[y == c].mean(0) for c in range(3)]).detach()
        apart = (rationale - means[y]).square().sum(1).mean()
        logits = features[run] @ own["head.weight"][run] + own["head.bias"][run]
        expected = F.cross_entropy(logits.flatten(0, 1), y) + weight * apart
        torch.testing.assert_close(found[run], expected)
