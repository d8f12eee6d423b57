"""Wrong labels found by the area under the margin.

G. Pleiss et al., Identifying mislabeled data using the area under the margin ranking (arXiv
2001.10528). The margin of a training example is the logit of its label minus the largest other; its
mean over training, the area under it, is low where other examples pull against the label. Some rows
are given a class of their own, to which no example belongs: the 99th percentile of *their* areas is
the bound below which a label is taken to be wrong.

A fifth of the labels are wrong, any other class as likely. Rows with the extra class are a share
1 / (C + 1) of all, a tenth for each of two runs, so that each row has an area with its own label.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import accuracy, digits, halves, logits, train
from gengap.statistics.separation.metrics import auroc
from gengap.study.trained import Trained

PAPER = Paper(
    "Identifying mislabeled data using the area under the margin ranking",
    "Pleiss, Zhang, Elenberg, Weinberger",
    2020,
    "https://arxiv.org/abs/2001.10528",
)
CLASSES, WRONG, APART = 10, 0.2, 400
STEPS = tuple(range(40, 401, 40))
PERCENTILE = 99


@dataclass(frozen=True, eq=False)
class Searched:
    """Digits with wrong labels, and what the area under the margin makes of them.

    Attributes:
        X: ``(n, 64)`` all digits that may be trained on.
        y: ``(n,)`` their labels; ``wrong (n,)`` says which are.
        rows: ``(m,)`` those that some run trained on with their own label.
        area: ``(m,)`` under the margin; ``loss (m,)`` minus the margin at the end.
        flagged: ``(m,)`` whether the area lies below the bound.
        apart: digits that no run trained on, with their right labels.
    """

    X: np.ndarray
    y: np.ndarray
    wrong: np.ndarray
    rows: np.ndarray
    area: np.ndarray
    loss: np.ndarray
    flagged: np.ndarray
    apart: tuple[np.ndarray, np.ndarray]


def searched(draw: int, store: str) -> Searched:
    """Look for wrong labels by two runs, each with other rows in the extra class."""
    images, truth, rng = digits(draw)
    X, y = images[APART:].reshape(-1, 64), truth[APART:].copy()
    wrong = np.zeros(len(y), bool)
    wrong[rng.permutation(len(y))[: round(WRONG * len(y))]] = True
    y[wrong] = (y[wrong] + rng.integers(1, CLASSES, wrong.sum())) % CLASSES
    order, each = rng.permutation(len(y)), len(y) // (CLASSES + 1)
    area, last, below = (np.full((2, len(y)), np.nan) for _ in range(3))
    for run in range(2):
        extra = np.zeros(len(y), bool)
        extra[order[run * each : (run + 1) * each]] = True
        labels = np.where(extra, CLASSES, y)
        data = halves(X, labels, f"digits with wrong labels, run {run + 1}")
        models = train(data, "mlp", draw, store, STEPS)
        rows = models[0].train_rows
        curve = np.array([margins(model, X[rows], labels[rows]) for model in models])
        mean = curve.mean(0)
        bound = np.percentile(mean[extra[rows]], PERCENTILE)
        kept = ~extra[rows]
        own = rows[kept]
        area[run, own], last[run, own] = mean[kept], curve[-1, kept]
        below[run, own] = mean[kept] < bound
    rows = np.flatnonzero(~np.isnan(area).all(0))
    # A row that both runs have trained on is judged by the first.
    first = np.where(np.isnan(area[0, rows]), 1, 0)
    return Searched(
        X, y, wrong, rows, area[first, rows], -last[first, rows],
        below[first, rows] == 1, (images[:APART], truth[:APART]),
    )  # fmt: skip


def margins(model: Trained, X: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The logit of each label minus the largest other, ``(n,)``."""
    told = logits(model, X)
    k = np.arange(len(labels))
    own = told[k, labels].copy()
    told[k, labels] = -np.inf
    return np.asarray(own - told.max(1))


def found_wrong(draw: int, store: str) -> float:
    """Share of wrong labels flagged minus the share of right ones, minus one half."""
    found = searched(draw, store)
    wrong = found.wrong[found.rows]
    return float(found.flagged[wrong].mean() - found.flagged[~wrong].mean() - 0.5)


def area_over_loss(draw: int, store: str) -> float:
    """AUROC of the area for wrong labels minus that of the margin at the end."""
    found = searched(draw, store)
    wrong = found.wrong[found.rows]
    by_area, by_loss = (auroc(s[~wrong], s[wrong]) for s in (-found.area, found.loss))
    return float(by_area - by_loss)


def removal_helps(draw: int, store: str) -> float:
    """Accuracy without the rows flagged minus accuracy with them."""
    found = searched(draw, store)
    scores = []
    for rows in (found.rows[~found.flagged], found.rows):
        data = halves(found.X[rows], found.y[rows], "digits with wrong labels")
        (model,) = train(data, "mlp", draw, store, (STEPS[-1],))
        scores.append(accuracy(model, *found.apart))
    return scores[0] - scores[1]


_SETTING = "digits, a fifth of the labels wrong; perceptron"
CLAIMS = (
    Claim(
        "margins-find-wrong-labels",
        PAPER,
        632,
        "The area under the margin, below a bound by an extra class, tells wrong labels from right",
        "share of wrong labels flagged minus the share of right ones, minus one half",
        _SETTING,
        found_wrong,
    ),
    Claim(
        "margins-over-last-loss",
        PAPER,
        632,
        "It does so better than what a model says at the end",
        "AUROC of the area for wrong labels minus that of the last margin",
        _SETTING,
        area_over_loss,
    ),
    Claim(
        "removal-helps",
        PAPER,
        632,
        "Training without what it flags lowers the error",
        "accuracy without the rows flagged minus accuracy with them",
        _SETTING,
        removal_helps,
    ),
)
