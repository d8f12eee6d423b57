"""Covariate reweighting: known density ratios, and a line that must bend to where it is asked."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import gengap as gg
from gengap.adapters.covariate_weights import ratios
from gengap.adapters.tools.logistic import Linear, fit_classes, fit_values
from gengap.base.errors import UsageError


def test_the_ratio_of_two_normals_is_known() -> None:
    """N(1, 1) to N(0, 1) is exp(x - 1/2)."""
    source = torch.Generator().manual_seed(0)
    here = torch.randn(4000, 1, generator=source)
    found = ratios(here, torch.randn(4000, 1, generator=source) + 1, largest=1e9)
    true = (here[:, 0] - 0.5).exp()
    assert np.corrcoef(found, true)[0, 1] > 0.995
    middle = (here[:, 0].abs() < 1.5).nonzero()[:, 0]
    assert (found[middle].log() - true[middle].log()).abs().max() < 0.15


def test_a_line_through_a_curve_turns_to_where_it_is_asked() -> None:
    """y = x² on N(0, 1). The best line with weights towards N(1, .) has slope about 2; the plain
    one has slope 0."""
    source = torch.Generator().manual_seed(1)
    x = torch.randn(3000, 1, generator=source)
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.zero_()
        model.bias.fill_(1.0)
    known = gg.adapters.Source(x, x[:, 0] ** 2, torch.zeros(3000))
    adapter = gg.adapters.CovariateWeights(model, source=known, penalty=1e-6, window=3000)
    asked = torch.randn(3000, 1, generator=source) + 1
    found = adapter.predict(asked)[:, 0]
    slope, intercept = np.polyfit(asked[:, 0].numpy(), found.numpy(), 1)
    # On N(1, 1): cov(x, x²)/var(x) = 2, and the line passes through (1, E x² = 2).
    assert slope == pytest.approx(2, abs=0.4)
    assert slope + intercept == pytest.approx(2, abs=0.3)


def test_the_fits_are_at_their_minimum() -> None:
    source = torch.Generator().manual_seed(2)
    x = torch.randn(60, 3, generator=source, dtype=torch.float64)
    y = torch.randint(2, (60,), generator=source)
    start = Linear(torch.ones(2, 3, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
    weights = torch.rand(60, generator=source, dtype=torch.float64)
    found = [p.requires_grad_() for p in fit_classes(x, y, start, 0.1, weights)]
    losses = nn.functional.cross_entropy(x @ found[0].T + found[1], y, reduction="none")
    loss = (weights * losses).mean() + 0.05 * (found[0] - 1).square().sum()
    assert max(float(g.abs().max()) for g in torch.autograd.grad(loss, found)) < 1e-4
    one = Linear(start.weight[:1], start.bias[:1])
    found = [p.requires_grad_() for p in fit_values(x, y.double(), one, 0.1, weights)]
    errors = (x @ found[0].T + found[1])[:, 0] - y
    loss = (weights * errors.square()).mean() / 2 + 0.05 * (found[0] - 1).square().sum()
    assert max(float(g.abs().max()) for g in torch.autograd.grad(loss, found)) < 1e-6


def test_wide_features_are_fitted_within_the_directions_they_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """200 features of 20 inputs lie in 20 directions, and so does the minimum."""
    monkeypatch.setattr("gengap.adapters.covariate_weights.STEPS", 300)
    source = torch.Generator().manual_seed(3)
    x, y = torch.randn(300, 20, generator=source), torch.randint(3, (300,), generator=source)
    model = nn.Sequential(nn.Linear(20, 200, bias=False), nn.Linear(200, 3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=source) / 10)
    known = gg.adapters.Source(x, y, torch.zeros(300))
    adapter = gg.adapters.CovariateWeights(model, source=known)
    asked = torch.randn(100, 20, generator=source) + 0.3
    with torch.no_grad():
        features, there = model[0](x), model[0](asked)
        centre, spread = x.mean(0), x.std(0, correction=0)
        weights = ratios((x - centre) / spread, (asked - centre) / spread, 20.0)
        start = Linear(model[1].weight.clone(), model[1].bias.clone())
        wanted = fit_classes(features, y, start, 1e-2, weights, steps=300)(there)
    torch.testing.assert_close(adapter.predict(asked), wanted, rtol=1e-3, atol=1e-3)


def test_several_values_are_fitted_as_each_alone() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(200, 3), torch.randn(200, 2)
    model, asked = nn.Linear(3, 2), torch.randn(40, 3) + 0.5
    known = gg.adapters.Source(x, y, torch.zeros(200))
    found = gg.adapters.CovariateWeights(model, source=known).predict(asked)
    for k in range(2):
        one = nn.Linear(3, 1)
        one.load_state_dict({n: p[k : k + 1] for n, p in model.state_dict().items()})
        source = gg.adapters.Source(x, y[:, k], torch.zeros(200))
        alone = gg.adapters.CovariateWeights(one, source=source).predict(asked)
        torch.testing.assert_close(found[:, k : k + 1], alone)


def test_values_that_are_changed_behind_the_last_layer_are_refused() -> None:
    x = torch.randn(50, 3)
    known = gg.adapters.Source(x, x[:, 0].exp(), torch.zeros(50))
    with pytest.raises(UsageError, match="needs a linear last layer that gives the logits"):
        gg.adapters.CovariateWeights(nn.Sequential(nn.Linear(3, 1), nn.ELU()), source=known)
