from __future__ import annotations

import math

import pytest
import torch
from log_examples import tables

from gengap.methods.batch import Context
from gengap.methods.q_learning import slow
from gengap.methods.soda import PREDICTION, PROJECTION, SODA, WIDTH


@pytest.mark.parametrize(
    ("under", "apart"), [([0.0, 1.0], 0.0), ([1.0, 0.0], 2.0), ([3.0, 3.0], 2 - math.sqrt(2))]
)
def test_directions_by_hand(under: list[float], apart: float) -> None:
    """A linear network's features are its inputs; projection and prediction change nothing."""
    method, network = SODA(), tables(policy=[[1.0, 2.0], [3.0, 4.0]])
    network.parameters |= {
        PROJECTION: torch.eye(2, WIDTH)[None],
        PREDICTION: torch.eye(WIDTH)[None],
    }
    state = method.initial_state(Context("classification", 2, 1, 1, 2, 1), network.parameters)
    target = slow(network, state)
    found = method.disagreement(
        network, target, torch.tensor([[under]]), torch.tensor([[[0.0, 5.0]]])
    )
    torch.testing.assert_close(found, torch.tensor([apart]), atol=1e-6, rtol=0)


def test_what_is_asked_for_follows_slowly_and_what_predicts_does_not() -> None:
    method, network = SODA(), tables(policy=[[1.0, 2.0], [3.0, 4.0]])
    context = Context("classification", 2, 1, 1, 2, 1)
    own = method.extra_parameters(context, torch.Generator().manual_seed(0))
    network.parameters |= {name: value[None] for name, value in own.items()}
    kept = set(method.initial_state(context, network.parameters))
    assert kept == {"target/weight0", "target/bias0", f"target/{PROJECTION}"}
