"""Adam with decoupled weight decay for stacked parameters, each run with its own rates.

Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101. Every operation
acts on each run apart, and each run counts its own steps, so a run's trajectory does not depend
on its fleet, not even when another run's moments are reset.
"""

from __future__ import annotations

import torch
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class AdamW:
    """State of the optimizer for ``R`` runs.

    Args:
        parameters: tensors ``(R, ...)`` by name, updated in place.
        learning_rate: ``(R,)``.
        weight_decay: ``(R,)``.

    Attributes:
        steps: ``(R,)`` float64, steps of each run since its moments were last reset.
        first, second: moments by name, shaped as the parameters.
    """

    def __init__(
        self, parameters: dict[str, Tensor], learning_rate: Tensor, weight_decay: Tensor
    ) -> None:
        self.parameters = parameters
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.steps = torch.zeros_like(learning_rate, dtype=torch.float64)
        self.first = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.second = {name: torch.zeros_like(p) for name, p in parameters.items()}

    @torch.no_grad()
    def reset(self, runs: Tensor | None = None) -> None:
        """Forget the moments, as methods do whose loss changes scale during training.

        Args:
            runs: ``(R,)`` bool, which runs forget; all of them when not given.
        """
        which = torch.ones_like(self.steps, dtype=torch.bool) if runs is None else runs
        for values in (self.steps, *self.first.values(), *self.second.values()):
            values[which] = 0

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor]) -> None:
        """Move every run by its gradient.

        The corrections of the two moments go into the rate and into epsilon, vectors over runs:
        ``(m / c1) / (sqrt(v / c2) + eps) = sqrt(c2) / c1 * m / (sqrt(v) + sqrt(c2) * eps)``.
        """
        self.steps += 1
        names = list(self.parameters)
        values = [self.parameters[name] for name in names]
        slopes = [gradients[name] for name in names]
        first = [self.first[name] for name in names]
        second = [self.second[name] for name in names]
        torch._foreach_lerp_(first, slopes, 1 - BETA1)
        torch._foreach_mul_(second, BETA2)
        torch._foreach_addcmul_(second, slopes, slopes, 1 - BETA2)
        scale = torch._foreach_sqrt(second)
        correction = (1 - BETA2**self.steps).sqrt()
        epsilon = (EPSILON * correction).to(self.learning_rate)
        rate = (self.learning_rate * correction / (1 - BETA1**self.steps)).to(self.learning_rate)
        keep = 1 - self.learning_rate * self.weight_decay
        for value, move, root in zip(values, first, scale, strict=True):
            runs = (-1,) + (1,) * (value.dim() - 1)
            root.add_(epsilon.view(runs))
            value.mul_(keep.view(runs)).sub_(torch.div(move, root, out=root).mul_(rate.view(runs)))
