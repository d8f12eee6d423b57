"""Norms along the training of a fleet, for those who ask for its curves."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from gengap.methods.optimizers import Optimizer, run_norms
from gengap.models.networks import Parameters

GRADIENT, WEIGHT = "gradient_norm", "weight_norm"


class Norms:
    """Notes the norm of each run's gradient, as its optimiser gets it, and of its weights.

    Args:
        optimizer: whose steps are watched from now on.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.gradient: Tensor | None = None
        self.noted: dict[str, list[np.ndarray]] = {GRADIENT: [], WEIGHT: []}
        step = optimizer.step

        def watched(gradients: Parameters) -> None:
            self.gradient = run_norms(gradients)
            step(gradients)

        optimizer.step = watched  # type: ignore[method-assign]

    @torch.no_grad()
    def note(self, parameters: Parameters) -> None:
        """Note the norms after a step, ``(R,)`` each; NaN where no gradient was followed yet."""
        weight = run_norms(parameters)
        gradient = torch.full_like(weight, torch.nan) if self.gradient is None else self.gradient
        self.noted[GRADIENT].append(gradient.cpu().numpy())
        self.noted[WEIGHT].append(weight.cpu().numpy())

    def of_run(self, run: int) -> dict[str, np.ndarray]:
        """The curves of one run, ``(checkpoints,)`` each."""
        return {name: np.array([values[run] for values in own]) for name, own in self.noted.items()}
