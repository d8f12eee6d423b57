"""Quantile alignment of tables: every column is mapped to where it was in training.

With ``F`` the distribution function of a column in the latest ``window`` test rows and ``G`` that
of training, a value ``x`` becomes

    (1 - share) x + share G⁻¹(F(x)),      share = n / (n + prior),

after which the column is distributed as in training, whatever increasing change had moved it: a
unit, an offset, another sensor. In one dimension this is the optimal transport of one distribution
to the other (Courty et al. 2017). ``n`` is the number of test rows seen; columns with fewer than
ten different values in training are left alone, as they are codes. No gradient, one pass.

Helps where a measurement changed and what it measures did not. Hurts where the population changed:
older patients become, on paper, as young as those of training, and batches of one class become all
classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.adapters.base import Adapter, Source
from gengap.adapters.registry import NUMERIC_INPUTS, SOURCE, TABLES, register_adapter
from gengap.adapters.tools.banks import latest
from gengap.base.errors import UsageError
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper

FEWEST_VALUES = 10


@register_adapter(
    "quantile-alignment",
    summary="maps every column of a table to the distribution it had in training",
    paper=Paper(
        "Optimal transport for domain adaptation",
        "Courty, Flamary, Tuia, Rakotomamonjy",
        2017,
        "https://arxiv.org/abs/1507.00504",
    ),
    tasks=("classification", "regression"),
    needs=(SOURCE, TABLES, NUMERIC_INPUTS),
)
class QuantileAlignment(Adapter):
    """Columns moved back to where they were."""

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """How long to look back, and how slowly to believe it."""

        window: int = hyperparameter(1000, 100, 10_000, log=True, help="latest rows that count")
        prior: float = hyperparameter(
            50.0, 1.0, 1000.0, log=True, help="rows after which half the way is moved"
        )

    def prepare(self) -> None:
        """Sort the training columns."""
        x = table_of(self.training_examples(), "QuantileAlignment")
        self.known = x.sort(0).values
        different = (self.known[1:] != self.known[:-1]).sum(0) + 1
        self.moving = different >= FEWEST_VALUES

    def begin(self) -> None:
        """No rows were seen."""
        self.seen = self.known[:0]

    def answer(self, x: Tensor) -> Tensor:
        """The model's answers for aligned rows."""
        self.seen = latest(self.seen, x, int(self.settings.window))
        share = len(self.seen) / (len(self.seen) + self.settings.prior)
        there = quantiles(self.known, ranks(self.seen, x))
        return self.forward(torch.where(self.moving, torch.lerp(x, there, share), x)).logits


def table_of(source: Source, adapter: str) -> Tensor:
    """Training rows ``(n, d)``, or a usage error where examples are something else."""
    if source.x.dim() != 2 or not source.x.is_floating_point():
        raise UsageError(
            f"{adapter} needs rows of a table, (n, columns) of numbers; the training examples have "
            f"the shape {tuple(source.x.shape)} of {source.x.dtype}."
        )
    return source.x


def ranks(seen: Tensor, x: Tensor) -> Tensor:
    """The share of rows ``seen (m, d)`` below each value of ``x (n, d)``; ties count half."""
    # NumPy sorts numbers ten times as fast as PyTorch does.
    kind = torch.promote_types(x.dtype, torch.float32)  # NumPy has no bfloat16
    ordered = seen.T.to(kind).clone(memory_format=torch.contiguous_format).cpu().numpy()
    ordered.sort(axis=1)
    columns, asked = torch.from_numpy(ordered).to(x.device), x.T.to(kind).contiguous()
    below = torch.searchsorted(columns, asked)
    upto = torch.searchsorted(columns, asked, right=True)
    return (below + upto).T.to(x.dtype) / (2 * len(seen))


def quantiles(known: Tensor, share: Tensor) -> Tensor:
    """Quantiles ``(n, d)`` of sorted columns ``known (m, d)``; the i-th of m is at (i - 1/2)/m."""
    place = (share * len(known) - 0.5).clamp(0, len(known) - 1)
    low = place.floor()
    at = low.long()
    up = (at + 1).clamp_max(len(known) - 1)
    return torch.lerp(known.gather(0, at), known.gather(0, up), place - low)
