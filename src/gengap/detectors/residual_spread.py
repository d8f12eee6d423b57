"""Residual spread: how wrong will the model be, to judge by the nearest training examples?

Regression models err more in some regions than in others, and more the farther from training
examples. With residuals ``r_i = y_i - ŷ(x_i)`` of the ``k`` nearest training examples in feature
space, and the mean distance ``d`` to them, the error to expect is

    s(x) = mean_i |r_i| + L max(d - D, 0),

in the unit of the target: the local mean absolute residual, by which locally weighted conformal
prediction scales its intervals, and how far the residual may move beyond the distance ``D`` usual
in training, the median. ``L`` is the mean difference between residuals of neighbouring training
examples over their mean distance. At most 10,000 training examples are kept as references, drawn at
random.

Sources: J. Lei, M. G'Sell, A. Rinaldo, R. J. Tibshirani & L. Wasserman, Distribution-free
predictive inference for regression, JASA 113 (2018), arXiv:1604.04173, section 5.2; that distance
should count too: H. Papadopoulos, V. Vovk & A. Gammerman, Regression conformal prediction with
nearest neighbours, JAIR 40 (2011), 815-840. Adding the two by ``L`` is gengap's choice.

Helps when noise differs between regions. Hurts with a model that fits its training examples
exactly: its residuals are 0, everywhere and at any distance (give examples it was not trained on).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.neighbours import nearest
from gengap.detectors.tools.outputs import bounded, by_examples, finite, known_features
from gengap.detectors.tools.references import change, changed, reference_rows
from gengap.models.outputs import Outputs, features_of, labels_of, logits_of


@register_detector(
    "residual-spread",
    summary="error to expect from the residuals of the nearest training examples",
    paper=Paper(
        "Distribution-free predictive inference for regression",
        "Lei, G'Sell, Rinaldo, Tibshirani, Wasserman",
        2018,
        "https://arxiv.org/abs/1604.04173",
    ),
    tasks=("regression",),
    needs=("logits", "features", "labels"),
    cost="distances to up to 10,000 training examples",
)
@dataclass(frozen=True)
class ResidualSpread(Detector):
    """Local mean of the absolute residuals, growing with distance."""

    neighbours: int = hyperparameter(20, 5, 100, log=True, help="nearest training examples")
    seed: int = hyperparameter(0, 0, 0, help="of the draw of references")

    def fit(self, train: Outputs) -> Fitted:
        """Keep features and absolute residuals, and how residuals change."""
        features = known_features(train, 2)
        residuals = bounded(labels_of(train)) - bounded(logits_of(train)).squeeze(1)
        kept = reference_rows(len(features), self.seed)
        references, residuals = features[kept].clone(), residuals[kept]
        pairs = nearest(references, references, int(self.neighbours), themselves=True)
        return {
            "references": references,
            "residuals": residuals.abs(),
            **change(residuals, *pairs),
        }

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Mean absolute residual of the neighbours, and its change on the way from them."""

        def spread(chunk: Outputs) -> Tensor:
            features = bounded(features_of(chunk))
            distances, rows = nearest(fitted["references"], features, int(self.neighbours))
            local = fitted["residuals"].double()[rows].mean(1)
            return finite(local + changed(distances, fitted))

        return by_examples(spread, outputs)
