"""SAGE: three empirical probabilities that an example is typical, averaged.

An example can be strange in three ways, each a number that is larger the stranger:

    distance        mean distance to the k nearest training examples in feature space,
    reconstruction  distance to the features' principal subspace, which holds 95% of their variance,
    task            loss of the model's answer if labels are as among those neighbours:
                    mean_i (1 - p_{y_i}(x)) for classes, mean_i |y_i - ŷ(x)| for values.

Each is turned into the share of training examples that are at least as strange,
``P_j = (1 + #{i : t_ij >= t_j(x)}) / (n + 1)``, where no training example is its own neighbour, and
the score is ``1 - (P_1 + P_2 + P_3) / 3``. At most 10,000 training examples are kept, drawn at
random.

Source: W. M. Schreyer, C. Anderson & R. F. Thompson, Generalization is not a universal guarantee:
estimating similarity to training data with an ensemble out-of-distribution metric, 2025,
arXiv:2502.16329. There an autoencoder is trained with the task for the purpose; here the given
model is the encoder and principal components reconstruct.

Helps in that no one part must be right, and in regression. Hurts when told to rank strangers:
beyond the strangest training example all are alike. The model has seen the training examples, so
the task part finds others too strange; a calibrated threshold undoes the shift, not the lost power.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.neighbours import nearest
from gengap.detectors.tools.outputs import bounded, by_examples, class_codes, known_features
from gengap.detectors.tools.references import reference_rows
from gengap.models.outputs import Outputs, features_of, labels_of, logits_of

VARIANCE = 0.95


@register_detector(
    "sage",
    summary="ensemble of neighbour distance, reconstruction and task loss, as probabilities",
    paper=Paper(
        "Generalization is not a universal guarantee: estimating similarity to training data with "
        "an ensemble out-of-distribution metric",
        "Schreyer, Anderson, Thompson",
        2025,
        "https://arxiv.org/abs/2502.16329",
    ),
    tasks=("classification", "regression"),
    needs=("logits", "features", "labels"),
    cost="distances to up to 10,000 training examples",
)
@dataclass(frozen=True)
class Sage(Detector):
    """Mean of three empirical probabilities."""

    neighbours: int = hyperparameter(10, 3, 50, log=True, help="nearest training examples")
    seed: int = hyperparameter(0, 0, 0, help="of the draw of references")

    def fit(self, train: Outputs) -> Fitted:
        """Keep references, their principal subspace and how strange they are themselves."""
        features, logits = known_features(train, 2), logits_of(train)
        labels = labels_of(train) if logits.shape[1] == 1 else class_codes(train)
        kept = reference_rows(len(features), self.seed)
        references = features[kept].clone()
        centre, components = principal_subspace(references)
        fitted = {
            "references": references,
            "labels": labels[kept].clone(),
            "centre": centre,
            "components": components,
        }
        parts = self._parts(fitted, references, logits[kept], themselves=True)
        return {**fitted, "known": parts.sort(0).values.T.contiguous()}

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """One minus the mean of the three probabilities."""
        known = fitted["known"]

        def strangeness(chunk: Outputs) -> Tensor:
            parts = self._parts(fitted, bounded(features_of(chunk)), logits_of(chunk))
            below = torch.searchsorted(known, parts.T.contiguous())
            typical = (1 + known.shape[1] - below) / (known.shape[1] + 1)
            return 1 - typical.mean(0)

        return by_examples(strangeness, outputs)

    def _parts(
        self, fitted: Fitted, features: Tensor, logits: Tensor, *, themselves: bool = False
    ) -> Tensor:
        """Distance, reconstruction and task ``(n, 3)``: in float64, then rounded to compare."""
        k = int(self.neighbours)
        distances, rows = nearest(fitted["references"], features, k, themselves=themselves)
        deviation = features.double() - fitted["centre"]
        inside = deviation @ fitted["components"] @ fitted["components"].T
        task = expected_loss(bounded(logits).double(), fitted["labels"][rows])
        return torch.stack([distances.mean(1), (deviation - inside).norm(dim=1), task], 1).float()


def principal_subspace(features: Tensor) -> tuple[Tensor, Tensor]:
    """Centre ``(d,)`` and fewest components ``(d, c)`` with 95% of the variance, in float64."""
    centre = features.double().mean(0)
    deviation = features.double() - centre
    variance, directions = torch.linalg.eigh(deviation.T @ deviation)
    share = variance.flip(0).clamp(min=0).cumsum(0)
    kept = int((share < VARIANCE * share[-1]).sum()) + 1
    return centre, directions.flip(1)[:, :kept].contiguous()


def expected_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean loss ``(n,)`` of logits ``(n, C)`` or values ``(n, 1)`` under labels ``(n, k)``."""
    if logits.shape[1] == 1:
        return (labels.double() - logits).abs().mean(1)
    return 1 - logits.softmax(1).gather(1, labels).mean(1)
