"""ODIN: a high temperature, after nudging the input towards what the model already believes.

A small step that raises the predicted class's softmax probability raises it more for familiar
inputs than for strange ones, whose gradients are smaller. With temperature ``T`` and step ``e``

    x' = x + e sign(∇_x log max_c softmax(z(x) / T)_c),
    s(x) = (1 - p') / p',        p' = max_c softmax(z(x') / T)_c,

the odds of being wrong: they order as the paper's ``-p'`` and keep their digits where all
probabilities are near ``1 / C``, as they are at ``T = 1000``. There the score orders as the largest
logit's lead over the mean of all logits.

Helps with images and networks whose confidence is saturated. Hurts by its cost, a backward and a
second forward pass, and where the step was tuned on strangers unlike those to come. Inputs must be
real numbers on one scale: the default step was chosen for pixels between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.softmax import HUGE, class_logits, others
from gengap.models.outputs import Outputs


@register_detector(
    "odin",
    summary="the model is not easily made surer by a small change of the input",
    paper=Paper(
        "Enhancing the reliability of out-of-distribution image detection in neural networks",
        "Liang, Li, Srikant",
        2018,
        "https://arxiv.org/abs/1706.02690",
    ),
    needs=("inputs", "network"),
    cost="two forward passes and a backward pass",
)
@dataclass(frozen=True)
class ODIN(Detector):
    """Softmax probability at a high temperature after a step along the input's gradient."""

    temperature: float = hyperparameter(1000.0, 1.0, 1000.0, log=True, help="divides the logits")
    step: float = hyperparameter(
        0.0014, 1e-4, 0.1, log=True, help="size of the change of every input value"
    )

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Odds of being wrong after the step, ``(n,)``."""
        network, inputs = outputs.network, outputs.inputs
        if network is None or inputs is None:
            raise UsageError(
                "odin changes the inputs and asks the model again, so it needs both; "
                "give a torch model and its inputs."
            )
        if not inputs.is_floating_point():
            raise UsageError(
                f"odin takes small steps along the inputs, which are {inputs.dtype}; "
                "give real numbers, such as embeddings of the tokens."
            )
        return by_rows(lambda rows: self._score(network, rows), inputs, least=32)

    def _score(self, network: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        with torch.enable_grad():
            start = inputs.detach().clone().requires_grad_()
            scaled = class_logits(Outputs(network(start))).clamp(-HUGE, HUGE) / self.temperature
            sure = scaled.log_softmax(1).amax(1).sum()
            (slope,) = torch.autograd.grad(sure, start)
        moved = inputs + self.step * slope.sign()
        return others(class_logits(Outputs(network(moved))) / self.temperature).total
