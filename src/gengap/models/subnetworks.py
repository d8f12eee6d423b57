"""Networks begun with smaller weights, or with some of their weights cut off for good.

    θ_0 = s · m ⊙ θ,        f(x; m ⊙ θ_t),

with ``θ`` as the network begins otherwise, so that a cut network begins where the whole one does (a
lottery ticket, Frankle & Carbin 2019, arXiv:1803.03635). A scale ``s`` below 1 makes networks learn
features rather than keep those they began with; above, the other way round.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.models.networks import Output, Parameters


@dataclass(frozen=True, eq=False)
class Subnetwork:
    """Another architecture, begun smaller or cut.

    Attributes:
        inner: the architecture; one that vectorises.
        scale: of all weights at first.
        kept: 1 and 0 for each weight of a run, by name; all are kept of those not named.
    """

    inner: Any
    scale: float = 1.0
    kept: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the inner one, with the scale and what is kept."""
        cut = hashlib.sha256()
        for name, mask in sorted(self.kept.items()):
            cut.update(name.encode() + mask.to(torch.uint8).numpy().tobytes())
        said = f", kept={cut.hexdigest()[:12]}" if self.kept else ""
        return f"{self.inner.name}[scale={self.scale:.6g}{said}]"

    @property
    def vectorises(self) -> bool:
        """As the inner one does."""
        return bool(self.inner.vectorises)

    def train(self, mode: bool) -> None:
        """Pass the mode on."""
        self.inner.train(mode)

    def initialise(self, shape: Sequence[int], outputs: int, seed: int) -> Parameters:
        """As the inner one begins, scaled and cut.

        Raises:
            UsageError: what is kept is of another network.
        """
        made = self.inner.initialise(shape, outputs, seed)
        wrong = [name for name, mask in self.kept.items() if mask.shape != made[name].shape]
        if wrong:
            raise UsageError(f"What is kept of {wrong[0]} is of another shape than the network's.")
        return {name: self.scale * self._cut(name, value) for name, value in made.items()}

    def forward(self, parameters: Parameters, x: Tensor) -> Output:
        """With weights that are cut off at 0 whatever they are."""
        own = {name: self._cut(name, value) for name, value in parameters.items()}
        found: Output = self.inner.forward(own, x)
        return found

    def _cut(self, name: str, value: Tensor) -> Tensor:
        return value * self.kept[name].to(value) if name in self.kept else value


def largest(parameters: Parameters, share: float) -> dict[str, Tensor]:
    """Which weights of each tensor are the largest, 1 or 0, for a share of each.

    Args:
        parameters: of one run; vectors of one number a unit, such as biases, are all kept.
        share: kept of the others, above 0.

    Raises:
        UsageError: a share that is none.
    """
    if not 0 < share <= 1:
        raise UsageError(f"A share of weights that are kept lies above 0 and up to 1, not {share}.")
    found = {}
    for name, value in parameters.items():
        if value.squeeze().dim() < 2:
            found[name] = torch.ones_like(value)
            continue
        count = max(1, round(share * value.numel()))
        order = value.detach().abs().flatten().argsort(descending=True, stable=True)
        mask = torch.zeros(value.numel())
        mask[order[:count]] = 1
        found[name] = mask.view(value.shape)
    return found
