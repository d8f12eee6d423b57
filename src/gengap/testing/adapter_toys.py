"""Small trained networks of every kind that adapters meet, and a stream that moved.

Each kind has its own form of input and of normalisation. An example's class is told by a template
that lies in noise; in the stream all numbers are stretched and shifted, and tokens are swapped for
others. Every network has a :class:`Counting` behind its first normalisation, through which all
passes go.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gengap.adapters.base import Source
from gengap.base.seeds import derive

CLASSES, VOCABULARY, LENGTH, WIDTH = 3, 12, 6, 8
KINDS = (
    "rows-batchnorm", "rows-plain", "signals-groupnorm", "images-batchnorm", "images-groupnorm",
    "volumes-batchnorm", "tokens-layernorm", "token-targets-layernorm", "values-batchnorm",
    "rows-heads",
)  # fmt: skip
_SHAPES = {"rows": (6,), "signals": (2, 8), "images": (1, 6, 6), "volumes": (1, 4, 4, 4),
           "values": (6,)}  # fmt: skip


class Counting(nn.Module):
    """Counts the examples that pass forward and backward; copies count together."""

    def __init__(self) -> None:
        super().__init__()
        self.forwards = self.backwards = 0

    def forward(self, x: Tensor) -> Tensor:
        """The same."""
        self.forwards += len(x)
        if x.requires_grad:
            x.register_hook(self._back)
        return x

    def _back(self, slopes: Tensor) -> None:
        self.backwards += len(slopes)

    def __deepcopy__(self, memo: dict[int, Any]) -> Counting:
        return self


@dataclass(frozen=True)
class AdapterToy:
    """A trained network and what it meets.

    Attributes:
        kind: one of :data:`KINDS`.
        model: in eval mode.
        source: what it was trained on.
        x, y: the stream, moved, ``(n, *shape)``; adapters never see ``y``.
        task: classification or regression.
    """

    kind: str
    model: nn.Module
    source: Source
    x: Tensor
    y: Tensor
    task: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an example."""
        return tuple(self.x.shape[1:])

    @property
    def counter(self) -> Counting:
        """What counts the passes of the model and all its copies."""
        return next(m for m in self.model.modules() if isinstance(m, Counting))


@lru_cache
def adapter_toy(kind: str, examples: int = 48, seed: int = 0, steps: int = 40) -> AdapterToy:
    """Draw the data of a kind and train its network.

    Args:
        kind: one of :data:`KINDS`.
        examples: for training; as many are in the stream.
        steps: of Adam, full batch.
    """
    source = torch.Generator().manual_seed(derive(seed, "adapter toy", kind))
    form = kind.rsplit("-", 1)[0]
    if form.startswith("token"):
        x, y = _tokens(2 * examples, form == "token-targets", source)
        swapped = torch.rand(x[examples:].shape, generator=source) < 0.2
        x[examples:][swapped] = 0
    else:
        x, y = _numbers(_SHAPES[form], 2 * examples, source)
        x[examples:] = 1.5 * x[examples:] + 0.5
    if form == "values":
        y = x.flatten(1)[:, :3].sum(1)
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(derive(seed, "adapter toy network", kind))
        model = _network(kind)
        _train(model, x[:examples], y[:examples], steps)
    environment = torch.arange(examples) % 2
    task = "regression" if form == "values" else "classification"
    known = Source(x[:examples], y[:examples], environment)
    return AdapterToy(kind, model.eval(), known, x[examples:], y[examples:], task)


def _numbers(shape: tuple[int, ...], count: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
    templates = 1.5 * torch.randn(CLASSES, *shape, generator=source)
    y = torch.arange(count) % CLASSES
    return templates[y] + torch.randn(count, *shape, generator=source), y


def _tokens(count: int, each: bool, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences whose class says which third of the tokens they are drawn from."""
    y = torch.randint(CLASSES, (count, LENGTH), generator=source)
    y = y if each else y[:, :1].expand(-1, LENGTH)
    drawn = torch.randint(VOCABULARY // CLASSES, y.shape, generator=source)
    return y * (VOCABULARY // CLASSES) + drawn, (y if each else y[:, 0]).contiguous()


class _PerToken(nn.Module):
    """Mean over the positions, or nothing."""

    def __init__(self, each: bool) -> None:
        super().__init__()
        self.each = each

    def forward(self, x: Tensor) -> Tensor:
        return x if self.each else x.mean(1)


class _SeveralHeads(nn.Module):
    """Two layers and a head for each of two environments, whose mean logits it returns."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(_SHAPES["rows"][0], WIDTH), Counting(), nn.ReLU())
        self.heads = nn.Linear(WIDTH, 2 * CLASSES)

    def each_head(self, features: Tensor) -> Tensor:
        """Logits ``(n, 2, C)`` of features ``(n, d)``."""
        return self.heads(features).unflatten(1, (2, CLASSES))

    def forward(self, x: Tensor) -> Tensor:
        return self.each_head(self.body(x)).mean(1)


def _network(kind: str) -> nn.Module:
    form, norm = kind.rsplit("-", 1)
    if norm == "heads":
        return _SeveralHeads()
    if form.startswith("token"):
        return nn.Sequential(
            nn.Embedding(VOCABULARY, WIDTH), nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH),
            Counting(), nn.ReLU(), _PerToken(form == "token-targets"), nn.Linear(WIDTH, CLASSES),
        )  # fmt: skip
    shape = _SHAPES[form]
    axes = len(shape) - 1
    outputs = 1 if form == "values" else CLASSES
    norms: Any = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)[max(axes - 1, 0)]
    made = {"batchnorm": lambda: norms(WIDTH), "groupnorm": lambda: nn.GroupNorm(2, WIDTH),
            "plain": nn.Identity}[norm]  # fmt: skip
    if not axes:
        return nn.Sequential(
            nn.Linear(shape[0], WIDTH), made(), Counting(), nn.ReLU(), nn.Linear(WIDTH, outputs)
        )
    conv: Any = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
    pool: Any = (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[axes - 1]
    return nn.Sequential(
        conv(shape[0], WIDTH, 3, padding=1), made(), Counting(), nn.ReLU(), pool(2), nn.Flatten(),
        nn.Linear(WIDTH * 2**axes, outputs),
    )  # fmt: skip


def _train(model: nn.Module, x: Tensor, y: Tensor, steps: int) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        made = model(x)
        if y.is_floating_point():
            loss = F.mse_loss(made[:, 0], y)
        else:
            loss = F.cross_entropy(made.flatten(0, -2), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    optimizer.zero_grad()
