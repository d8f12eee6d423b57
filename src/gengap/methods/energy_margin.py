"""Energy margins: push the energies of inliers and outliers apart, and no further.

The energy ``E(x) = -log Σ_c exp z_c(x)`` of a classifier is free up to a constant for each ``x``,
which the cross-entropy does not see. After a share of plain training, fine-tuning uses this
freedom,

    min_θ  E -log p_y(x)  +  λ ( E max(0, E(x) - m_in)² + E max(0, m_out - E(x'))² ),

with inliers ``x`` below the margin ``m_in`` and outliers ``x'`` above ``m_out``. Strangeness is the
energy itself (``energy``).

The paper picks the margins by hand around the energies of the network at hand. Here ``m_in`` is the
median energy of the inliers before fine-tuning and ``m_out = -log C``, the energy of a network
without an opinion, whose logits are all 0; or ``m_in``, where that is larger.

Helps more than outlier exposure where a detector reads energies, and costs the probabilities
little. Hurts when the margins cross: then no logits satisfy both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.annealing import Staged
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.outliers import both, energy
from gengap.methods.registry import ALL_ROWS, ONE_TARGET, OUTLIERS, register
from gengap.models.networks import Network, Parameters


@register(
    "energy-margin",
    summary="pushes the energies of inliers and outliers apart, up to a margin",
    paper=Paper(
        "Energy-based out-of-distribution detection",
        "Liu, Wang, Owens, Li",
        2020,
        "https://arxiv.org/abs/2010.03759",
    ),
    tasks=("classification",),
    needs=(ONE_TARGET, ALL_ROWS, OUTLIERS),
    passes=2.0,
    looks=1,
)
@dataclass(frozen=True)
class EnergyMargin(Staged):
    """Two hinges on energies after plain training; with ``weight`` 0 plain training alone."""

    weight: float = hyperparameter(0.1, 0.01, 1.0, log=True, help="weight of both margins")
    start: float = hyperparameter(
        0.5, 0.25, 0.9, limit=1, help="share of the training before the margins"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """``on (R,)`` and the inliers' margin ``low (R,)``."""
        some = next(iter(parameters.values())).detach()
        return {"on": some.new_zeros(len(some)), "low": some.new_zeros(len(some))}

    def shown(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """The inliers' margin."""
        low = median_energies(network, batch)
        return {"low": low, "on": torch.ones_like(low)}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk and, once there are margins, the weighted excess over them."""
        known, strange = both(network, batch)
        low = state["low"]
        high = low.clamp(min=-math.log(batch.context.outputs))
        excess = margin_loss(energy(known.flatten(1, 2)), energy(strange), low, high)
        return batch.risks(known).mean(1) + self.weight * state["on"] * excess


def margin_loss(
    inliers: Tensor, outliers: Tensor, low: float | Tensor, high: float | Tensor
) -> Tensor:
    """Mean squared excess of inliers' energies over ``low`` and shortfall of outliers' to ``high``.

    >>> low, high = torch.tensor([-3.0]), torch.tensor([0.0])
    >>> margin_loss(torch.tensor([[-5.0, -1.0]]), torch.tensor([[-1.0]]), low, high)    # 4 / 2 + 1
    tensor([3.])
    """
    above = F.relu(inliers - along_runs(low, inliers)).square().mean(-1)
    below = F.relu(along_runs(high, outliers) - outliers).square().mean(-1)
    return above + below


def median_energies(network: Network, batch: Batch) -> Tensor:
    """Median energy of each run's training rows, ``(R,)``."""
    found = []
    for part in batch.everything():
        assert part.mask is not None
        energies = energy(network(part.x).logits)
        found.append(energies.masked_fill(~part.mask, torch.nan).flatten(1))
    return torch.cat(found, 1).nanmedian(1).values
