"""Model steering (DRRho): robust training on what a reference model says can be learned.

Distributionally robust training weighs up examples of large loss, and with them all that is noise.
A *reference* model knows better: what it gets wrong nobody gets right. So its losses are taken off
and robustness is asked of the excess,

    min_θ  τ log mean of exp( (ℓ(θ; x_i) - ℓ(θ_ref; x_i)) / τ ),

whose gradient weighs example ``i`` by ``softmax_i((ℓ_i - ℓ_ref,i) / τ)``: much where the reference
does better than the network, little where neither can. The bound of the paper holds the variance
of the excess in the place of that of the loss, and is smaller the better the reference.

The reference is a first network, trained plainly for a share of the steps; the second starts from
the same initial weights and trains on the rest, so that it compares at equal compute. A better
reference would be a model that has been trained elsewhere.

Helps with noisy labels and uneven difficulty, and learns faster than plain training. Hurts where
the reference has a shortcut: examples that break it are wrong in the reference, count as noise,
and are weighed *down*, the opposite of jtt. ``τ`` matters: small, few examples carry each step;
large, it is plain training.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.annealing import Staged, onset
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.registry import ALL_ROWS, ONE_TARGET, register
from gengap.models.networks import Network, Parameters


@register(
    "reference-model",
    summary="weighs up examples on which a first network does better",
    paper=Paper(
        "Model steering: learning with a reference model improves generalization bounds and "
        "scaling laws",
        "Wei, Lin, Ye, Song, Cao, Thai, Yang",
        2025,
        "https://arxiv.org/abs/2505.06699",
    ),
    needs=(ONE_TARGET, ALL_ROWS),
    looks=1,
)
@dataclass(frozen=True)
class ReferenceModel(Staged):
    """Robust training on excess losses; with a large ``temperature`` it is plain training."""

    first: float = hyperparameter(
        0.3, 0.1, 0.5, limit=1, help="share of the training that goes into the reference"
    )
    temperature: float = hyperparameter(
        1.0, 0.1, 10.0, log=True, help="divides excess losses; smaller weighs them further apart"
    )
    share = "first"

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """``reference (R, n)`` losses of every unit, and the initial parameters."""
        some = next(iter(parameters.values()))
        start = {f"start {name}": p.detach().clone() for name, p in parameters.items()}
        return {"reference": some.detach().new_zeros(len(some), context.units), **start}

    def shown(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        """The losses of the first network."""
        found = torch.zeros(len(batch.x), batch.context.units, device=batch.x.device)
        for part in batch.everything():
            assert part.rows is not None
            assert part.mask is not None
            losses = part.losses(network(part.x).logits)
            # Padding repeats a row, and its loss is 0; no loss is below.
            found.scatter_reduce_(1, part.rows.flatten(1), losses.flatten(1).to(found), "amax")
        return {"reference": found}

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Mean risk of the reference, then the robust excess."""
        assert batch.rows is not None
        losses = batch.losses(network(batch.x).logits)
        reference = state["reference"].gather(1, batch.rows.flatten(1))
        robust = excess(losses.flatten(1), reference, self.temperature)
        second = batch.step >= onset(self.first, batch)
        return torch.where(second, robust, batch.average(losses).mean(1))


def excess(losses: Tensor, reference: Tensor, temperature: float | Tensor) -> Tensor:
    """``τ log mean exp((ℓ - ℓ_ref) / τ)`` of losses ``(R, n)``, ``(R,)``."""
    scale = along_runs(temperature, losses)
    apart = torch.logsumexp((losses - reference) / scale, 1) - math.log(losses.shape[1])
    return scale.squeeze(1) * apart
