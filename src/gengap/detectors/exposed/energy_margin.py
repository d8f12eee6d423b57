"""Energy margins: push the energies of inliers and outliers apart, and no further.

The energy ``E(x) = -log Σ_c exp z_c(x)`` of a classifier is free up to a constant for each ``x``,
which the cross-entropy does not see. Fine-tuning uses this freedom,

    min_θ  E -log p_y(x)  +  λ ( E max(0, E(x) - m_in)² + E max(0, m_out - E(x'))² ),

with inliers ``x`` below the margin ``m_in`` and outliers ``x'`` above ``m_out``. Strangeness is the
energy itself (``energy``).

The paper picks the margins by hand around the energies of the network at hand. Here, unless they
are given, ``m_in`` is the median energy of the inliers before fine-tuning and ``m_out = -log C``,
the energy of a network without an opinion, whose logits are all 0.

Helps more than outlier exposure where a detector reads energies, and costs the probabilities
little. Hurts when the margins cross: then no logits satisfy both.

Liu, Wang, Owens, Li: Energy-based out-of-distribution detection. NeurIPS 2020, arXiv:2010.03759.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gengap.base.errors import UsageError
from gengap.detectors.exposed.descent import Draw, Schedule, both, checked, trained
from gengap.models.outputs import logits_of
from gengap.models.reading import outputs_of


def energy_margin(
    model: nn.Module,
    inliers: Tensor,
    labels: Tensor,
    outliers: Tensor,
    *,
    weight: float = 0.1,
    margins: tuple[float, float] | None = None,
    schedule: Schedule = Schedule(),  # noqa: B008 - frozen
    seed: int = 0,
) -> nn.Module:
    """Fine-tune a copy of a trained network until the energies keep their margins.

    Args:
        model: network that returns logits ``(n, C)``, trained before.
        inliers: ``(n, ...)`` inputs.
        labels: ``(n,)`` class numbers from 0.
        outliers: ``(m, ...)`` inputs of none of the classes.
        weight: weight ``λ`` of both margins.
        margins: ``(m_in, m_out)``, the largest energy of inliers and the smallest of outliers.

    Raises:
        UsageError: the margins cross, or as :func:`gengap.detectors.exposed.descent.checked`.
    """
    examples = checked(model, inliers, labels, outliers)
    low, high = margins if margins is not None else usual_margins(model, examples.inliers)
    if not low < high:
        raise UsageError(
            f"The inliers' energy margin {low:.3g} is not below the outliers' {high:.3g}; train "
            "the network first or give the margins."
        )

    def loss(network: nn.Module, draw: Draw) -> Tensor:
        known, strange = both(network, draw)
        penalty = margin_loss(energy(known), energy(strange), low, high)
        return F.cross_entropy(known, draw.labels) + weight * penalty

    return trained(model, examples, loss, schedule, seed=seed, purpose="energy margin")


def energy(logits: Tensor) -> Tensor:
    """Energy ``(n,)`` of logits ``(n, C)``; larger is stranger."""
    return -torch.logsumexp(logits, 1)


def margin_loss(inliers: Tensor, outliers: Tensor, low: float, high: float) -> Tensor:
    """Mean squared excess of inliers' energies over ``low`` and shortfall of outliers' to ``high``.

    >>> margin_loss(torch.tensor([-5.0, -1.0]), torch.tensor([-1.0]), -3.0, 0.0)    # 4 / 2 + 1
    tensor(3.)
    """
    return F.relu(inliers - low).square().mean() + F.relu(high - outliers).square().mean()


def usual_margins(model: nn.Module, inliers: Tensor) -> tuple[float, float]:
    """The inliers' median energy, and that of logits which are all 0."""
    logits = logits_of(outputs_of(model, inliers))
    return float(energy(logits).median()), -math.log(logits.shape[1])
