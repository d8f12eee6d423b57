"""Plain training by stochastic gradient descent with momentum, in the place of AdamW.

The loss is that of plain training,

    min_θ  1/E Σ_e R_e(θ),

and the path to its minimum is another: heavy-ball momentum, a linear warm-up, half a cosine down
to nothing, and gradients clipped to a norm (:mod:`gengap.methods.optimizers`). Networks that fit
their training data have many minima, and the optimiser chooses among them. Naganuma et al. tuned
both kinds on shifted benchmarks and found adaptive optimisers no better at equal training
accuracy and mostly worse unseen.

Helps as the control of every method that was published with another optimiser. Hurts where
columns differ in scale or gradients are rare, which Adam's division evens out; its rate needs more
tuning, and a short training shows that most.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.batch import Context
from gengap.methods.erm import ERM
from gengap.methods.optimizers import SGD, Optimizer, Scheduled
from gengap.methods.registry import register
from gengap.models.networks import Parameters


@register(
    "sgd",
    summary="plain training by gradient descent with momentum, warm-up and a cosine",
    paper=Paper(
        "Empirical study on optimizer selection for out-of-distribution generalization",
        "Naganuma, Ahuja, Takagi, Motokawa, Yokota, Ishikawa, Sato, Mitliagkas",
        2023,
        "https://arxiv.org/abs/2211.08583",
    ),
)
@dataclass(frozen=True)
class PlainSGD(ERM):
    """Plain training by SGD; with ``momentum`` 0 and ``warm_up`` 0 the oldest method there is."""

    learning_rate: float = hyperparameter(0.05, 1e-2, 0.5, log=True, help="largest step size")
    momentum: float = hyperparameter(
        0.9, 0.5, 0.99, limit=1, help="share of the velocity that a step keeps"
    )
    warm_up: float = hyperparameter(
        0.05, 0.0, 0.2, limit=1, help="share of the training over which the step size rises"
    )
    clip: float = hyperparameter(5.0, 0.5, 50.0, log=True, help="largest norm of a gradient")

    def optimizer(self, parameters: Parameters, context: Context) -> Optimizer:
        """SGD under the schedule."""
        rate, decay, momentum, warm_up, clip = (
            torch.as_tensor(value)
            for value in (
                self.learning_rate, self.weight_decay, self.momentum, self.warm_up, self.clip,
            )
        )  # fmt: skip
        inner = SGD(parameters, rate, decay, momentum)
        return Scheduled(inner, context.steps, warm_up, torch.zeros_like(rate), clip)
