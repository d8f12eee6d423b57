"""OpenMax: a class more, which takes what is extreme for the classes that the model believes in.

The distances of a class's right answers z from their mean m_c have a tail, and by the theory of
extreme values it is Weibull's. With shape and scale fitted to the largest distances,

    F_c(z) = 1 - exp( -(||z - m_c|| / scale_c)^shape_c )

says how extreme an example would be in class c. Of the largest logits, ranked r = 0, 1, ..., a - 1,
each gives the share (1 - r/a) F_c away to an unknown class, which gets their sum,

    z'_c = z_c (1 - (1 - r_c/a) F_c),      z_0 = sum_c (z_c - z'_c),

and the score is the log-odds of the unknown class, z_0 - log sum_c exp(z'_c). Logits are taken from
the smallest one, so that all are positive, which changes no probability: a negative one would give
away less than nothing. Beyond the training examples all F are 1, and the logits alone decide.

Source: A. Bendale & T. E. Boult, Towards open set deep networks, CVPR 2016, arXiv:1511.06233.

Helps with strangers whose pattern of logits is of no class. Hurts with few examples a class, whose
tails are a guess, and with two classes, whose logits have no pattern but their difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import register_detector
from gengap.detectors.tools.blocks import by_rows
from gengap.detectors.tools.outputs import bounded, class_codes
from gengap.detectors.tools.softmax import class_logits
from gengap.models.outputs import Outputs

RANKED = 10
STEEPEST = 100.0  # shape of a tail whose distances hardly differ


@register_detector(
    "openmax",
    summary="log-odds of an unknown class that takes what is extreme for the likely ones",
    paper=Paper(
        "Towards open set deep networks",
        "Bendale, Boult",
        2016,
        "https://arxiv.org/abs/1511.06233",
    ),
    needs=("logits", "labels"),
    cost="distances of the logits to the classes' means",
)
@dataclass(frozen=True)
class OpenMax(Detector):
    """Log-odds of the unknown class."""

    tail: int = hyperparameter(20, 5, 100, log=True, help="largest distances that a tail is of")

    @torch.no_grad()
    def fit(self, train: Outputs) -> Fitted:
        """Means and tails of the classes' right answers; a class without one is never extreme."""
        logits, codes = bounded(class_logits(train)), class_codes(train)
        classes = logits.shape[1]
        means, shape = torch.zeros(classes, classes), torch.ones(classes)
        scale = torch.full((classes,), torch.inf)
        for c in codes.unique().tolist():
            right = logits[(codes == c) & (logits.argmax(1) == c)]
            if len(right):
                means[c] = right.mean(0)
                distances = (right - means[c]).norm(dim=1)
                shape[c], scale[c] = weibull(distances.topk(min(self.tail, len(right))).values)
        return {"means": means, "shape": shape, "scale": scale}

    @torch.no_grad()
    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Log-odds, ``(n,)``."""
        return by_rows(lambda rows: log_odds(bounded(rows), fitted), class_logits(outputs))


def weibull(distances: Tensor) -> tuple[float, float]:
    """Likeliest shape and scale of positive distances ``(k,)``, by bisection on the shape.

    With the distances relative to the largest, the likelihood's slope in the shape is
    ``sum(x^k log x) / sum(x^k) - 1/k - mean(log x)``, which rises with k.
    """
    most = float(distances.max())
    if most <= 0:
        return STEEPEST, 1e-30
    x = (distances.double() / most).clamp_min(1e-12)
    low, high = 1e-3, STEEPEST
    for _ in range(60):
        shape = (low + high) / 2
        power = x**shape
        rising = (power * x.log()).sum() / power.sum() - 1 / shape - x.log().mean()
        low, high = (low, shape) if rising > 0 else (shape, high)
    return shape, most * float((x**shape).mean() ** (1 / shape))


def log_odds(rows: Tensor, fitted: Fitted) -> Tensor:
    """Log-odds ``(n,)`` of the unknown class among logits ``(n, C)``."""
    # Products would lose the digits of small distances between large logits.
    exact = "donot_use_mm_for_euclid_dist"
    apart = torch.cdist(rows, fitted["means"], compute_mode=exact)
    extreme = 1 - torch.exp(-((apart / fitted["scale"]).clamp(max=10) ** fitted["shape"]))
    ranked = min(RANKED, rows.shape[1])
    rank = rows.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    given = (1 - rank / ranked).clamp_min(0) * extreme
    positive = rows - rows.amin(1, keepdim=True)
    return (positive * given).sum(1) - (positive * (1 - given)).logsumexp(1)
