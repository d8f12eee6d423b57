"""Three blobs with outliers between them, and networks trained beside the outliers."""

from __future__ import annotations

from typing import Any

import numpy as np
from trained_toys import Trained

from gengap.detectors.base import Detector
from gengap.methods.base import Method
from gengap.statistics.separation.metrics import auroc

__all__ = ["auroc", "exposed", "separated", "toy"]


def toy(rows: int = 90, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inliers ``(rows, 6)`` around three corners, their labels, and strangers around 0."""
    draw = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    inliers = 3 * np.eye(3, 6)[labels] + draw.normal(size=(rows, 6)) / 2
    strangers = draw.normal(size=(rows, 6)) / 2
    return inliers.astype(np.float32), labels, strangers.astype(np.float32)


def exposed(method: Method, outliers: np.ndarray | None = None, **settings: Any) -> Trained:
    """A network trained on the blobs beside the strangers, or others."""
    inliers, labels, strangers = toy()
    beside = strangers if outliers is None else outliers
    return Trained(method, inliers, labels, unlabelled=beside, **settings)


def separated(trained: Trained, detector: Detector) -> float:
    """AUROC of a detector that needs no fitting, for new strangers against new inliers."""
    inliers, _, strangers = toy(seed=1)
    scores = [detector.score({}, trained.outputs(rows)) for rows in (inliers, strangers)]
    return auroc(*scores)
