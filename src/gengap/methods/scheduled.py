"""Plain training under a schedule: warm-up, half a cosine, and clipped gradients.

The loss is that of plain training and AdamW its optimiser,

    min_θ  1/E Σ_e R_e(θ),

but the step size rises over the first steps and falls to nothing at the end
(:mod:`gengap.methods.optimizers`), and a gradient is cut to a norm. Recurrent networks need both:
their gradients pass through as many products as a sequence is long, and now and then explode.

Helps networks of sequences, and whatever was published with such a schedule. Costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Context
from gengap.methods.erm import ERM
from gengap.methods.optimizers import AdamW, Optimizer, Scheduled
from gengap.methods.registry import register
from gengap.models.networks import Parameters


@register(
    "scheduled",
    summary="plain training with warm-up, a cosine and clipped gradients",
    paper=Paper(
        "SGDR: stochastic gradient descent with warm restarts",
        "Loshchilov, Hutter",
        2017,
        "https://arxiv.org/abs/1608.03983",
    ),
)
@dataclass(frozen=True)
class ScheduledTraining(ERM):
    """Plain training by AdamW under a schedule."""

    learning_rate: float = hyperparameter(3e-3, 3e-4, 1e-2, log=True, help="largest step size")
    warm_up: float = hyperparameter(
        0.05, 0.0, 0.2, limit=1, help="share of the training over which the step size rises"
    )
    clip: float = hyperparameter(1.0, 0.1, 10.0, log=True, help="largest norm of a gradient")

    def optimizer(self, parameters: Parameters, context: Context) -> Optimizer:
        """AdamW under the schedule."""
        rate, decay, warm_up, clip = map(
            torch.as_tensor, (self.learning_rate, self.weight_decay, self.warm_up, self.clip)
        )
        inner = AdamW(parameters, rate, decay, clip)
        return Scheduled(inner, context.steps, warm_up, torch.zeros_like(rate))
