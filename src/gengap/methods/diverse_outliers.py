"""Diverse outlier sampling: the hardest outlier of every kind, at every step.

Outliers that a network already rejects teach it nothing, and the hardest of all outliers tend to
be of one kind. Diverse sampling takes a pool of outliers at each step, normalises their features
to length 1, splits them into as many clusters as outliers are wanted (k-means), and trains on the
one from each cluster that looks least like an outlier. The network has one output more than
there are classes, the absent class ``C``:

    min_θ  E -log p_y(x)  +  λ E -log p_C(x').

Least like an outlier is the one with the smallest log-odds of the absent class,

    s(x) = log p_C / (1 - p_C) = z_C - log Σ_{c < C} exp z_c,

which are also the strangeness.

Helps when outliers are many and of many kinds, most of them easy. Hurts by its cost, a pass over
the pool and a clustering per step, when the outliers are few or all alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.methods.base import Method
from gengap.methods.batch import Batch, Context
from gengap.methods.registry import ONE_TARGET, OUTLIERS, register
from gengap.models.networks import Network, Parameters
from gengap.models.outputs import Outputs, features_of, logits_of

ROUNDS = 10  # of k-means; later ones move few points
POOL = 4  # outliers looked at for each one that is used


@register(
    "diverse-outliers",
    summary="trains a class of its own on the hardest outlier of every kind",
    paper=Paper(
        "DOS: diverse outlier sampling for out-of-distribution detection",
        "Jiang, Cheng, Chen, Wang, Wei",
        2024,
        "https://arxiv.org/abs/2306.02031",
    ),
    tasks=("classification",),
    needs=("hidden features", ONE_TARGET, OUTLIERS),
    passes=2.0,
)
@dataclass(frozen=True)
class DiverseOutliers(Method):
    """An absent class learned from diverse outliers; :func:`absent_score` reads it."""

    weight: float = hyperparameter(1.0, 0.1, 10.0, log=True, help="weight of the outliers' loss")

    def extra_parameters(self, context: Context, generator: torch.Generator) -> Parameters:
        """The absent class's direction ``(d + 1, 1)``, its bias last."""
        bound = 1 / math.sqrt(max(context.features, 1))
        return {
            "absent": (2 * torch.rand((context.features + 1, 1), generator=generator) - 1) * bound
        }

    def loss(self, network: Network, batch: Batch, state: dict[str, Tensor]) -> Tensor:
        """Cross-entropy with one class more, on inliers and on the outliers picked."""
        assert batch.unlabelled is not None
        known, count = batch.x.flatten(1, 2), batch.y.shape[1] * batch.y.shape[2]
        features, logits = network(torch.cat([known, batch.unlabelled], 1))
        logits = torch.cat([logits, absent_logits(network.parameters, features)], -1)
        own, pool = logits.split([count, batch.unlabelled.shape[1]], 1)
        strange = -torch.log_softmax(pool, -1)[..., -1]
        chosen = torch.zeros_like(strange)
        for run, source in enumerate(batch.generators):
            seen = Outputs(logits=pool[run].detach(), features=features[run, count:].detach())
            chosen[run, diverse(seen, max(1, pool.shape[1] // POOL), source)] = 1
        outliers = (chosen * strange).sum(1) / chosen.sum(1)
        losses = -torch.log_softmax(own, -1).gather(-1, batch.y.flatten(1)[..., None]).squeeze(-1)
        return batch.average(losses.view(batch.y.shape)).mean(1) + self.weight * outliers


def absent_logits(parameters: Parameters, features: Tensor) -> Tensor:
    """The absent class's logit of features ``(R, n, d)``, ``(R, n, 1)``."""
    return torch.baddbmm(parameters["absent"][:, -1:], features, parameters["absent"][:, :-1])


def absent_score(outputs: Outputs) -> Tensor:
    """Log-odds ``(n,)`` of the absent class, the last of the logits; larger is stranger.

    >>> absent_score(Outputs(logits=torch.tensor([[0.0, 0.0, 1.0]])))    # 1 - log 2
    tensor([0.3069])
    """
    logits = logits_of(outputs)
    return logits[:, -1] - torch.logsumexp(logits[:, :-1], 1)


def diverse(outputs: Outputs, clusters: int, source: np.random.Generator) -> Tensor:
    """Rows of the least strange outlier of each cluster of features, in ascending order."""
    features = F.normalize(features_of(outputs), dim=1)
    start = torch.from_numpy(source.permutation(len(features))[:clusters])
    cluster = k_means(features, features[start])
    # Ascending by score and then, stably, by cluster: the first of each cluster is its hardest.
    order = torch.argsort(absent_score(outputs), stable=True)
    order = order[torch.argsort(cluster[order], stable=True)]
    first = torch.ones(len(order), dtype=torch.bool)
    first[1:] = cluster[order][1:] != cluster[order][:-1]
    return order[first].sort().values


def k_means(rows: Tensor, centres: Tensor, rounds: int = ROUNDS) -> Tensor:
    """Lloyd's algorithm: the cluster ``(n,)`` of each row ``(n, d)`` from centres ``(k, d)``.

    A cluster that no row is nearest to keeps its centre.
    """
    cluster = _nearest(rows, centres)
    for _ in range(rounds):
        counts = torch.bincount(cluster, minlength=len(centres)).to(rows)[:, None]
        means = torch.zeros_like(centres).index_add_(0, cluster, rows) / counts.clamp_min(1)
        centres = torch.where(counts > 0, means, centres)
        before, cluster = cluster, _nearest(rows, centres)
        if torch.equal(before, cluster):
            break
    return cluster


def _nearest(rows: Tensor, centres: Tensor) -> Tensor:
    """The row's own square is the same for all centres and left out."""
    return torch.addmm(centres.square().sum(1), rows, centres.T, alpha=-2).argmin(1)
