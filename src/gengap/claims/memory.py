"""Networks fit what there is nothing to learn in.

C. Zhang et al., Understanding deep learning requires rethinking generalization (arXiv 1611.03530):
labels at random and inputs at random are fitted as perfectly as true ones. Here after 1,000 steps
of 64 examples, 59 passes over what is trained on; ``gengap memorise`` asks it of other data and
models, with the number of steps that it takes.
"""

from __future__ import annotations

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.material import accuracy, digits, halves, train

PAPER = Paper(
    "Understanding deep learning requires rethinking generalization",
    "Zhang, Bengio, Hardt, Recht, Vinyals",
    2017,
    "https://arxiv.org/abs/1611.03530",
)
FITTED, STEPS = 0.95, 1000


def random_labels(draw: int, store: str) -> float:
    """Accuracy on digits trained on with labels at random, minus 0.95."""
    images, y, rng = digits(draw)
    return _fitted(images, rng.permutation(y), "digits, labels shuffled", draw, store) - FITTED


def random_inputs(draw: int, store: str) -> float:
    """Accuracy on inputs at random that were trained on, minus 0.95."""
    images, y, rng = digits(draw)
    noise = rng.standard_normal(images.shape)
    return _fitted(noise, y, "random inputs", draw, store) - FITTED


def _fitted(X: np.ndarray, y: np.ndarray, name: str, draw: int, store: str) -> float:
    data = halves(X, y, name)
    (model,) = train(data, "mlp", draw, store, (STEPS,))
    rows = model.train_rows
    return accuracy(model, np.asarray(data.X)[rows], data.y[rows])


CLAIMS = (
    Claim(
        "random-labels-fitted",
        PAPER,
        420,
        "Networks fit random labels perfectly",
        "accuracy on what was trained on, minus 0.95",
        "digits, labels shuffled; perceptron, 1,000 steps of 64",
        random_labels,
    ),
    Claim(
        "random-inputs-fitted",
        PAPER,
        420,
        "Networks fit noise perfectly",
        "accuracy on what was trained on, minus 0.95",
        "random inputs with the labels of digits; perceptron, 1,000 steps of 64",
        random_inputs,
    ),
)
