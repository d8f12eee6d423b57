"""HBOS: add up how empty the histogram is at each feature's value.

Take the features as independent and each one's density as a histogram of B bins of equal width from
its smallest to its largest training value. With n_j(x) of n training examples in the bin of x_j,

    s(x) = - sum_j log( B (n_j(x) + 1/B) / (n + 1) ),

the log-density relative to a uniform one, so that a feature's unit does not matter. One example,
spread evenly over the bins, keeps empty bins finite; a value outside all bins counts as in an empty
one.

Source: M. Goldstein & A. Dengel, Histogram-based outlier score: a fast unsupervised anomaly
detection algorithm, KI 2012; compared in the paper of the record.

Helps with large tables of features in any units, and, unlike ecod, with values between two modes.
Hurts where the combination is strange and each value ordinary, and for features with far outliers
in training, whose other values then share a bin.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import ANY_TASK, register_detector
from gengap.detectors.tools.outputs import bounded, by_examples, known_features
from gengap.models.outputs import Outputs, features_of


@register_detector(
    "hbos",
    summary="values where the histograms of their features are empty",
    paper=Paper(
        "A comparative evaluation of unsupervised anomaly detection algorithms for multivariate "
        "data",
        "Goldstein, Uchida",
        2016,
        "https://doi.org/10.1371/journal.pone.0152173",
    ),
    tasks=ANY_TASK,
    needs=("features",),
    cost="one look-up a feature",
)
@dataclass(frozen=True)
class Hbos(Detector):
    """Minus the log-density of independent histograms."""

    bins: int = hyperparameter(10, 3, 50, log=True, help="bins of each feature's histogram")

    def fit(self, train: Outputs) -> Fitted:
        """Count; a feature that never varies has all its examples in the first bin."""
        features = known_features(train)
        low, high = features.aminmax(dim=0)
        width = torch.where(high > low, (high - low) / self.bins, 1)
        places = ((features - low) / width).long().clamp_(0, self.bins - 1)
        counts = torch.zeros(features.shape[1], self.bins)
        counts.scatter_add_(1, places.T, torch.ones(places.T.shape))
        empty = torch.zeros(len(counts), 1)
        relative = self.bins * (torch.cat([counts, empty], 1) + 1 / self.bins)
        return {
            "low": low.clone(),
            "high": high.clone(),
            "width": width,
            "strange": -(relative / (len(features) + 1)).log(),
        }

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the log-density relative to a uniform one, in nats."""
        strange = fitted["strange"]
        bins = strange.shape[1] - 1

        def sums(chunk: Outputs) -> Tensor:
            rows = bounded(features_of(chunk))
            inside = (rows >= fitted["low"]) & (rows <= fitted["high"])
            places = ((rows - fitted["low"]) / fitted["width"]).clamp_(0, bins - 1).long()
            return strange.T.gather(0, places.where(inside, bins)).sum(1)

        return by_examples(sums, outputs)
