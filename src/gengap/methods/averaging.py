"""Weight averaging: predict with the mean of the weights along the end of training.

The iterates of stochastic descent wander around a flat region's rim; their mean lies inside, and
a wide minimum moves less when the distribution does. With ``θ_t`` the weights after step ``t`` and
``t_0 = round(a T)`` the start, the predictions at step ``t`` use

    θ̄_t = mean of θ_s over max(t_0, 1) <= s <= t,

and the current weights before ``t_0``. Every step enters, as in SWAD (Cha et al. 2021,
arXiv:2102.08604) and unlike the once-an-epoch averages of SWA; the window starts at a fixed share
of the training instead of being chosen by the validation loss. Training itself is unchanged. The
sum is kept in double precision, so that the mean is exact however long the window.

Helps almost always a little, most with large learning rates and small batches. Hurts when the
average starts before the loss has settled. Statistics of BatchNorm layers are gathered anew from
the training rows under the mean, as these papers do.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Batch, Context, along_runs
from gengap.methods.erm import ERM
from gengap.methods.optimizers import Optimizer
from gengap.methods.registry import register
from gengap.models.networks import Network, Parameters


@register(
    "averaging",
    summary="predicts with the mean of the weights along the end of training",
    paper=Paper(
        "Averaging weights leads to wider optima and better generalization",
        "Izmailov, Podoprikhin, Garipov, Vetrov, Wilson",
        2018,
        "https://arxiv.org/abs/1803.05407",
    ),
)
@dataclass(frozen=True)
class Averaging(ERM):
    """Mean of the weights from a share of the training on; at ``start`` 1 only the last counts."""

    predicts_elsewhere = True
    start: float = hyperparameter(
        0.75, 0.5, 0.95, limit=1, help="share of the training before the mean begins"
    )

    def initial_state(self, context: Context, parameters: Parameters) -> dict[str, Tensor]:
        """``count (R,)`` and one sum per parameter, float64."""
        sums = {f"sum {k}": torch.zeros_like(p, dtype=torch.float64) for k, p in parameters.items()}
        some = next(iter(parameters.values()))
        return {"count": some.new_zeros(some.shape[0], dtype=torch.float64), **sums}

    def update(
        self, network: Network, optimizer: Optimizer, batch: Batch, state: dict[str, Tensor]
    ) -> None:
        """Step, then enter the new weights of the runs whose mean has begun."""
        super().update(network, optimizer, batch, state)
        first = torch.round(torch.as_tensor(self.start) * batch.context.steps)
        inside = (batch.step + 1 >= first).to(state["count"])
        state["count"] += inside
        with torch.no_grad():
            for name, value in network.parameters.items():
                state[f"sum {name}"] += along_runs(inside, value) * value

    def prediction_parameters(self, network: Network, state: dict[str, Tensor]) -> Parameters:
        """The mean where it has begun, else the current weights."""
        count = state["count"]
        mean = {}
        for name, value in network.parameters.items():
            average = state[f"sum {name}"] / along_runs(count.clamp(min=1), value)
            begun = along_runs(count > 0, value)
            mean[name] = torch.where(begun, average.to(value.dtype), value.detach())
        return mean
