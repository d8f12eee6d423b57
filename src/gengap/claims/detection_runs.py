"""Small image classifiers for the claims about detectors: data, training, every detector's scores.

Each seed holds out three of the ten classes, deals the images of the others into training examples,
inliers and a spare part, and starts another network, so seeds are the unit of every interval. The
kinds of images that detectors are asked about:

    known         inliers: new images of the classes trained on
    spare         more of them, to set thresholds and to hide among strangers
    rotated, noise, contrast
                  the spare images changed: a covariate shift, the classes are known
    new classes   images of the classes held out: a semantic shift
    other data    images from elsewhere: digits for a model of clothes and the other way round

Digits ship with scikit-learn; clothes are Fashion-MNIST as Debian installs it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import nn

from gengap.base.errors import UsageError
from gengap.base.seeds import derive, generator
from gengap.detectors.registry import detector_info, detectors
from gengap.environments.readers import read_idx
from gengap.environments.suites.fashion import DEBIAN_PATH
from gengap.environments.suites.images import corrupt, rotate
from gengap.models.outputs import Outputs
from gengap.models.reading import outputs_of
from gengap.questions.detection.cases import missing, wrong_task

KNOWN, SPARE, NEW, OTHER = "known", "spare", "new classes", "other data"
SHIFTS = ("rotated", "noise", "contrast")
DEGREES = 15
HELD_OUT = 3
CLOTHES = 12_000
BATCH = 64
Build = Callable[[Sequence[int], int], nn.Module]


@dataclass(frozen=True, eq=False)
class Images:
    """``pixels (n, h, w)`` float32 in 0..1, ``labels (n,)``, ``elsewhere (m, h, w)``."""

    pixels: np.ndarray
    labels: np.ndarray
    elsewhere: np.ndarray


@dataclass(frozen=True, eq=False)
class Problem:
    """What one seed trains on and asks about.

    Attributes:
        train: ``(n, 1, h, w)`` images.
        labels: ``(n,)`` classes from 0, perhaps some of them wrong.
        asked: images ``(m, 1, h, w)`` by kind.
        truth: ``(m,)`` classes by kind, of the kinds that have one.
    """

    train: np.ndarray
    labels: np.ndarray
    asked: dict[str, np.ndarray]
    truth: dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Scored:
    """What all detectors that apply make of one model's images.

    Attributes:
        detectors: their names, ``D``.
        strangeness: ``(D, m)`` by kind of image, larger is stranger.
        right: ``(m,)`` whether the model's answer is right, by kind.
    """

    detectors: tuple[str, ...]
    strangeness: dict[str, np.ndarray]
    right: dict[str, np.ndarray]


def load_images(name: Literal["digits", "clothes"], path: str = DEBIAN_PATH) -> Images:
    """All 1,797 digits at 8 x 8 pixels, or the first 12,000 clothes at 28 x 28.

    Args:
        name: what to classify; the other is elsewhere, brought to the same size.
        path: folder of Fashion-MNIST's training files, compressed (``.gz``).

    Raises:
        UsageError: Fashion-MNIST is not in the folder.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = (digits.images / 16).astype(np.float32)
    large = read_idx(f"{path}/train-images-idx3-ubyte.gz")[:CLOTHES].astype(np.float32) / 255
    if name == "digits":
        padded = np.pad(large, ((0, 0), (2, 2), (2, 2)))
        return Images(small, digits.target, padded.reshape(-1, 8, 4, 8, 4).mean((2, 4)))
    labels = read_idx(f"{path}/train-labels-idx1-ubyte.gz")[:CLOTHES].astype(np.int64)
    return Images(large, labels, ndimage.zoom(small, (1, 3.5, 3.5), order=1))


def make_problem(images: Images, seed: int, train: int = 2000, each: int = 1000) -> Problem:
    """Hold classes out and deal the images; half trains where there are too few.

    Args:
        images: of ten classes.
        seed: decides which classes and images go where.
        train: training examples.
        each: at most so many images of each kind.
    """
    rng = generator(seed, "claims about detectors")
    classes = np.unique(images.labels)
    out = rng.choice(classes, HELD_OUT, replace=False)
    order = rng.permutation(len(images.labels))
    new = np.isin(images.labels[order], out)
    rows, strange = order[~new], order[new][:each]
    train = min(train, len(rows) // 2)
    each = min(each, (len(rows) - train) // 2)
    fitting, known, spare = np.split(rows[: train + 2 * each], [train, train + each])
    codes = np.searchsorted(np.setdiff1d(classes, out), images.labels)
    changed = {
        "rotated": rotate(images.pixels[spare], DEGREES),
        "noise": corrupt(images.pixels[spare], "noise", rng),
        "contrast": corrupt(images.pixels[spare], "contrast", rng),
    }
    elsewhere = images.elsewhere[rng.permutation(len(images.elsewhere))[:each]]
    asked = {
        KNOWN: images.pixels[known], SPARE: images.pixels[spare], **changed,
        NEW: images.pixels[strange], OTHER: elsewhere,
    }  # fmt: skip
    truth = {KNOWN: codes[known], **dict.fromkeys((SPARE, *SHIFTS), codes[spare])}
    whole = {kind: some[:, None].astype(np.float32) for kind, some in asked.items()}
    return Problem(images.pixels[fitting][:, None], codes[fitting], whole, truth)


def with_wrong_labels(problem: Problem, share: float, seed: int) -> Problem:
    """Give a share of the training examples a label of another class, at random."""
    if not 0 <= share <= 1:
        raise UsageError(f"The share of wrong labels must lie between 0 and 1, not {share}.")
    rng = generator(seed, "wrong labels")
    n, classes = len(problem.labels), int(problem.labels.max()) + 1
    wrong = rng.permutation(n)[: round(share * n)]
    labels = problem.labels.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, classes, len(wrong))) % classes
    return replace(problem, labels=labels)


def perceptron(shape: Sequence[int], classes: int) -> nn.Module:
    """Two hidden layers of 128 rectified linear units."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(int(np.prod(shape)), 128), nn.ReLU(),
        nn.Linear(128, 128), nn.ReLU(),
        nn.Linear(128, classes),
    )  # fmt: skip


def train_network(
    problem: Problem, build: Build, steps: Sequence[int], seed: int
) -> list[nn.Module]:
    """Copies of a network after so many steps of Adam on batches of 64; ``steps`` ascend."""
    x, y = torch.from_numpy(problem.train), torch.from_numpy(problem.labels)
    rng = generator(seed, "training of claims about detectors")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "networks of claims about detectors"))
        network = build(x.shape[1:], int(y.max()) + 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    kept = []
    for step in range(1, steps[-1] + 1):
        rows = torch.from_numpy(rng.integers(len(x), size=BATCH))
        optimizer.zero_grad()
        F.cross_entropy(network(x[rows]), y[rows]).backward()
        optimizer.step()
        if step in steps:
            kept.append(copy.deepcopy(network).eval())
    return kept


def score_all(
    network: nn.Module,
    problem: Problem,
    names: Sequence[str] | None = None,
    asked: Mapping[str, np.ndarray] | None = None,
) -> Scored:
    """Fit detectors to a trained network and ask them about every kind of image.

    Args:
        network: trained on the problem.
        problem: what it was trained on.
        names: of detectors; all that apply to the network when not given.
        asked: images by kind, if others than the problem's.
    """
    fitting = outputs_of(network, problem.train, labels=problem.labels)
    kinds = {kind: outputs_of(network, rows) for kind, rows in (asked or problem.asked).items()}
    infos = detectors() if names is None else {name: detector_info(name) for name in names}
    strangeness: dict[str, list[np.ndarray]] = {kind: [] for kind in kinds}
    used = []
    for name, info in infos.items():
        if wrong_task(info, "classification") or missing(info, fitting):
            continue
        detector = info.detector()
        fitted = detector.fit(fitting)
        used.append(name)
        for kind, outputs in kinds.items():
            strangeness[kind].append(detector.score(fitted, outputs).numpy().astype(np.float64))
    right = {
        kind: _answers(kinds[kind]) == truth
        for kind, truth in problem.truth.items()
        if kind in kinds
    }
    return Scored(tuple(used), {kind: np.stack(rows) for kind, rows in strangeness.items()}, right)


def _answers(outputs: Outputs) -> np.ndarray:
    assert outputs.logits is not None
    return np.asarray(outputs.logits.argmax(1).numpy())
