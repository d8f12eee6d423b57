"""Activations between layers: rectifiers, and smooth ones.

SmeLU is a rectifier whose corner is a parabola, so that its slope has no jump,

    f(x) = 0  for x < -β,    (x + β)² / 4β  for |x| <= β,    x  for x > β.

Value and slope agree with the rectifier's at both ends of the parabola. Where slopes jump, which
side a unit ends on depends on little, and trainings that differ in their seed go apart; a smooth
activation gives fewer such places, at the price of a less sharp one (Shamir, Lin, Coviello 2020,
arXiv:2010.09931). As β goes to 0 it is the rectifier, with a large β nearly a linear layer.
"""

from __future__ import annotations

from torch import Tensor, nn


class SmeLU(nn.Module):
    """The smooth rectifier.

    Attributes:
        beta: half of the parabola's width, above 0.
    """

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, x: Tensor) -> Tensor:
        """Of any shape, number by number."""
        bent = (x.clamp(-self.beta, self.beta) + self.beta).square() / (4 * self.beta)
        return bent + (x - self.beta).relu()

    def extra_repr(self) -> str:
        """What tells it from another, in the module's text."""
        return f"beta={self.beta:g}"


ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "smelu": SmeLU, "gelu": nn.GELU}
