"""Local outlier factor: is it lonelier here than the neighbours are?

A distance that is large in a dense region is ordinary in a sparse one. With the ``k`` nearest
training examples ``N(x)``, and the distance ``d_k(o)`` of each from its own ``k``-th neighbour,

    density(x) = 1 / mean_{o in N(x)} max(d_k(o), |x - o|),
    s(x)       = mean_{o in N(x)} density(o) / density(x),

about 1 inside a region of any density, larger outside. At most 10,000 training examples are kept as
references, drawn at random: with more, densities are those of the drawn ones.

Source: M. M. Breunig, H.-P. Kriegel, R. T. Ng & J. Sander, LOF: identifying density-based local
outliers, SIGMOD 2000.

Helps when regions of the training data differ in density, such as environments of different
spread. Hurts with many copies of an example, whose density has no bound, and for strangers that
form a cluster beside a sparse region.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import ANY_TASK, register_detector
from gengap.detectors.tools.neighbours import nearest
from gengap.detectors.tools.outputs import bounded, by_examples, finite, known_features
from gengap.detectors.tools.references import reference_rows
from gengap.models.outputs import Outputs, features_of

# Copies of one example are at distance 0; the same number keeps scikit-learn's densities finite.
SMALLEST = 1e-10


@register_detector(
    "local-outlier-factor",
    summary="density of the neighbours relative to the density here",
    paper=Paper(
        "LOF: identifying density-based local outliers",
        "Breunig, Kriegel, Ng, Sander",
        2000,
        "https://doi.org/10.1145/342009.335388",
    ),
    tasks=ANY_TASK,
    needs=("features",),
    cost="distances to up to 10,000 training examples",
)
@dataclass(frozen=True)
class LocalOutlierFactor(Detector):
    """Local outlier factor of the features among those of training examples."""

    neighbours: int = hyperparameter(20, 5, 100, log=True, help="nearest training examples")
    seed: int = hyperparameter(0, 0, 0, help="of the draw of references")

    def fit(self, train: Outputs) -> Fitted:
        """Measure the densities at the references."""
        features = known_features(train, 2)
        references = features[reference_rows(len(features), self.seed)].clone()
        distances, rows = nearest(references, references, int(self.neighbours), themselves=True)
        reach = distances[:, -1].contiguous()
        return {
            "references": references,
            "reach": reach,
            "density": density(distances, reach[rows]),
        }

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Mean density of the neighbours over the density at the example."""
        k = min(int(self.neighbours), len(fitted["references"]) - 1)

        def factor(chunk: Outputs) -> Tensor:
            distances, rows = nearest(fitted["references"], bounded(features_of(chunk)), k)
            here = density(distances, fitted["reach"][rows])
            return finite(fitted["density"][rows].mean(1) / here)

        return by_examples(factor, outputs)


def density(distances: Tensor, reach: Tensor) -> Tensor:
    """Local reachability density ``(n,)`` from distances and the neighbours' reach ``(n, k)``."""
    return 1 / (distances.maximum(reach).mean(1) + SMALLEST)
