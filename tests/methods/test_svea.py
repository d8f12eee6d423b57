"""SVEA and plain augmentation on a log of two states, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from log_examples import ENDS, log, tables
from toys import stacked

from gengap.methods.dqn import DQN
from gengap.methods.dqn_augmented import AugmentedDQN
from gengap.methods.svea import SVEA

LOG = [(0, 0, 0.0, 1), (0, 1, 0.0, 0), (1, 0, 1.0, ENDS), (1, 1, 0.0, 0)]
POLICY, SLOW = [[1.0, 2.0], [4.0, 3.0]], [[0.0, 6.0], [8.0, 9.0]]
# The second state's first action is chosen, worth 8, the first state's second, worth 6; by half.
AIM = np.array([4.0, 3.0, 1.0, 3.0])


def recalling(kind: type[DQN], **values: float) -> tuple[Any, Any, Any, dict[str, torch.Tensor]]:
    """A method that remembers the log in its order, a network, a batch and a state."""
    batch = log(LOG)
    after = batch.transitions()
    flat = replace(
        after, **{k: getattr(after, k)[:, 0] for k in ("action", "reward", "next_x", "end")}
    )

    class Recalling(kind):  # type: ignore[misc,valid-type]
        def remembered(self, batch: Any, state: Any) -> Any:
            return batch.x[:, 0], flat

    method, network = stacked([Recalling(foresight=1.0, **values)]), tables(policy=POLICY)
    state = {"target/weight0": torch.tensor([SLOW]), "target/bias0": torch.zeros(1, 1, 2)}
    return method, network, batch, state


def by_hand(x: np.ndarray, weight: float) -> np.ndarray:
    """Gradient of weight/8 times the sum of (Q - aim)² for the table."""
    found, action = np.zeros((2, 2)), [0, 1, 0, 1]
    for seen, a, aim in zip(x, action, AIM, strict=True):
        found[:, a] += weight * (seen @ np.array(POLICY)[:, a] - aim) * seen / 4
    return found


def test_overlays_in_predictions_and_none_in_targets() -> None:
    method, network, batch, state = recalling(SVEA, overlay=1.0, clean=0.25)
    drawn = np.random.default_rng(0).standard_normal((4, 2), np.float32)
    wanted = by_hand(np.eye(2)[[0, 0, 1, 1]], 0.25) + by_hand(drawn, 0.75)
    found = method.gradients(network, batch, state)["weight0"][0]
    np.testing.assert_allclose(found.detach(), wanted, rtol=1e-5)


def test_without_overlays_it_is_deep_q_learning() -> None:
    method, network, batch, state = recalling(SVEA, overlay=0.0, clean=0.6)
    plain = recalling(DQN)[0].gradients(network, batch, state)
    for name, value in method.gradients(network, batch, state).items():
        torch.testing.assert_close(value, plain[name])


def test_plain_augmentation_is_of_all_that_is_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen and what came after get an overlay each, one drawn after the other."""
    batch = log(LOG)
    after = replace(batch.transitions(), next_x=batch.transitions().next_x[:, 0])
    method = stacked([AugmentedDQN(overlay=1.0)])

    def remembered(self: Any, batch: Any, state: Any) -> Any:
        return batch.x[:, 0], after

    monkeypatch.setattr(DQN, "remembered", remembered)
    x, later = method.remembered(batch, {})  # type: ignore[attr-defined]
    draw = np.random.default_rng(0)
    for made in (x, later.next_x):
        wanted = draw.standard_normal((4, 2), np.float32)
        np.testing.assert_allclose(made[0], wanted, rtol=0, atol=1e-6)
