"""Linear classifiers on features at hand, fitted to the end: the loss is convex."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

STEPS = 30


class Linear(NamedTuple):
    """``weight (C, d)`` and ``bias (C,)``."""

    weight: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Logits ``(n, C)``."""
        return F.linear(features, self.weight, self.bias)


def fit_classes(
    features: Tensor,
    classes: Tensor,
    start: Linear,
    penalty: float,
    weights: Tensor | None = None,
    begin: Linear | None = None,
    steps: int = STEPS,
) -> Linear:
    """Minimise ``mean of w ℓ(W f + b, y) + penalty/2 |W - W_0|²`` by L-BFGS.

    Args:
        features: ``(n, d)``.
        classes: ``(n,)`` int64.
        start: ``W_0``, and ``b`` where the search begins.
        weights: ``(n,)`` of mean 1, or None for equal ones.
        begin: where the search begins otherwise, such as at the last fit.
        steps: at most so many.
    """
    x, first = features.detach(), start.weight.detach()
    own = [part.detach().clone().requires_grad_(True) for part in begin or start]
    optimizer = torch.optim.LBFGS(
        own, max_iter=steps, tolerance_grad=1e-7, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        # Few outputs and many examples are multiplied faster the other way around.
        logits = torch.addmm(own[1][:, None], own[0], x.T).T
        losses = F.cross_entropy(logits, classes, reduction="none")
        loss = (losses if weights is None else losses * weights).mean()
        loss = loss + penalty / 2 * (own[0] - first).square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return Linear(*(part.detach() for part in own))


def fit_two(rows: Tensor, share: Tensor, weights: Tensor, penalty: float) -> Tensor:
    """Minimise the weighted mean logistic loss plus ``penalty/2 |a|²`` by Newton's method.

    Args:
        rows: ``(n, d)``.
        share: ``(n,)`` 1 or 0.
        weights: ``(n,)``.

    Returns:
        Logits ``(n,)``, ``a'x + b`` of each row.
    """
    x = F.pad(rows.detach().double(), (0, 1), value=1.0)
    ridge = torch.full((x.shape[1],), penalty, dtype=x.dtype, device=x.device)
    ridge[-1] = 1e-9  # the intercept is free
    each, found = weights.double() / len(x), torch.zeros_like(ridge)
    for _ in range(STEPS):
        told = (x @ found).sigmoid()
        slope = x.T @ (each * (told - share)) + ridge * found
        curved = (x * (each * (told * (1 - told)).clamp_min(1e-6))[:, None]).T @ x + ridge.diag()
        step = torch.linalg.solve(curved, slope)
        found = found - step * (10 / step.norm().clamp_min(10))
        if float(slope.norm()) < 1e-8:
            break
    return (x @ found).to(rows.dtype)


def fit_values(
    features: Tensor, values: Tensor, start: Linear, penalty: float, weights: Tensor
) -> Linear:
    """Minimise ``mean of w (W f + b - y)²/2 + penalty/2 |W - W_0|²`` in closed form.

    Args:
        features: ``(n, d)``.
        values: ``(n,)``.
        weights: ``(n,)``.
    """
    x = F.pad(features.detach().double(), (0, 1), value=1.0)
    first = torch.cat([start.weight[0], start.bias]).detach().double()
    ridge = torch.full((x.shape[1],), penalty, dtype=x.dtype, device=x.device)
    ridge[-1] = 1e-9  # the intercept is free
    weighted = x * (weights.double() / len(x))[:, None]
    curvature = weighted.T @ x + ridge.diag()
    found = torch.linalg.solve(curvature, weighted.T @ values.double() + ridge * first)
    found = found.to(features.dtype)
    return Linear(found[None, :-1], found[-1:])
