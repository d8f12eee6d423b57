"""One-class support vectors: the smallest region that holds most training examples, by kernels.

Map the features, in standard deviations, into the space of a Gaussian kernel, and part them from
the origin by the hyperplane with the largest margin, a share ν at most on the wrong side of it:

    s(x) = ρ - sum_i a_i exp( -||x - x_i||² / d ),      0 <= a_i <= 1,  sum_i a_i = ν n,

positive outside. The x_i with a_i > 0, the support vectors, lie on or beyond the boundary, and are
all that is kept. The width, d the number of features, is scikit-learn's default, as is the solver.
At most 2,000 training examples are used, drawn at random: the time grows with their square.

Source: B. Schölkopf, J. C. Platt, J. Shawe-Taylor, A. J. Smola & R. C. Williamson, Estimating the
support of a high-dimensional distribution, Neural Computation 13 (2001), 1443-1471.

Helps with few features of one odd-shaped region. Hurts in many dimensions, where all examples are
as far apart as strangers are, and in telling how far outside: some widths away all score ρ.
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
from gengap.detectors.tools.references import reference_rows
from gengap.detectors.tools.standardising import fit_standardising, standardised
from gengap.models.outputs import Outputs, features_of

EXAMPLES = 2000


@register_detector(
    "one-class-svm",
    summary="outside the region that a kernel's support vectors enclose",
    paper=Paper(
        "Estimating the support of a high-dimensional distribution",
        "Schölkopf, Platt, Shawe-Taylor, Smola, Williamson",
        2001,
        "https://doi.org/10.1162/089976601750264965",
    ),
    tasks=ANY_TASK,
    needs=("features",),
    cost="distances to the support vectors, a tenth of up to 2,000 training examples",
)
@dataclass(frozen=True)
class OneClassSVM(Detector):
    """scikit-learn's one-class support vector machine, kept as tensors."""

    outside: float = hyperparameter(
        0.1, 0.01, 0.5, log=True, limit=1, help="share of the training examples left outside"
    )
    seed: int = hyperparameter(0, 0, 0, help="of the draw of training examples")

    def fit(self, train: Outputs) -> Fitted:
        """Standardise, draw and solve."""
        from sklearn import svm

        features = known_features(train, 2)
        fitted = fit_standardising(features)
        kept = features[reference_rows(len(features), self.seed, EXAMPLES)]
        rows = standardised(kept, fitted).double().numpy()
        machine = svm.OneClassSVM(nu=self.outside, gamma=1 / rows.shape[1])
        machine.random_state = 0  # without one it draws from numpy's global generator
        machine.fit(rows)
        return fitted | {
            "vectors": torch.from_numpy(machine.support_vectors_).contiguous(),
            "weights": torch.from_numpy(machine.dual_coef_[0].copy()),
            "offset": torch.tensor(-float(machine.intercept_[0]), dtype=torch.float64),
        }

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Distance beyond the hyperplane, in units of the kernel's weights."""
        vectors = fitted["vectors"]

        def beyond(chunk: Outputs) -> Tensor:
            rows = standardised(bounded(features_of(chunk)), fitted).double()
            kernel = (torch.cdist(rows, vectors).square() / -vectors.shape[1]).exp()
            return (fitted["offset"] - kernel @ fitted["weights"]).float()

        return by_examples(beyond, outputs, most=1024)
