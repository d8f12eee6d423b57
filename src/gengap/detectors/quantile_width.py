"""Quantile width: how far apart may the target be, to judge by the nearest training examples?

The conditional quantiles of a target at ``x`` are estimated by the quantiles of the targets ``y_i``
of the ``k`` nearest training examples in feature space. Both may move on the way from there to
``x``: by ``L`` for each unit by which the mean distance ``d`` to the neighbours exceeds ``D``, the
median in training, where ``L`` is the mean difference between targets of neighbouring training
examples over their mean distance. The range that holds a share ``q`` of the targets then has the
width

    s(x) = Q_{(1 + q)/2}{y_i} - Q_{(1 - q)/2}{y_i} + 2 L max(d - D, 0),

in the unit of the target, with linear interpolation between order statistics. At most 10,000
training examples are kept as references, drawn at random.

Source: P. K. Bhattacharya & A. K. Gangopadhyay, Kernel and nearest-neighbor estimation of a
conditional quantile, Annals of Statistics 18 (1990), 1400-1415. The term in ``L`` is gengap's:
without it the width far from all training examples is that at their edge.

Helps when noise differs between regions, also with a model that fits its training examples exactly,
because it reads targets and not residuals. Hurts where the target is steep but known: a
neighbourhood that spans much of a slope looks uncertain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.neighbours import nearest
from gengap.detectors.tools.outputs import bounded, by_examples, finite, known_features
from gengap.detectors.tools.references import change, changed, reference_rows
from gengap.models.outputs import Outputs, features_of, labels_of


@register_detector(
    "quantile-width",
    summary="width between the quantiles of the nearest training examples' targets",
    paper=Paper(
        "Kernel and nearest-neighbor estimation of a conditional quantile",
        "Bhattacharya, Gangopadhyay",
        1990,
        "https://doi.org/10.1214/aos/1176347757",
    ),
    tasks=("regression",),
    needs=("features", "labels"),
    cost="distances to up to 10,000 training examples",
)
@dataclass(frozen=True)
class QuantileWidth(Detector):
    """Width of the local range that holds a ``share`` of the targets."""

    neighbours: int = hyperparameter(30, 10, 200, log=True, help="nearest training examples")
    share: float = hyperparameter(
        0.8, 0.5, 0.95, limit=1, help="share of the targets between the two quantiles"
    )
    seed: int = hyperparameter(0, 0, 0, help="of the draw of references")

    def fit(self, train: Outputs) -> Fitted:
        """Keep features and targets, and how targets change."""
        features, targets = known_features(train, 2), bounded(labels_of(train))
        kept = reference_rows(len(features), self.seed)
        references, targets = features[kept].clone(), targets[kept].clone()
        pairs = nearest(references, references, int(self.neighbours), themselves=True)
        return {"references": references, "targets": targets, **change(targets, *pairs)}

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Upper minus lower quantile of the neighbours' targets, both moved outwards."""

        def width(chunk: Outputs) -> Tensor:
            features = bounded(features_of(chunk))
            distances, rows = nearest(fitted["references"], features, int(self.neighbours))
            targets = fitted["targets"].double()[rows]
            high = row_quantile(targets, (1 + self.share) / 2)
            low = row_quantile(targets, (1 - self.share) / 2)
            return finite(high - low + 2 * changed(distances, fitted))

        return by_examples(width, outputs)


def row_quantile(values: Tensor, share: float) -> Tensor:
    """Quantile ``(n,)`` of each row of ``values (n, k)``, interpolated linearly."""
    ordered = values.sort(1).values
    place = share * (values.shape[1] - 1)
    below, above = math.floor(place), math.ceil(place)
    return torch.lerp(ordered[:, below], ordered[:, above], place - below)
