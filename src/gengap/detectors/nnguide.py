"""Nearest neighbour guidance: confidence that the neighbourhood in the training set confirms.

Energy, s(x) = logsumexp(logits), is confident far from all data; distance alone cannot tell the
classes' borders. The product of both is confident only where confident training examples are near:

    - s(x) · 1/k sum_{i in N_k(x)} s_i cos(x, x_i),

over the k training examples with the largest s_i cos(x, x_i).

Helps with far strangers that energy trusts. Hurts where energy itself ranks wrongly, and says
nothing for models whose logits are log-probabilities, all of energy 0. A negative energy, which no
confident classifier gives, counts as 0. Fitted, it keeps all training features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.errors import UsageError
from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.neighbours import directions, largest_products
from gengap.detectors.tools.training import training_features
from gengap.models.outputs import Outputs, features_of, logits_of

CONFIDENT = 1e-4
LARGEST = 1e30


def energy(logits: Tensor) -> Tensor:
    """Logarithm ``(n,)`` of the sum of the exponentials of the logits, 0 where that is negative."""
    return logits.logsumexp(1).clamp_(0, LARGEST)


@register_detector(
    "nnguide",
    summary="minus the energy times that of similar training examples",
    paper=Paper(
        "Nearest neighbor guidance for out-of-distribution detection",
        "Park, Jung, Teoh",
        2023,
        "https://arxiv.org/abs/2309.14888",
    ),
    needs=("features", "logits"),
    cost="one product with all training features",
)
@dataclass(frozen=True)
class NNGuide(Detector):
    """Energy guided by the nearest neighbours' energies."""

    k: int = hyperparameter(
        10, 1, 200, log=True, help="how many neighbours; cut to the number of training examples"
    )

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Keep the training examples' directions, as long as their energies.

        Raises:
            UsageError: most training examples have no positive energy.
        """
        energies = energy(logits_of(train))
        features = training_features(train)
        if energies.median() < CONFIDENT:
            raise UsageError(
                "nnguide needs logits with positive energy on training examples and these have "
                "none, as log-probabilities do; use knn instead."
            )
        return {"bank": directions(features) * energies[:, None]}

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Minus the product of the energy and its guidance."""
        bank, queries = fitted["bank"], directions(features_of(outputs))
        found = largest_products(queries, bank, min(self.k, len(bank)))
        guidance = torch.cat([queries.new_empty(0), *(values.mean(1) for values, _ in found)])
        product = energy(logits_of(outputs)) * guidance
        return -product.clamp_(-LARGEST, LARGEST)
