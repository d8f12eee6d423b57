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
    beside: Tensor | float = 0.0,
) -> Linear:
    """Minimise ``mean of w ℓ(W f + b + beside, y) + penalty/2 |W - W_0|²`` by L-BFGS.

    Args:
        features: ``(n, d)``.
        classes: ``(n,)`` int64.
        start: ``W_0``, and ``b`` where the search begins.
        weights: ``(n,)`` of mean 1, or None for equal ones.
        begin: where the search begins otherwise, such as at the last fit.
        steps: at most so many.
        beside: ``(n, C)``, what logits have besides.
    """
    x, first = features.detach(), start.weight.detach()
    own = [part.detach().clone().requires_grad_(True) for part in begin or start]
    optimizer = torch.optim.LBFGS(
        own, max_iter=steps, tolerance_grad=1e-7, line_search_fn="strong_wolfe"
    )

    each = x.new_full((len(x),), 1 / len(x)) if weights is None else weights / len(x)
    asked, offset = classes[None], beside.T if isinstance(beside, Tensor) else beside

    @torch.no_grad()
    def closure() -> Tensor:
        # Few outputs and many examples are multiplied faster the other way around.
        logits = torch.addmm(own[1][:, None], own[0], x.T)
        logs = (logits + offset).log_softmax(0)
        apart = own[0] - first
        loss = penalty / 2 * apart.square().sum() - each @ logs.gather(0, asked)[0]
        slopes = logs.exp_().scatter_(0, asked, -1.0, reduce="add").mul_(each)
        own[0].grad, own[1].grad = torch.addmm(penalty * apart, slopes, x), slopes.sum(1)
        return loss

    optimizer.step(closure)
    return Linear(*(part.detach() for part in own))


def fit_two(
    rows: Tensor, share: Tensor, weights: Tensor, penalty: float, begin: Tensor | None = None
) -> Tensor:
    """Minimise the weighted mean logistic loss plus ``penalty/2 |a|²`` by Newton's method.

    A step takes the last one's curvature where that had brought the slope down to a tenth.

    Args:
        rows: ``(n, d)``.
        share: ``(n,)`` 1 or 0.
        weights: ``(n,)``.
        begin: ``(d + 1,)`` where the search begins, such as at the last fit.

    Returns:
        ``a`` and, last, ``b``, ``(d + 1,)`` float64, of the logits ``a'x + b``.
    """
    x = F.pad(rows.detach().double(), (0, 1), value=1.0)
    ridge = torch.full((x.shape[1],), penalty, dtype=x.dtype, device=x.device)
    ridge[-1] = 1e-9  # the intercept is free
    each, found = weights.double() / len(x), torch.zeros_like(ridge) if begin is None else begin
    factor, before = torch.empty(0), 0.0
    for _ in range(STEPS):
        told = (x @ found).sigmoid()
        slope = x.T @ (each * (told - share)) + ridge * found
        length = float(slope.norm())
        if length > before / 10:
            curvature = each * (told * (1 - told)).clamp_min(1e-6)
            factor = torch.linalg.cholesky((x * curvature[:, None]).T @ x + ridge.diag())
        step = torch.cholesky_solve(slope[:, None], factor)[:, 0]
        found, before = found - step * (10 / step.norm().clamp_min(10)), length
        if length < 1e-8:
            break
    return found


def principal_directions(rows: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Orthonormal columns ``(d, most)`` near those along which ``rows (n, d)`` are longest.

    By iteration of a random subspace (Halko, Martinsson & Tropp 2011, arXiv:0909.4061).
    """
    found = torch.randn(rows.shape[1], most, generator=generator).to(rows)
    for _ in range(4):
        found = torch.linalg.qr(rows.T @ (rows @ found)).Q
    return found


def fit_values(
    features: Tensor, values: Tensor, start: Linear, penalty: float, weights: Tensor
) -> Linear:
    """Minimise ``mean of w |W f + b - y|²/2 + penalty/2 |W - W_0|²`` in closed form.

    Args:
        features: ``(n, d)``.
        values: ``(n,)`` or ``(n, k)``.
        weights: ``(n,)``.
    """
    x = F.pad(features.detach().double(), (0, 1), value=1.0)
    first = torch.cat([start.weight.T, start.bias[None]]).detach().double()
    ridge = torch.full((x.shape[1],), penalty, dtype=x.dtype, device=x.device)
    ridge[-1] = 1e-9  # the intercept is free
    weighted = x * (weights.double() / len(x))[:, None]
    curvature = weighted.T @ x + ridge.diag()
    asked = weighted.T @ values.double().view(len(x), -1) + ridge[:, None] * first
    found = torch.linalg.solve(curvature, asked).to(features.dtype)
    return Linear(found[:-1].T, found[-1])
