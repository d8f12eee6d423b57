from __future__ import annotations

import numpy as np
import pytest
import torch

from gengap.base.errors import UsageError
from gengap.detectors.gram import Gram, extremes, row_sums
from gengap.models.outputs import Outputs


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_row_sums_by_the_whole_matrix(order: int) -> None:
    rows = np.random.default_rng(0).normal(size=(7, 5)) * 3
    powers = rows**order
    sums = (powers[:, :, None] * powers[:, None, :]).sum(2)
    expected = np.sign(sums) * np.abs(sums) ** (1 / order)
    np.testing.assert_allclose(row_sums(torch.tensor(rows), order), expected, rtol=1e-6)


def test_extremes_fall_back_to_all_classes() -> None:
    low, high = extremes(torch.tensor([[1.0], [5.0], [3.0]]), torch.tensor([0, 0, 2]), 4)
    assert low.squeeze().tolist() == [1.0, 1.0, 3.0, 1.0]
    assert high.squeeze().tolist() == [5.0, 5.0, 3.0, 5.0]


def test_deviation_by_hand() -> None:
    # One unit, one order: the value is the activation squared, in training between 4 and 16.
    activations = torch.tensor([[2.0], [3.0], [4.0]])
    chosen = torch.zeros(3, dtype=torch.int64)
    low, high = extremes(row_sums(activations, 1), chosen, 2)
    fitted = {
        "0 low": low[:, None],
        "0 high": high[:, None],
        "0 least": torch.tensor([[0.1]]),
        "0 limit": torch.tensor(100.0),
        "0 usual": torch.tensor(0.25),
    }
    new = torch.tensor([[3.5], [1.0], [6.0]])
    outputs = Outputs(layers=(new,), logits=torch.tensor([[1.0, 0.0]]).expand(3, 2))
    # 12.25 is inside; 1 is (4 - 1)/4 below; 36 is (36 - 16)/16 above; the layer counts 1/0.25.
    expected = torch.tensor([0.0, 3.0, 5.0])
    torch.testing.assert_close(Gram(orders=1).score(fitted, outputs), expected)


def test_units_that_never_fired_together() -> None:
    # Each unit alone takes every value in training, but never both at once.
    source = torch.Generator().manual_seed(0)
    sizes = torch.rand(400, generator=source)
    which = torch.arange(400) % 2
    layer = torch.stack([sizes * (which == 0), sizes * (which == 1)], 1)
    logits = torch.tensor([[1.0, 0.0]]).expand(400, 2)
    detector = Gram()
    fitted = detector.fit(Outputs(layers=(layer,), logits=logits))
    both = Outputs(layers=(torch.tensor([[0.9, 0.9], [0.9, 0.0]]),), logits=logits[:2])
    together, alone = detector.score(fitted, both)
    assert together > 5
    assert alone == 0


@pytest.mark.parametrize("layers", [(), (torch.ones(1, 2),)])
def test_too_little_to_fit(layers: tuple[torch.Tensor, ...]) -> None:
    with pytest.raises(UsageError, match=r"hidden layers|at least 2 training examples"):
        Gram().fit(Outputs(layers=layers, logits=torch.ones(1, 2)))
