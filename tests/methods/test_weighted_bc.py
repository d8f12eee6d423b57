"""Cloning by what was logged to come of it: weighted, and filtered."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from log_examples import ENDS, by_a_loop, log, tables
from toys import TASKS, stacked, toy

from gengap.methods.filtered_bc import FilteredBC
from gengap.methods.weighted_bc import WeightedBC

LOG = [(0, 1, 0.0, 1), (1, 0, 1.0, ENDS)]


def test_two_states_by_hand() -> None:
    # Returns 1/2 and 1 where 1 and 1/2 are usual: advantages -1/2 and 1/2, one deviation each.
    network = tables(policy=[[0, 0], [0, 0]], value=[[1], [0.5]])
    method = stacked([WeightedBC(sharpness=math.log(2))])
    found = method.gradients(network, log(LOG, returns=[0.5, 1.0]), {})
    torch.testing.assert_close(found["value/weight0"][0], torch.tensor([[0.5], [-0.5]]) / 2)
    cloned = torch.tensor([[0.5 * 0.5, -0.5 * 0.5], [-2 * 0.5, 2 * 0.5]])
    torch.testing.assert_close(found["weight0"][0], cloned / 2)


def test_the_best_share_is_kept() -> None:
    method = stacked([FilteredBC(share=0.5), FilteredBC(share=0.25)])
    found = method.weights(torch.tensor([[[1.0, 4.0, 3.0, 2.0]], [[-1.0, -4.0, -3.0, -2.0]]]))
    assert found.tolist() == [[[0, 2, 2, 0]], [[4, 0, 0, 0]]]


def test_no_weight_is_beyond_measure() -> None:
    method = stacked([WeightedBC(sharpness=10)])
    assert float(method.weights(torch.tensor([[[0.0, 0.0, 0.0, 1.0]]])).max()) == 100


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("method", [WeightedBC(sharpness=2), FilteredBC(share=0.5)])
def test_gradient_by_a_loop(task: str, method) -> None:
    def loss(net, behind, batch, run):
        after = batch.transitions()
        x, action = batch.x[run].flatten(0, 1), after.action[run].flatten(0, 1)
        error = after.returns[run].flatten() - net("value", x)[:, 0]
        known = error.detach()
        if isinstance(method, WeightedBC):
            weight = (2 * known / known.std(correction=0)).exp().clamp(max=100)
        else:
            weight = 2.0 * (known >= known.sort().values[len(known) // 2])
        said = net("", x)
        if task == "regression":
            cloning = (said - action).square().sum(1)
        else:
            cloning = F.cross_entropy(said, action, reduction="none")
        return error.square().mean() / 2 + (weight * cloning).mean()

    by_a_loop(toy([method] * 2, task), loss)
