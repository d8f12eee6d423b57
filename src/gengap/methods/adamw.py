"""Adam with decoupled weight decay for stacked parameters, each run with its own rates.

Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101. Every operation
acts on each run apart, and each run counts its own steps, so a run's trajectory does not depend
on its fleet, not even when another run's moments are reset.

The parameters of all runs lie in one block of memory, a row per run, and so do gradients and
moments. PyTorch's fused kernel then passes once over everything, for as many rows at a time as
share their rates and their count of steps. Rows are as long as a multiple of the widest vector
register: an element is then never left over for the kernel's scalar end, which rounds otherwise.
"""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
# Numbers in the widest vector register.
LANES = 16


class AdamW:
    """State of the optimizer for ``R`` runs.

    Args:
        parameters: tensors ``(R, ...)`` by name, updated in place; their memory becomes part of
            the optimizer's block.
        learning_rate: ``(R,)``.
        weight_decay: ``(R,)``.
        clip: ``(R,)`` largest norm of a run's gradient over all its parameters; None for any.

    Attributes:
        steps: ``(R,)`` float64, steps of each run since its moments were last reset.
        first, second: moments by name, shaped as the parameters.
    """

    def __init__(
        self,
        parameters: dict[str, Tensor],
        learning_rate: Tensor,
        weight_decay: Tensor,
        clip: Tensor | None = None,
    ) -> None:
        self.parameters, self.clip = parameters, clip
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.steps = torch.zeros_like(learning_rate, dtype=torch.float64)
        self._values, self._places = _block(parameters)
        self._gradients, self._slopes = _block(parameters)
        self._first, self.first = _block(parameters)
        self._second, self.second = _block(parameters)

    @torch.no_grad()
    def reset(self, runs: Tensor | None = None) -> None:
        """Forget the moments, as methods do whose loss changes scale during training.

        Args:
            runs: ``(R,)`` bool, which runs forget; all of them when not given.
        """
        which = torch.ones_like(self.steps, dtype=torch.bool) if runs is None else runs
        for values in (self.steps, self._first, self._second):
            values[which] = 0

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor]) -> None:
        """Move every run by its gradient."""
        self.steps += 1
        self._take_in()
        torch._foreach_copy_(
            list(self._slopes.values()), [gradients[name] for name in self._slopes]
        )
        if self.clip is not None:  # here, where a run's gradients are one row
            norms = torch.linalg.vector_norm(self._gradients, dim=1)
            self._gradients.mul_((self.clip / norms.clamp(min=1e-12)).clamp(max=1)[:, None])
        end = 0
        rates = (t.tolist() for t in (self.learning_rate, self.weight_decay, self.steps))
        for (rate, decay, count), members in groupby(zip(*rates, strict=True)):
            start, end = end, end + len(list(members))
            torch._fused_adamw_(
                [self._values[start:end]],
                [self._gradients[start:end]],
                [self._first[start:end]],
                [self._second[start:end]],
                [],
                [torch.tensor(count, dtype=torch.float32, device=self._values.device)],
                lr=rate,
                beta1=BETA1,
                beta2=BETA2,
                weight_decay=decay,
                eps=EPSILON,
                amsgrad=False,
                maximize=False,
            )

    def _take_in(self) -> None:
        """Move the parameters into the block, unless they are there already."""
        for name, value in self.parameters.items():
            if value.data_ptr() != self._places[name].data_ptr():
                self._places[name].copy_(value)
                value.data = self._places[name]


def _block(parameters: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Zeros for all parameters, ``(R, P)``, and each parameter's part of them by name."""
    some = next(iter(parameters.values()))
    sizes = [value[0].numel() for value in parameters.values()]
    block = some.detach().new_zeros(some.shape[0], -(-sum(sizes) // LANES) * LANES)
    parts = block[:, : sum(sizes)].split(sizes, 1)
    return block, {
        name: part.view(value.shape)
        for (name, value), part in zip(parameters.items(), parts, strict=True)
    }
