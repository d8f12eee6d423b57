"""Isolation forest: strangers are soon alone.

Split a small sample of the training examples at random, a random feature at a random value, until
each is alone. An example that lies apart is alone after few splits. With the mean depth ``D(x)``
over trees grown on ``m`` examples each,

    s(x) = 2^(-D(x) / c(m)),      c(m) = 2 H(m - 1) - 2 (m - 1) / m,

where ``c(m)``, with harmonic numbers ``H``, is the mean depth of a random tree of ``m`` examples;
a leaf that still holds ``k`` examples counts its depth plus ``c(k)``. About 0.5 is ordinary, near 1
strange.

The forest is scikit-learn's; fitting turns its trees into tensors, which are all that is kept.

Source: F. T. Liu, K. M. Ting & Z.-H. Zhou, Isolation forest, ICDM 2008.

Helps with tabular features of very different scales, at any number of examples. Hurts where what
is strange is a combination of ordinary values, because each split looks at one feature, and in
many dimensions, most of which are noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gengap.base.hyperparameters import hyperparameter
from gengap.base.paper import Paper
from gengap.base.seeds import derive
from gengap.detectors.base import Detector, Fitted
from gengap.detectors.registry import ANY_TASK, register_detector
from gengap.detectors.tools.outputs import bounded, by_examples, known_features
from gengap.models.outputs import Outputs, features_of


@register_detector(
    "isolation-forest",
    summary="how few random splits leave the example alone",
    paper=Paper(
        "Isolation forest", "Liu, Ting, Zhou", 2008, "https://doi.org/10.1109/ICDM.2008.17"
    ),
    tasks=ANY_TASK,
    needs=("features",),
    cost="one walk down each tree, about 10 steps",
)
@dataclass(frozen=True)
class IsolationForest(Detector):
    """scikit-learn's isolation forest on the features, kept as tensors."""

    trees: int = hyperparameter(100, 50, 500, log=True, help="trees of the forest")
    sample: int = hyperparameter(256, 64, 1024, log=True, help="training examples per tree")
    seed: int = hyperparameter(0, 0, 0, help="of the samples and the splits")

    def fit(self, train: Outputs) -> Fitted:
        """Grow the forest and take its trees apart."""
        from sklearn import ensemble

        features = known_features(train, 2).numpy()
        sample = min(int(self.sample), len(features))
        forest = ensemble.IsolationForest(
            n_estimators=int(self.trees),
            max_samples=sample,
            random_state=derive(self.seed, "isolation forest") % 2**32,
        ).fit(features)
        return tensors_of([tree.tree_ for tree in forest.estimators_], sample)

    def score(self, fitted: Fitted, outputs: Outputs) -> Tensor:
        """Two to the minus of mean depth over typical depth."""

        def strangeness(chunk: Outputs) -> Tensor:
            depth = depths(fitted, bounded(features_of(chunk))).mean(1)
            return torch.exp2(-depth / fitted["typical_depth"]).float()

        return by_examples(strangeness, outputs, most=1024)


def tensors_of(trees: list[Any], sample: int) -> Fitted:
    """Trees as tensors ``(trees * nodes,)``, each padded to the largest; a leaf leads to itself."""
    nodes = max(tree.node_count for tree in trees)
    shape = (len(trees), nodes)
    children = np.tile(np.arange(nodes), (2, len(trees), 1))
    feature, threshold, depth = np.zeros(shape, np.int64), np.zeros(shape), np.zeros(shape)
    for row, tree in enumerate(trees):
        inner = np.flatnonzero(tree.children_left >= 0)
        feature[row, inner] = tree.feature[inner]
        threshold[row, inner] = tree.threshold[inner]
        children[0, row, inner] = tree.children_left[inner]
        children[1, row, inner] = tree.children_right[inner]
        for node in inner:  # parents come before their children
            depth[row, children[:, row, node]] = depth[row, node] + 1
        depth[row, : tree.node_count] += typical_depth(tree.n_node_samples)
    children += nodes * np.arange(len(trees))[:, None]
    flat = {"left": children[0], "right": children[1], "feature": feature}
    flat |= {"threshold": threshold, "depth": depth}
    return {
        **{
            name: torch.from_numpy(np.ascontiguousarray(rows).reshape(-1))
            for name, rows in flat.items()
        },
        "roots": nodes * torch.arange(len(trees)),
        "levels": torch.tensor(max(tree.max_depth for tree in trees)),
        "typical_depth": torch.from_numpy(typical_depth(np.array([sample])))[0],
    }


def typical_depth(examples: np.ndarray) -> np.ndarray:
    """Mean depth of a random tree of so many examples, with ``H(k)`` taken as ``ln k + 0.5772``."""
    m = np.maximum(examples, 3).astype(float)
    depth = 2 * (np.log(m - 1) + np.euler_gamma) - 2 * (m - 1) / m
    return np.where(examples > 2, depth, np.where(examples == 2, 1.0, 0.0))


def depths(fitted: Fitted, features: Tensor) -> Tensor:
    """Depth ``(n, trees)`` at which each tree leaves each row of features."""
    n = len(features)
    node = fitted["roots"].expand(n, -1)
    for _ in range(int(fitted["levels"])):
        value = features.gather(1, fitted["feature"][node])
        goes_left = value <= fitted["threshold"][node]
        node = torch.where(goes_left, fitted["left"][node], fitted["right"][node])
    return fitted["depth"][node]
