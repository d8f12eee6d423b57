"""Sites with few examples, and what to train on to serve one of them.

What S. Rahman et al. ask of hospitals (Generalization in healthcare AI, arXiv 2402.10965), asked of
digits: each of six sites turns them by an angle of its own. Scores are of digits that no site has,
turned as at the site.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.neural_network import MLPClassifier

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import accuracy, digits, halves, train
from gengap.environments.suites.images import rotate

PAPER = Paper(
    "Generalization in healthcare AI: evaluation of a clinical large language model",
    "Rahman, Jiang, Gabriel, Aphinyanaphongs, Oermann, Chunara",
    2024,
    "https://arxiv.org/abs/2402.10965",
)
ANGLES = (-50, -30, -10, 10, 30, 50)
LARGE, SMALL, SPARE = 400, 50, 300
UPDATES, BATCH, NEIGHBOURS, ALIKE = 200, 32, 5, 2


def small_sites(draw: int, store: str) -> float:
    """Accuracy at sites with many examples minus that at sites with few, one model for all."""
    images, y, rng = digits(draw)
    sizes = rng.permutation([LARGE] * 3 + [SMALL] * 3)
    turned, labels = _sites(images[SPARE:], y[SPARE:], sizes)
    order = rng.permutation(len(labels))
    data = halves(turned[order], labels[order], "digits of six sites")
    (model,) = train(data, "mlp", draw, store)
    scores = np.array([accuracy(model, rotate(images[:SPARE], a), y[:SPARE]) for a in ANGLES])
    return float(scores[sizes == LARGE].mean() - scores[sizes == SMALL].mean())


def local_over(other: str) -> Any:
    """Accuracy at a site with few examples: tuned on these, minus tuned on these and others."""

    def measure(draw: int, store: str) -> float:
        images, y, rng = digits(draw)
        own = int(rng.integers(len(ANGLES)))
        sizes = np.where(np.arange(len(ANGLES)) == own, SMALL, 280)
        turned, labels = _sites(images[SPARE:], y[SPARE:], sizes)
        site = np.repeat((np.arange(len(ANGLES)) - own) % len(ANGLES), sizes)
        columns = np.column_stack([site, turned.reshape(len(labels), -1)])
        order = rng.permutation(len(labels))
        data = halves(columns[order], labels[order], "digits of six sites, one tuned for")
        asked = rotate(images[:SPARE], ANGLES[own]).reshape(SPARE, -1)
        asked = np.column_stack([np.zeros(SPARE), asked])
        local, wider = (
            accuracy(
                train(data, Tuned(how), draw, store, prepared_inputs=False)[0], asked, y[:SPARE]
            )
            for how in ("local", other)
        )
        return local - wider

    return measure


class Tuned(ClassifierMixin, BaseEstimator):
    """A perceptron trained on all other sites and then tuned for one with as many updates.

    Args:
        how: tuned on the site's own rows (``"local"``), on these and the rows of other sites that
            are nearest to any of them (``"instances"``), or on these and all rows of the two sites
            whose mean row is nearest (``"cluster"``).

    The first column says the site, 0 the one to tune for.
    """

    def __init__(self, how: str = "local") -> None:
        self.how = how

    def fit(self, X: Any, y: Any) -> Tuned:
        """Train on rows ``X (n, 1 + d)``."""
        X, y = np.asarray(X, float), np.asarray(y)
        site, rows = np.rint(X[:, 0]), X[:, 1:]
        elsewhere = site != 0
        self.model_ = MLPClassifier((64,), max_iter=30, random_state=0)
        # Every class is known from the beginning, whichever the site has.
        self.model_.partial_fit(rows[:1], y[:1], classes=np.unique(y))
        rng = np.random.default_rng(0)
        self._update(rows[elsewhere], y[elsewhere], rng, 3 * UPDATES)
        chosen = ~elsewhere | self._chosen(rows, site)
        self._update(rows[chosen], y[chosen], rng, UPDATES)
        self.classes_ = self.model_.classes_
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Classes of rows."""
        return np.asarray(self.model_.predict(np.asarray(X, float)[:, 1:]))

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of classes."""
        return np.asarray(self.model_.predict_proba(np.asarray(X, float)[:, 1:]))

    def _update(self, rows: np.ndarray, y: np.ndarray, rng: np.random.Generator, n: int) -> None:
        for _ in range(n):
            batch = rng.integers(0, len(y), BATCH)
            self.model_.partial_fit(rows[batch], y[batch])

    def _chosen(self, rows: np.ndarray, site: np.ndarray) -> np.ndarray:
        """``(n,)`` rows of other sites to tune on."""
        chosen = np.zeros(len(site), bool)
        own, others = rows[site == 0], np.flatnonzero(site)
        if self.how == "instances":
            squared = ((own[:, None] - rows[others]) ** 2).sum(-1)
            chosen[others[np.argsort(squared, axis=1)[:, :NEIGHBOURS]]] = True
        if self.how == "cluster":
            names = np.unique(site[others])
            apart = [((rows[site == k].mean(0) - own.mean(0)) ** 2).sum() for k in names]
            chosen = np.isin(site, names[np.argsort(apart)[:ALIKE]])
        return chosen


def _sites(images: np.ndarray, y: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ends = np.cumsum(sizes)
    turned = [
        rotate(images[end - size : end], angle)
        for angle, size, end in zip(ANGLES, sizes, ends, strict=True)
    ]
    return np.concatenate(turned), y[: ends[-1]]


_SAYS = "Tuning on a site's own examples beats tuning on {} too"
_SETTING = "digits of five sites, 280 at each, and 50 of the site tuned for; perceptron, 64 units"

CLAIMS = (
    Claim(
        "small-sites",
        PAPER,
        54,
        "A model of all sites does worse at sites with few examples",
        "accuracy at sites with 400 digits minus accuracy at sites with 50",
        "digits turned by six angles, one model of all; perceptron",
        small_sites,
        20,
    ),
    Claim(
        "local-tuning-instances",
        PAPER,
        54,
        _SAYS.format("similar examples from elsewhere"),
        "accuracy at the site, tuned on its own minus tuned with nearest neighbours too",
        _SETTING,
        local_over("instances"),
        15,
    ),
    Claim(
        "local-tuning-cluster",
        PAPER,
        54,
        _SAYS.format("all examples of similar sites"),
        "accuracy at the site, tuned on its own minus tuned with the two nearest sites too",
        _SETTING,
        local_over("cluster"),
        15,
    ),
)
