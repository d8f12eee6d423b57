"""Groups that a model serves less well, and what its score, its choice or its last layer do to it.

- R. Dutt et al., FairTune (arXiv 2310.05055): fair where it was trained, not where it was not; and
  a training chosen for fairness in validation is fairer.
- M. Richards et al., Does progress on object recognition benchmarks improve real-world
  generalization? (arXiv 2307.13136): better models on the benchmark leave the disparity as it is or
  widen it; a last layer fitted to representative examples removes over two thirds of it.

The groups are digits as they are, nine in ten that are trained on, and digits turned by 40 degrees.
A group's accuracy is that on digits kept apart, the same ones for both groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import accuracy, digits, halves, train
from gengap.environments.core import Environments
from gengap.environments.suites.images import rotate
from gengap.study.trained import Trained

FAIRTUNE = Paper(
    "FairTune: optimizing parameter efficient fine tuning for fairness in medical image analysis",
    "Dutt, Bohdal, Tsaftaris, Hospedales",
    2024,
    "https://arxiv.org/abs/2310.05055",
)
PROGRESS = Paper(
    "Does progress on object recognition benchmarks improve real-world generalization?",
    "Richards, Kirichenko, Bouchacourt, Ibrahim",
    2023,
    "https://arxiv.org/abs/2307.13136",
)
DEGREES, MINORITY, APART = 40, 0.1, 300
TRIALS = 8
LADDER = tuple(
    f"sklearn:{name}"
    for name in ("GaussianNB", "DecisionTreeClassifier", "LogisticRegression",
                 "RandomForestClassifier", "SVC")
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Groups:
    """Digits of two groups to train on, and digits of both kept apart to choose by and to test on.

    Attributes:
        data: to train on, nine in ten of the first group.
        turned: ``(n,)`` which rows of it are of the second.
        choose, test: images ``(300, 8, 8)`` of the first group with their labels.
    """

    data: Environments
    turned: np.ndarray
    choose: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]


def groups(draw: int) -> Groups:
    """Deal the digits for a draw."""
    images, y, _ = digits(draw)
    own, labels = images[2 * APART :].copy(), y[2 * APART :]
    turned = np.arange(len(labels)) % round(1 / MINORITY) == 0
    own[turned] = rotate(own[turned], DEGREES)
    first, second = slice(0, APART), slice(APART, 2 * APART)
    data = halves(own, labels, "digits of two groups")
    return Groups(data, turned, (images[first], y[first]), (images[second], y[second]))


def scores(model: Trained, asked: tuple[np.ndarray, np.ndarray]) -> tuple[float, float]:
    """Accuracy for the first group and for the second on the same digits."""
    images, y = asked
    return accuracy(model, images, y), accuracy(model, rotate(images, DEGREES), y)


def disparity(model: Trained, asked: tuple[np.ndarray, np.ndarray]) -> float:
    """Accuracy for the first group minus that for the second."""
    first, second = scores(model, asked)
    return first - second


def fairness_gap(draw: int, store: str) -> float:
    """Disparity on digits kept apart minus disparity on those trained on."""
    given = groups(draw)
    (model,) = train(given.data, "mlp", draw, store, (600,))
    X, y = np.asarray(given.data.X), given.data.y
    rows, turned = model.train_rows, given.turned[model.train_rows]
    fitted = [accuracy(model, X[own], y[own]) for own in (rows[~turned], rows[turned])]
    return disparity(model, given.test) - (fitted[0] - fitted[1])


def fair_choice(draw: int, store: str) -> float:
    """Disparity of the training most accurate in validation minus that of the fairest there."""
    given = groups(draw)
    models = train(given.data, "mlp", draw, store, (300,), trials=TRIALS)
    seen = [scores(model, given.choose) for model in models]
    # Nine in ten rows are of the first group, in use as well.
    accurate = int(np.argmax([(1 - MINORITY) * a + MINORITY * b for a, b in seen]))
    fairest = int(np.argmin([abs(a - b) for a, b in seen]))
    unfair = [abs(disparity(models[k], given.test)) for k in (accurate, fairest)]
    return unfair[0] - unfair[1]


def progress_widens(draw: int, store: str) -> float:
    """Disparity of the model best on the first group minus that of the worst."""
    given = groups(draw)
    models = [train(given.data, name, draw, store)[0] for name in LADDER]
    standard = [scores(model, given.choose)[0] for model in models]
    best, worst = int(np.argmax(standard)), int(np.argmin(standard))
    return disparity(models[best], given.test) - disparity(models[worst], given.test)


def last_layer(draw: int, store: str) -> float:
    """A third of the disparity minus what a last layer fitted to both groups alike leaves of it."""
    given = groups(draw)
    (model,) = train(given.data, "mlp", draw, store)
    images, y = given.choose
    both = np.concatenate([images, rotate(images, DEGREES)])
    curated = halves(features(model, both), np.tile(y, 2), "features of digits, groups alike")
    (layer,) = train(curated, "sklearn:LogisticRegression", draw, store)
    asked, truth = given.test
    told = [
        accuracy(layer, features(model, group), truth) for group in (asked, rotate(asked, DEGREES))
    ]
    return disparity(model, given.test) / 3 - (told[0] - told[1])


def features(model: Trained, images: np.ndarray) -> np.ndarray:
    """``(n, d)`` a network's features of images."""
    found: Any = model.outputs(images.reshape(len(images), -1)).features
    return np.asarray(found.numpy(), np.float32)


_DATA = "digits, one in ten turned by 40 degrees; {}"
CLAIMS = (
    Claim(
        "fairness-gap",
        FAIRTUNE,
        106,
        "A model is fairer on what it was trained on than on what it was not",
        "disparity in accuracy on new digits minus disparity on those trained on",
        _DATA.format("perceptron"),
        fairness_gap,
        20,
    ),
    Claim(
        "fair-choice",
        FAIRTUNE,
        106,
        "Choosing a training by its fairness in validation makes it fairer",
        "disparity when chosen by accuracy minus disparity when chosen by disparity, in validation",
        _DATA.format("eight settings of a perceptron"),
        fair_choice,
        20,
    ),
    Claim(
        "progress-widens-disparity",
        PROGRESS,
        231,
        "Models that are better on the benchmark are less even between regions",
        "disparity of the best of five models by the majority's accuracy minus that of the worst",
        _DATA.format("naive Bayes, tree, logistic regression, forest, support vectors"),
        progress_widens,
        20,
    ),
    Claim(
        "last-layer-evens",
        PROGRESS,
        231,
        "A last layer fitted to representative examples removes over two thirds of the disparity",
        "a third of the disparity minus what is left of it",
        _DATA.format("perceptron, its last layer on 300 digits of both groups"),
        last_layer,
        20,
    ),
)
