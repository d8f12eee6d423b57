from __future__ import annotations

import math
from typing import Any

import torch
from log_examples import log, tables
from toys import stacked

from gengap.methods.practice import Transitions
from gengap.methods.sgqn import OF_ACTION, SGQN, TOLD, salient, spread
from gengap.models.networks import MLP, Network

# Worth of two actions by four numbers.
WORTH = torch.tensor([[0.1, 1.0], [-3.0, 0.0], [2.0, 0.0], [0.0, 5.0]])


def linear(shape: tuple[int, ...]) -> Network:
    parameters = {"weight0": WORTH[None].clone().requires_grad_(), "bias0": torch.zeros(1, 1, 2)}
    return Network(MLP(()), {k: v.requires_grad_() for k, v in parameters.items()}, shape)


def test_saliency_is_the_size_of_the_slope_and_of_a_pixel_that_of_its_strongest_colour() -> None:
    x, action = torch.randn(1, 2, 4), torch.tensor([[0, 1]])
    found = salient(linear((4,)), x, action, 0.5)
    assert found.tolist() == [[[False, True, True, False], [True, False, False, True]]]
    # Two colours of two pixels: 0.1, -3 and 2, 0 for the first action, 1, 0 and 0, 5 for the other.
    picture = salient(linear((2, 1, 2)), x.view(1, 2, 2, 1, 2), action, torch.tensor([0.5]))
    assert picture.tolist() == [[[False, True], [False, True]]]
    shown = spread(picture, x.view(1, 2, 2, 1, 2)).expand(1, 2, 2, 1, 2)
    assert shown[0, 0].tolist() == [[[False, True]], [[False, True]]]


class Known(SGQN):
    """It remembers one transition, whose reward ends the episode and is what the value says."""

    def remembered(self, batch: Any, state: Any) -> Any:
        one = torch.ones(1, 1, 4)
        after = Transitions(
            torch.tensor([[0]]), torch.tensor([[-0.9]]), one, torch.tensor([[True]]),
            torch.zeros(1, 1), 0.5,
        )  # fmt: skip
        return one, after


def test_the_value_is_drawn_to_that_of_the_mask_by_hand() -> None:
    """Q = -0.9 of all, -1 of the two largest; (Q - Qm)² = 0.01 falls along what is masked out."""
    method, network = stacked([Known(kept=0.5, consistency=0.5, telling=0.0)]), linear((4,))
    network.parameters |= {TOLD: torch.zeros(1, 4, 4), OF_ACTION: torch.zeros(1, 2, 4)}
    for name in (TOLD, OF_ACTION):
        network.parameters[name].requires_grad_()
    state = {
        f"target/{k}": v.detach().clone() for k, v in network.parameters.items() if "/" not in k
    }
    batch = log([(0, 0, 0.0, 1)])
    found = method.gradients(network, batch, state)["weight0"][0]
    wanted = torch.zeros(4, 2)
    wanted[:, 0] = 0.5 * 2 * 0.1 * torch.tensor([1.0, 0.0, 0.0, 1.0])
    torch.testing.assert_close(found, wanted, atol=1e-6, rtol=0)


def test_a_mask_that_nothing_tells_costs_a_bit_of_each_pixel() -> None:
    network = tables(policy=[[1.0, 2.0], [3.0, 4.0]])
    network.parameters |= {TOLD: torch.zeros(1, 2, 2), OF_ACTION: torch.zeros(1, 2, 2)}
    mask = torch.tensor([[[True, False]]])
    found = SGQN().untold(network, torch.ones(1, 1, 2), torch.tensor([[1]]), mask)
    torch.testing.assert_close(found, torch.tensor([math.log(2)]))
    network.parameters[OF_ACTION] = torch.tensor([[[0.0, 0.0], [50.0, -50.0]]])
    found = SGQN().untold(network, torch.ones(1, 1, 2), torch.tensor([[1]]), mask)
    assert float(found) < 1e-6
