"""Label shift: the maximum of the likelihood found otherwise, and a shift that is known."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import nn

import gengap as gg
from gengap.adapters.label_shift import frequencies


def test_the_frequencies_maximise_the_likelihood() -> None:
    chances = torch.rand(30, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    chances = chances / chances.sum(1, keepdim=True)
    old = torch.tensor([0.7, 0.3], dtype=torch.float64)

    def minus_likelihood(share: float) -> float:
        new = torch.tensor([share, 1 - share])
        return -float((chances @ (new / old)).log().sum())

    best = minimize_scalar(minus_likelihood, bounds=(1e-6, 1 - 1e-6), method="bounded").x
    assert float(frequencies(chances, old)[0]) == pytest.approx(best, abs=2e-3)


def test_answers_without_doubt_are_counted() -> None:
    """Of sure answers 3, 1 and a prior worth 4 at (.5, .5) the frequencies are (5/8, 3/8)."""
    sure = torch.tensor([[1.0, 0.0]] * 3 + [[0.0, 1.0]])
    assert frequencies(sure, torch.tensor([0.5, 0.5]), 4.0).tolist() == [0.625, 0.375]


def gaussians(share: float, count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Class 0 is N(-1, 1), class 1 N(1, 1): with equal frequencies log p_1/p_0 is 2x."""
    source = torch.Generator().manual_seed(seed)
    y = (torch.rand(count, generator=source) < share).long()
    return (2.0 * y - 1 + torch.randn(count, generator=source))[:, None], y


def test_a_known_shift_is_corrected() -> None:
    """With 90% of class 1, Bayes' logits are those of equal frequencies plus log 9."""
    model = nn.Linear(1, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.0], [2.0]]))
        model.bias.zero_()
    x, y = gaussians(0.9, 2000, 1)
    source = gg.adapters.Source(*gaussians(0.5, 2000, 0), torch.zeros(2000, dtype=torch.int64))
    adapter = gg.adapters.LabelShift(model, source=source, window=5000)
    answer = adapter.predict(x)
    shift = answer[:, 1] - answer[:, 0] - 2 * x[:, 0]
    assert shift.mean() == pytest.approx(2.197, abs=0.35)
    with torch.no_grad():
        before = (model(x).argmax(1) == y).float().mean()
    assert (answer.argmax(1) == y).float().mean() > before + 0.03
