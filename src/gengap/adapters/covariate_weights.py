"""Covariate reweighting of tables: the last layer is fitted anew where test rows are.

Where inputs move from ``p(x)`` to ``q(x)`` and what the target means stays, the risk at test time
is a weighted risk in training, ``E_q ℓ = E_p [w ℓ]`` with ``w = q/p`` (Shimodaira 2000). A logistic
regression tells the latest ``window`` test rows from the training rows,

    log w(x) = a'x + b,

exact where both are normal with one covariance. Weights are cut at ``largest`` times their mean,
and the last layer minimises the weighted mean loss of the training examples on the model's own
features, near where it was:

    1/n Σ_i w_i ℓ(W f_i + b, y_i) + penalty/2 |W - W_0|².

It is refitted whenever a fifth of the window is new, from where it was, by ten steps of L-BFGS at
most; the rest of the model stays. One forward pass and no backward pass; refitting comes on top.
It knows 4,000 training examples at most, and of wide features the 128 directions along which they
are longest: along others, which the data hardly reach, the penalty keeps the layer where it was.

Helps where the model is misspecified, as a line through a curve. Hurts, mildly, where it is not:
plain maximum likelihood is then as good as it gets, and weights only cost variance (Ge et al.
2023); and where both hardly overlap, as few examples then carry all the weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.adapters.base import Adapter, Source
from gengap.adapters.quantile_alignment import table_of
from gengap.adapters.registry import HEAD, NUMERIC_INPUTS, SOURCE, TABLES, register_adapter
from gengap.adapters.tools.banks import latest
from gengap.adapters.tools.logistic import (
    Linear,
    fit_classes,
    fit_two,
    fit_values,
    principal_directions,
)
from gengap.base.hyperparameters import Hyperparameters, hyperparameter
from gengap.base.paper import Paper

REFIT, STEPS = 0.2, 10  # of the window that is new before a refit; of the search in each
MOST_EXAMPLES, MOST_DIRECTIONS = 4000, 128


@register_adapter(
    "covariate-weights",
    summary="fits the last layer anew to the training rows that are like the test rows",
    paper=Paper(
        "Improving predictive inference under covariate shift by weighting the log-likelihood "
        "function",
        "Shimodaira",
        2000,
        "https://doi.org/10.1016/S0378-3758(00)00115-4",
    ),
    tasks=("classification", "regression"),
    needs=(SOURCE, TABLES, NUMERIC_INPUTS, HEAD),
)
class CovariateWeights(Adapter):
    """A last layer for where the test rows are."""

    @dataclass(frozen=True)
    class Settings(Hyperparameters):
        """How long to look back, and how far to go."""

        window: int = hyperparameter(500, 50, 5000, log=True, help="latest rows that count")
        largest: float = hyperparameter(20.0, 2.0, 100.0, log=True, help="largest weight")
        penalty: float = hyperparameter(
            1e-2, 1e-4, 1.0, log=True, help="what holds the last layer where it was"
        )

    def prepare(self) -> None:
        """Features of the training rows, and columns brought to one scale."""
        source = self.training_examples()
        table_of(source, "CovariateWeights")
        if len(source) > MOST_EXAMPLES:
            drawn = torch.randperm(len(source), generator=self.generator("examples"))
            kept = drawn[:MOST_EXAMPLES].sort().values
            self.source = source = Source(source.x[kept], source.y[kept], source.environment[kept])
        x, said = source.x, self.source_outputs()
        features, head = said.features, self.head(said)
        self.target = source.y.to(features.device)
        bias = head.weight.new_zeros(len(head.weight)) if head.bias is None else head.bias
        self.start = Linear(head.weight.detach().clone(), bias.detach().clone())
        self.directions = torch.eye(features.shape[1]).to(features)
        if features.shape[1] > MOST_DIRECTIONS:
            drawing = self.generator("directions")
            self.directions = principal_directions(features, MOST_DIRECTIONS, drawing)
        self.features, self.within = features @ self.directions, self._seen_within(self.start)
        self.beside = features @ (self.start.weight - self.within.weight @ self.directions.T).T
        self.centre, self.spread = x.mean(0), x.std(0, correction=0).clamp_min(1e-6)
        self.rows = (x - self.centre) / self.spread

    def begin(self) -> None:
        """No rows were seen."""
        self.seen, self.new = self.rows[:0], 0
        self.tilt: Tensor | None = None
        self.fitted = self.start

    def answer(self, x: Tensor) -> Tensor:
        """Answers ``(n, C)``, or values ``(n, k)``, of the refitted last layer."""
        features = self.forward(x).features
        window = int(self.settings.window)
        self.seen = latest(self.seen, (x - self.centre) / self.spread, window)
        self.new += len(x)
        if self.new >= REFIT * len(self.seen):
            self.new = 0
            self.tilt = tilt_of(self.rows, self.seen, begin=self.tilt)
            weights = tilted(self.rows, self.tilt, self.settings.largest).to(features.dtype)
            self.fitted = self._refitted(weights)
        return self.fitted(features)

    def _refitted(self, weights: Tensor) -> Linear:
        """The last layer, moved within the directions to where the weights ``(n,)`` want it."""
        known = self.features, self.target, self.within, self.settings.penalty, weights
        if self.target.is_floating_point() or self.beside.shape[1] == 1:
            values = self.target.view(self.beside.shape) - self.beside
            found = fit_values(self.features, values, *known[2:])
        else:
            begin = self._seen_within(self.fitted)
            found = fit_classes(*known, begin=begin, steps=STEPS, beside=self.beside)
        moved = (found.weight - self.within.weight) @ self.directions.T
        return Linear(self.start.weight + moved, found.bias)

    def _seen_within(self, layer: Linear) -> Linear:
        """A layer on features as one on their directions."""
        return Linear(layer.weight @ self.directions, layer.bias)


def ratios(known: Tensor, asked: Tensor, largest: float) -> Tensor:
    """Density ratios of ``asked (m, d)`` to ``known (n, d)`` at the latter, ``(n,)`` of mean 1.

    Args:
        known: training rows, each column with variance 1.
        asked: test rows.
        largest: weights are cut at so many times their mean.
    """
    return tilted(known, tilt_of(known, asked), largest)


def tilt_of(
    known: Tensor, asked: Tensor, penalty: float = 1e-3, begin: Tensor | None = None
) -> Tensor:
    """Slopes and, last, intercept of the ratio's logarithm, ``(d + 1,)`` float64.

    Args:
        known, asked: as for :func:`ratios`.
        penalty: of the squared slopes.
        begin: a tilt that is near.
    """
    rows = torch.cat([known, asked])
    which = torch.cat([torch.zeros(len(known)), torch.ones(len(asked))]).long().to(rows.device)
    # Both sides weigh the same, so that the logit is the logarithm of the ratio itself.
    balance = len(rows) / 2 * torch.where(which == 1, 1 / len(asked), 1 / len(known))
    return fit_two(rows, which.double(), balance, penalty, begin)


def tilted(known: Tensor, tilt: Tensor, largest: float) -> Tensor:
    """Weights ``(n,)`` of mean 1 of rows ``(n, d)``, cut at so many times their mean."""
    logits = (known.double() @ tilt[:-1] + tilt[-1]).to(known.dtype)
    weights = logits.clamp(-30, 30).exp()
    weights = weights / weights.mean()
    weights = weights.clamp_max(largest)
    return weights / weights.mean()
