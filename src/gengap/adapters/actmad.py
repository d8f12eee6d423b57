"""ActMAD: the statistics of every feature in every layer are pulled back to those of training.

With ``μ_l, v_l`` the mean and variance over a batch of each unit at each place of layer ``l``, and
``μ_l*, v_l*`` those over the training examples,

    L = Σ_l  mean |μ_l - μ_l*| + mean |v_l - v_l*|,

and all parameters below follow its gradient (Mirza et al. 2023). Not channels of the last layer but
single features of many layers are matched, so that places of an image count too. The layers are the
normalisation layers, or where there are none the activations. Nothing in it speaks of classes:
it adapts models of values as well. The batch is answered by the pass that the gradient came from;
a single example has no statistics and is answered as it is.

Helps under corruptions and other changes of measurement, quickly and with little data. Hurts where
the batch *should* have other statistics: label-correlated streams, strangers, small batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gengap.adapters.base import ROWS_AT_ONCE, Adapter
from gengap.adapters.registry import HIDDEN, SOURCE, register_adapter
from gengap.adapters.tools.normalisation import normalisation_layers
from gengap.adapters.tools.steps import all_parameters
from gengap.base.errors import UsageError
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper

BLOCK = 2048  # columns at a time


@register_adapter(
    "actmad",
    summary="matches means and variances of all features in many layers to those of training",
    paper=Paper(
        "ActMAD: Activation matching to align distributions for test-time-training",
        "Mirza, Soneira, Lin, Kozinski, Possegger, Bischof",
        2023,
        "https://arxiv.org/abs/2211.12870",
    ),
    tasks=("classification", "regression"),
    needs=(SOURCE, HIDDEN),
    backwards=1.0,
    at_most=True,
)
class ActMAD(Adapter):
    """Activations matched to training's."""

    learns = True

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """How fast."""

        learning_rate: float = hyperparameter(3e-4, 1e-5, 1e-2, log=True, help="step of Adam")

    def prepare(self) -> None:
        """Watch the layers, and collect what they say of the training examples."""
        source = self.training_examples()
        self.adapting = all_parameters(self.model)
        self.seen: list[Tensor] = []
        for layer in matched_layers(self.model):
            layer.register_forward_hook(self._note)
        total: list[Tensor] = []
        squares: list[Tensor] = []
        for x in source.x.split(ROWS_AT_ONCE):
            rows = [s.double() for s in self._pass(x)[1]]
            total = _added(total, [s.sum(0) for s in rows])
            squares = _added(squares, [s.square().sum(0) for s in rows])
        if not total:
            raise UsageError(
                "ActMAD matches hidden layers; this model has none that could be watched."
            )
        means = [s / len(source) for s in total]
        variances = [q / len(source) - m.square() for q, m in zip(squares, means, strict=True)]
        self.means = [m.float() for m in means]
        self.variances = [v.clamp_min(0).float() for v in variances]

    def begin(self) -> None:
        """A new optimiser."""
        self.seen = []
        self.optimizer = torch.optim.Adam(self.adapting, lr=self.settings.learning_rate)

    def answer(self, x: Tensor) -> Tensor:
        """The answers of the pass that the step's gradient came from."""
        if len(x) < 2:
            with torch.no_grad():
                return self._pass(x)[0]
        logits, seen = self._pass(x, gradients=True)
        self.optimizer.zero_grad()
        self.backward(self.apart(seen), len(x))
        self.optimizer.step()
        return logits

    def apart(self, seen: list[Tensor]) -> Tensor:
        """How far the statistics of layers ``(n, ...)`` are from those of training."""
        total = torch.zeros((), device=seen[0].device)
        for rows, mean, variance in zip(seen, self.means, self.variances, strict=True):
            if rows.shape[1:] != mean.shape:
                raise UsageError(
                    f"ActMAD matches layers place by place: here one has {tuple(rows.shape[1:])}, "
                    f"in training {tuple(mean.shape)}; give examples of the same shape."
                )
            own_mean, own_variance = Moments.apply(rows)
            total = total + (own_mean - mean).abs().mean() + (own_variance - variance).abs().mean()
        return total

    def _pass(self, x: Tensor, gradients: bool = False) -> tuple[Tensor, list[Tensor]]:
        """Answers, and outputs of the layers."""
        self.seen = []
        with torch.set_grad_enabled(gradients):
            logits = self.forward(x).logits
        seen, self.seen = self.seen, []
        return logits, seen

    def _note(self, module: nn.Module, given: Any, output: Tensor) -> None:
        self.seen.append(output)


class Moments(torch.autograd.Function):
    """Mean and variance of ``(n, ...)`` over the first axis, several times as fast as torch's.

    With slopes ``a`` of the mean ``μ`` and ``b`` of the variance an entry's is
    ``(a + 2 b (x - μ)) / n``.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor]:  # noqa: D102
        rows = x.flatten(1)
        share = rows.new_full((1, len(rows)), 1 / len(rows))
        mean, variance = share @ rows, rows.new_empty(1, rows.shape[1])
        # A block stays in the processor's cache while it is centred, squared and added up.
        blocks = (values.split(BLOCK, 1) for values in (rows, mean, variance))
        for own, centre, found in zip(*blocks, strict=True):
            torch.mm(share, (own - centre).square_(), out=found)
        mean, variance = mean.view(x.shape[1:]), variance.view(x.shape[1:])
        ctx.save_for_backward(x, mean)
        return mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, mean_slope: Tensor, variance_slope: Tensor) -> Tensor:  # noqa: D102
        x, mean = ctx.saved_tensors
        scale = 2 * variance_slope / len(x)
        return torch.addcmul(mean_slope / len(x) - scale * mean, scale, x)


def matched_layers(model: nn.Module) -> list[nn.Module]:
    """Normalisation layers, or where there are none activations, or all layers with weights."""
    layers = list(normalisation_layers(model))
    if not layers:
        # PyTorch keeps attention among the activations; it returns more than a tensor.
        layers = [
            m for m in model.modules()
            if type(m).__module__.endswith(".activation")
            and not isinstance(m, nn.MultiheadAttention)
        ]  # fmt: skip
    if not layers:
        weighed = [m for m in model.modules() if isinstance(m, nn.Linear)]
        layers = [*weighed[:-1]]
    return layers


def _added(total: list[Tensor], further: list[Tensor]) -> list[Tensor]:
    return [a + b for a, b in zip(total, further, strict=True)] if total else further
