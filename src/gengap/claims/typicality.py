"""Different measures of how well represented an example is: do they agree?

N. Carlini, U. Erlingsson & N. Papernot, Distribution density, tails, and outliers in machine
learning (arXiv 1910.13427) compare five, which are here, for examples ``x`` with label ``y``:

- *confidence*: the mean probability of ``y`` over networks that did not train on ``x``;
- *agreement*: minus the spread of the probabilities of other such networks;
- *robustness*: the distance to the nearest other answer, linearised, of another such network;
- *retraining*: minus how far a network's answer moves when ``x`` is trained on as well,
  Kullback-Leibler divergence;
- *little information*: the probability of ``y`` from a model that can take little from any single
  example, logistic regression with a strong penalty, in the place of private training.

No network gives two of them. Their rank correlations are averaged over the ten pairs.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import torch
from scipy import stats

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import digits, halves, logits, train
from gengap.study.trained import Trained

PAPER = Paper(
    "Distribution density, tails, and outliers in machine learning: metrics and applications",
    "Carlini, Erlingsson, Papernot",
    2019,
    "https://arxiv.org/abs/1910.13427",
)
EACH = 3  # networks for confidence, and for agreement
HIGH = 0.5
WEAK = "sklearn:LogisticRegression:C=0.001"


def measures_agree(draw: int, store: str) -> float:
    """Mean rank correlation between pairs of the five measures, minus 0.5."""
    table = typicality(draw, store)
    pairs = combinations(table, 2)
    return float(np.mean([stats.spearmanr(a, b).statistic for a, b in pairs]) - HIGH)


def typicality(draw: int, store: str) -> np.ndarray:
    """``(5, n)`` the measures, larger is better represented."""
    images, y, _ = digits(draw)
    half = len(y) // 2
    without = halves(images[:half], y[:half], "half of the digits")
    seeds = range(100 * draw, 100 * draw + 2 * EACH + 2)
    models = [train(without, "mlp", seed, store)[0] for seed in seeds]
    (after,) = train(halves(images, y, "all digits"), "mlp", seeds[-1], store)
    (weak,) = train(without, WEAK, draw, store)
    rows = after.train_rows[after.train_rows >= half]
    X, own = images[rows], y[rows]
    told = np.array([probabilities(model, X) for model in models])
    mine = np.arange(len(own)), own
    later, before = probabilities(after, X), told[-1]
    return np.stack(
        [
            told[:EACH].mean(0)[mine],
            -told[EACH : 2 * EACH].std(0).sum(1),
            robustness(models[-2], X, own),
            -(before * (np.log(before + 1e-9) - np.log(later + 1e-9))).sum(1),
            probabilities(weak, X)[mine],
        ]
    )


def probabilities(model: Trained, X: np.ndarray) -> np.ndarray:
    """``(n, C)`` of a model."""
    found = torch.softmax(torch.from_numpy(logits(model, X)), 1)
    return np.asarray(found.numpy())


def robustness(model: Trained, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance ``(n,)`` to the nearest other answer were the network linear, negative if wrong."""
    flat = X.reshape(len(X), -1).astype(np.float32)
    inputs = torch.from_numpy(model.prepared.inputs.apply(flat))
    with torch.no_grad():
        said = model.module(inputs).double()

    def one(x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = model.module(x[None])[0]
        return found

    slopes = torch.func.vmap(torch.func.jacrev(one))(inputs).detach().double()
    label = torch.from_numpy(np.asarray(y, np.int64))
    k = torch.arange(len(label))
    margin = said[k, label][:, None] - said
    steepness = (slopes[k, label][:, None] - slopes).norm(dim=2)
    distance = margin / steepness.clamp(min=1e-12)
    distance[k, label] = torch.inf
    return np.asarray(distance.min(1).values.numpy())


CLAIMS = (
    Claim(
        "typicality-agrees",
        PAPER,
        588,
        "Independent measures of how well represented an example is are highly correlated",
        "mean rank correlation of the ten pairs of five measures, minus 0.5",
        "digits; perceptrons and logistic regression",
        measures_agree,
    ),
)
