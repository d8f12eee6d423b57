from __future__ import annotations

import math

import pytest
import torch
from toys import toy

from gengap.methods.diversification import (
    DBAT,
    MOST,
    DivDis,
    agreement,
    divergence,
    information,
)


def answers(*heads: list[float]) -> torch.Tensor:
    """Each head's probability of the second of two classes, input by input, ``(1, U, K, 2)``."""
    second = torch.tensor(heads).T
    return torch.stack([1 - second, second], -1)[None]


def test_information_by_hand() -> None:
    # The second head says the opposite of the first: one bit. The third is independent: none.
    told = answers([0.0, 0, 1, 1], [1.0, 1, 0, 0], [0.0, 1, 0, 1])
    found = information(told)[0]
    assert found[0, 1].item() == pytest.approx(math.log(2), abs=1e-4)
    assert found[0, 2].item() == pytest.approx(0, abs=1e-4)
    assert found[1, 2].item() == pytest.approx(0, abs=1e-4)


def test_agreement_by_hand() -> None:
    # On the first input they disagree with 0.9 · 0.8 + 0.1 · 0.2 = 0.74, on the second with 0.5.
    found = agreement(answers([0.1, 0.5], [0.8, 0.3]))[0]
    assert found[0, 1].item() == pytest.approx(-(math.log(0.74) + math.log(0.5)) / 2)


def test_an_earlier_head_is_held_still() -> None:
    told = answers([0.1, 0.5], [0.8, 0.3]).requires_grad_()
    agreement(told)[0, 0, 1].backward()
    assert not told.grad[:, :, 0].any()
    assert told.grad[:, :, 1].any()


def test_divergence_by_hand() -> None:
    found = divergence(torch.tensor([0.25, 0.75]), torch.tensor([0.5, 0.5]))
    assert found.item() == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5))


@pytest.mark.parametrize("kind", [DivDis, DBAT])
def test_only_as_many_heads_as_asked_for_take_part(kind: type) -> None:
    problem = toy([kind(heads=2.0), kind(heads=4.0)])
    found = problem.method.gradients(problem.network, problem.batches[0], problem.state)
    moved = found["heads.weight"].flatten(2).any(-1)
    assert moved.tolist() == [[k < 2 for k in range(MOST)], [k < 4 for k in range(MOST)]]
    share = problem.predicting()["heads.share"]
    assert share.tolist() == [[0.5] * 2 + [0] * 4, [0.25] * 4 + [0] * 2]


def test_heads_come_apart_on_unlabelled_inputs() -> None:
    problem = toy([DBAT(learning_rate=1e-2, disagreement=3.0)])
    batch = problem.batches[0]

    def agreed() -> float:
        with torch.no_grad():
            _, told, _ = problem.method._told(problem.network, batch)
        return (told[0, :, 0] * told[0, :, 1]).sum(-1).mean().item()

    before = agreed()
    for _ in range(10):
        problem.train()
    assert agreed() < before - 0.1
