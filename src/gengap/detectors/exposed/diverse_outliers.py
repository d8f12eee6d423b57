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
the pool and a clustering per step, when the outliers are few or all alike. On digits it gained
nothing over the hardest outliers alone (docs/results.md).

Jiang, Cheng, Chen, Wang, Wei: DOS: diverse outlier sampling for out-of-distribution detection.
ICLR 2024, arXiv:2306.02031.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gengap.base.errors import UsageError
from gengap.detectors.exposed.descent import Draw, Schedule, checked, trained
from gengap.models.network_outputs import network_reader
from gengap.models.outputs import Outputs, features_of, logits_of
from gengap.models.reading import outputs_of

ROUNDS = 10  # of k-means; later ones move few points


def diverse_outliers(
    model: nn.Module,
    inliers: Tensor,
    labels: Tensor,
    outliers: Tensor,
    *,
    pool: int = 512,
    weight: float = 1.0,
    schedule: Schedule = Schedule(),  # noqa: B008 - frozen
    seed: int = 0,
) -> nn.Module:
    """Train a copy of a network to tell diverse and hard outliers as a class of their own.

    Args:
        model: network that returns logits ``(n, C + 1)``, trained or not; the last is for the
            absent class.
        inliers: ``(n, ...)`` inputs.
        labels: ``(n,)`` class numbers from 0 to ``C - 1``.
        outliers: ``(m, ...)`` inputs of none of the classes.
        pool: outliers looked at per step, of which ``schedule.batch`` at most are used.
        weight: weight ``λ`` of the outliers' loss.

    Raises:
        UsageError: the pool is smaller than a batch, the network has no output to spare or no
            linear layer, or as :func:`gengap.detectors.exposed.descent.checked`.
    """
    if pool < schedule.batch:
        raise UsageError(f"The pool of {pool} outliers must hold a batch of {schedule.batch}.")
    examples = checked(model, inliers, labels, outliers, spare=1)
    absent = logits_of(outputs_of(model, examples.inliers[:2])).shape[1] - 1
    reader = network_reader(model, examples.inliers)

    def loss(network: nn.Module, draw: Draw) -> Tensor:
        seen = replace(reader, model=network).read(draw.others, hidden=False)
        picked = draw.others[diverse(seen, schedule.batch, draw.source)]
        logits = network(torch.cat([draw.inliers, picked]))
        known, strange = logits[: len(draw.inliers)], logits[len(draw.inliers) :]
        target = draw.labels.new_full((len(picked),), absent)
        return F.cross_entropy(known, draw.labels) + weight * F.cross_entropy(strange, target)

    purpose = "diverse outliers"
    return trained(
        model, examples, loss, schedule, seed=seed, purpose=purpose, others_per_step=pool
    )


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
