"""Guidance: a model is to be right for the reasons that are marked.

Some inputs are marked in some examples: the pixels of an object's box, the columns that may matter.
What an input contributes is its value times the slope of the right class's logit for it, and the
*energy* is the share of what counts for the class that falls on marked inputs,

    a = x · ∂f_y/∂x,        S(x) = Σ_d m_d max(a_d, 0) / Σ_d max(a_d, 0),
    min_θ  1/E Σ_e R_e  -  λ · mean of S(x) over the examples that have marks.

Unlike an overlap with the marks it leaves open which of them count, so rough boxes will do. Its
gradient needs slopes of slopes, and with ``v = ∂S/∂(∂f/∂x)`` these are a directional derivative's,

    ∂S/∂θ = ∂/∂θ ( v · ∂f_y/∂x )  ≈  ∂/∂θ  |v| (f_y(x + δ v/|v|) - f_y(x - δ v/|v|)) / 2δ,

exactly so where the network is linear between both points, as rectified ones mostly are. The
attribution is taken at the inputs, of those the source compares (any of them, at any layer).

Helps where a background or another column goes with the class in training, with marks of a few
examples too. Hurts where what is marked says less than what is not, and where marks are wrong. An
example none of whose inputs is marked has no marks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch
from gengap.methods.registry import GUIDED, NUMERIC_INPUTS, ONE_TARGET, register
from gengap.models.networks import Network

STEP, LEAST = 0.05, 1e-3  # δ, and what contributions are taken to sum at least


@register(
    "guidance",
    summary="asks that what counts for the right class are the inputs that are marked",
    paper=Paper(
        "Using explanations to guide models",
        "Rao, Böhle, Parchami-Araghi, Schiele",
        2023,
        "https://arxiv.org/abs/2303.11932",
    ),
    needs=(NUMERIC_INPUTS, ONE_TARGET, GUIDED),
    passes=3.0,
)
@dataclass(frozen=True)
class Guidance(Method):
    """The energy of marked inputs; with ``weight`` 0 plain training at three times the cost."""

    weight: float = hyperparameter(
        1.0, 0.1, 10.0, log=True, help="weight of the share that marked inputs have"
    )

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk less the weighted energy."""
        marked = batch.guided().to(batch.x)
        with torch.enable_grad():
            x = batch.x.detach().clone().requires_grad_()
            logits = network(x).logits
            own = right_logits(logits, batch)
            (slopes,) = torch.autograd.grad(own.sum(), x, retain_graph=True)
        axes = len(network.shape)
        share, bent = energy(batch.x, slopes, marked, axes)
        length = bent.flatten(-axes).norm(dim=-1)
        unit = bent / spread(length.clamp(min=1e-12), axes)
        beside = network.still()
        ahead, behind = (
            right_logits(beside(batch.x + way * STEP * unit).logits, batch) for way in (1, -1)
        )
        along = length * (ahead - behind) / (2 * STEP)
        there = marked.flatten(-axes).any(-1).to(batch.x)
        # The value is the energy's, the gradient that of what stands for it.
        found = ((share + along - along.detach()) * there).sum((1, 2))
        found = found / there.sum((1, 2)).clamp(min=1)
        return batch.risks(logits).mean(1) - self.weight * found


def right_logits(logits: Tensor, batch: Batch) -> Tensor:
    """The logit of each example's class, or the value, ``(R, E, B, C)`` to ``(R, E, B)``."""
    if logits.shape[-1] == 1:
        return logits[..., 0]
    return logits.gather(-1, batch.y[..., None]).squeeze(-1)


def energy(x: Tensor, slopes: Tensor, marked: Tensor, axes: int) -> tuple[Tensor, Tensor]:
    """The share of positive contributions that marked inputs have, and its slopes for slopes.

    Args:
        x: inputs ``(..., *shape)``; ``slopes`` of the right logit and ``marked`` (0 or 1) likewise.
        axes: of one example.

    Returns:
        ``(...)`` between 0 and 1, and ``(..., *shape)``.
    """
    counted = (x * slopes).clamp(min=0)
    total = spread(counted.flatten(-axes).sum(-1).clamp(min=LEAST), axes)
    share = spread((counted * marked).flatten(-axes).sum(-1), axes) / total
    bent = (marked - share) / total * x * (counted > 0)
    return share.flatten(-axes)[..., 0], bent


def spread(values: Tensor, axes: int) -> Tensor:
    """``(...)`` as it broadcasts against examples of so many axes."""
    return values.view(*values.shape, *(1,) * axes)
