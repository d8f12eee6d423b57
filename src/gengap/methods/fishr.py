"""Fishr: gradients with the same variance in all environments.

The variance of the per-example gradients approximates the diagonal of the Hessian, so equal
variances mean that the environments' losses curve alike around the solution. With ``v_e`` the
variance in environment ``e``, coordinate by coordinate, of the gradients of the last layer,

    min_θ  1/E Σ_e R_e  +  λ · 1/E Σ_e |v_e - v̄|²/D,        v̄ = 1/E Σ_e v_e.

The last layer ``z = h W + b`` has the gradients ``h r`` (outer product) and ``r``, where the
residual ``r = ∂ℓ/∂z`` is ``p - onehot(y)`` for cross-entropy and ``2 (z - y)`` for the squared
error. Nothing per example is stored, since

    Var(h_i r_j) = mean of h_i² r_j² - (mean of h_i r_j)²

are two matrix products. A batch gives a noisy variance, so the value of ``v_e`` is its moving
average with decay ``γ`` (weights normalised over the times the environment was seen), while the
gradient flows through the newest term undamped. The authors' code divides by ``1 - γ`` instead,
so that their ``λ`` corresponds to ``λ / (1 - γ)`` here: their 1000 is 20 000, which suits
trainings of thousands of steps; the default suits hundreds.

Helps where V-REx helps, with a finer criterion. Hurts, like it, when environments differ in
noise; with few examples per environment the variances themselves are mostly noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.annealing import Annealed, annealed
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.registry import LINEAR_END, ONE_TARGET, register
from gengap.models.networks import Network, Parameters


@register(
    "fishr",
    summary="aligns the variance of the last layer's gradients between environments",
    paper=Paper(
        "Fishr: invariant gradient variances for out-of-distribution generalization",
        "Rame, Dancette, Cord",
        2022,
        "https://arxiv.org/abs/2109.02934",
    ),
    needs=(
        "environment labels",
        "two or more training environments",
        LINEAR_END,
        ONE_TARGET,
    ),
    minimum_environments=2,
)
@dataclass(frozen=True)
class Fishr(Annealed):
    """Alignment of gradient variances; with ``penalty`` 0 it is plain training."""

    penalty: float = hyperparameter(
        2e3, 2e2, 2e5, log=True, help="weight of the differences of gradient variances"
    )
    decay: float = hyperparameter(
        0.95, 0.9, 0.99, limit=1, help="decay of the variances' moving averages"
    )
    anneal: float = hyperparameter(
        0.5, 0.0, 0.9, limit=1, help="share of the training before the penalty is switched on"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """``total (R, K, D)`` and ``count (R, K)``, decayed sums over the visits so far."""
        some = next(iter(parameters.values()))
        coordinates = (context.features + 1) * context.outputs
        size = (some.shape[0], context.environments)
        return {"total": some.new_zeros(*size, coordinates), "count": some.new_zeros(size)}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk and the penalised differences of smoothed variances."""
        features, logits = network(batch.x)
        weight = annealed(self.penalty, self.anneal, batch)
        # Without a penalty in any run only the averages are wanted, and no gradient.
        with torch.set_grad_enabled(torch.is_grad_enabled() and bool(weight.any())):
            variance = gradient_variance(features, residuals(logits, batch))
        smooth = self._smooth(variance.detach(), batch, state)
        return batch.risks(logits).mean(1) + weight * _Differences.apply(variance, smooth)

    def _smooth(self, variance: Tensor, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Enter ``variance (R, E, D)`` into the averages and return them."""
        runs = torch.arange(variance.shape[0], device=variance.device)[:, None]
        here = (runs, batch.environment)
        decay = along_runs(self.decay, batch.environment)
        total = torch.addcmul(variance, state["total"][here], decay[..., None])
        count = state["count"][here] * decay + 1
        state["total"][here], state["count"][here] = total, count
        return total.div_(count[..., None])


def residuals(logits: Tensor, batch: Batch) -> Tensor:
    """Derivative of each example's loss for its logits, shaped as the logits."""
    if batch.context.task == "regression":
        return 2 * (logits - batch.y[..., None])
    # Over the second axis, where softmax takes many examples at a time.
    probability = torch.softmax(logits.movedim(-1, 1), 1)
    own = batch.y[:, None]
    return probability.scatter_add(1, own, probability.new_full((), -1).expand(own.shape)).movedim(
        1, -1
    )


class _Differences(torch.autograd.Function):
    """Mean squared distance of averages to their mean over environments, ``(R, E, D)`` to ``(R,)``.

    The gradient is that of the newest variances, as if these were the averages.
    """

    @staticmethod
    def forward(ctx: Any, variance: Tensor, smooth: Tensor) -> Tensor:
        apart = smooth - smooth.mean(1, keepdim=True)
        ctx.save_for_backward(apart)
        return apart.square().mean((1, 2))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None]:
        (apart,) = ctx.saved_tensors
        return apart * (2 / apart[0].numel() * slope)[:, None, None], None


def gradient_variance(features: Tensor, residual: Tensor) -> Tensor:
    """Variance over examples of the last layer's gradients, weights first, then biases.

    ``features (R, E, B, d)`` and ``residual (R, E, B, C)`` give ``(R, E, C d + C)``, the weights
    of a class side by side.
    """
    weights = _WeightVariance.apply(features, residual)
    biases = (residual - residual.mean(2, keepdim=True)).square().mean(2)
    return torch.cat((weights.flatten(2), biases), -1)


class _WeightVariance(torch.autograd.Function):
    """``Var(h_i r_j)`` as ``(R, E, C, d)``, with its gradient written out.

    With ``M`` the means and ``G`` the slopes of the variances, both ``(R, E, C, d)``,

        ∂/∂h = (-2 r (M G) + 2 h · (r² G)) / B,        ∂/∂r = (-2 h (M G)' + 2 r · (h² G')) / B.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, residual: Tensor) -> Tensor:
        size = features.shape[2]
        turned, squares = residual.transpose(-1, -2).contiguous(), features.square()
        mean = turned @ features / size
        ctx.save_for_backward(features, turned, squares, mean)
        return (turned.square() @ squares).div_(size).addcmul_(mean, mean, value=-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor]:
        features, turned, squares, mean = ctx.saved_tensors
        down = slope * (2 / features.shape[2])
        through, residual = -mean * down, turned.transpose(-1, -2)
        for_features = residual @ through
        for_features.addcmul_(features, residual.square() @ down)
        # Few columns are faster as few rows.
        for_residual = through @ features.transpose(-1, -2)
        for_residual.addcmul_(turned, down @ squares.transpose(-1, -2))
        return for_features, for_residual.transpose(-1, -2)
