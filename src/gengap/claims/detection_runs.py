"""Small image classifiers for the claims about detectors: data, trained models, detectors' scores.

Each seed holds out three of the ten classes, deals the images of the others anew and starts another
network, so seeds are the unit of every interval. Every network is a run of a study, found again in
a store that has it. Known images are the study's examples, in two random halves as it asks for
environments; its parts say which of them train. The kinds of images that detectors are asked about:

    known         inliers: the test part, new images of the classes trained on
    spare         the validation part, to set thresholds and to hide among strangers
    rotated, noise, contrast
                  the spare images changed: a covariate shift, the classes are known
    new classes   images of the classes held out: a semantic shift
    other data    images from elsewhere: digits for a model of clothes and the other way round

Digits ship with scikit-learn; clothes are Fashion-MNIST as Debian installs it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Literal

import numpy as np
from scipy import ndimage

from gengap.base.errors import SuspiciousInput, UsageError, listing
from gengap.base.seeds import generator
from gengap.detectors.registry import detector_info, detectors
from gengap.environments.core import Environments
from gengap.environments.idx import read_idx
from gengap.environments.parts import FOLDS, TEST, VALIDATION, parts
from gengap.environments.suites.fashion import DEBIAN_PATH
from gengap.environments.suites.images import corrupt, rotate
from gengap.models.outputs import Outputs
from gengap.models.reading import outputs_of
from gengap.records.store import Store
from gengap.study.trained import Trained, everything, one_model, train_models

KNOWN, SPARE, NEW, OTHER = "known", "spare", "new classes", "other data"
SHIFTS = ("rotated", "noise", "contrast")
DEGREES = 15
HELD_OUT = 3
CLOTHES = 12_000
BATCH = 64


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
        seed: of its parts and its training.
        environments: ``(n, 1, h, w)`` images of known classes in two random halves; their targets
            are classes from 0, perhaps some of them wrong.
        truth: ``(n,)`` the right ones.
        strangers: images ``(m, 1, h, w)`` by kind.
    """

    seed: int
    environments: Environments
    truth: np.ndarray
    strangers: dict[str, np.ndarray]

    @cached_property
    def part(self) -> np.ndarray:
        """``(n,)`` which part of the study an image is in."""
        e = self.environments
        return parts(e.environment, e.y, len(e.classes), self.seed)

    @cached_property
    def asked(self) -> dict[str, np.ndarray]:
        """Images ``(m, 1, h, w)`` by kind."""
        known, spare = (self.environments.X[self.part == part] for part in (TEST, VALIDATION))
        rng = generator(self.seed, "shifts of claims about detectors")
        shifted = {
            "rotated": rotate(spare[:, 0], DEGREES),
            "noise": corrupt(spare[:, 0], "noise", rng),
            "contrast": corrupt(spare[:, 0], "contrast", rng),
        }
        changed = {kind: images[:, None] for kind, images in shifted.items()}
        return {KNOWN: known, SPARE: spare, **changed, **self.strangers}

    @property
    def answers(self) -> dict[str, np.ndarray]:
        """Right classes ``(m,)`` by kind, of the kinds that have one."""
        known, spare = (self.truth[self.part == part] for part in (TEST, VALIDATION))
        return {KNOWN: known, **dict.fromkeys((SPARE, *SHIFTS), spare)}


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


@cache
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
    """Hold classes out and deal the images.

    Args:
        images: of ten classes.
        seed: decides which classes and images go where.
        train: training examples, where there are so many; a third as many are inliers or spare.
        each: at most so many images of new classes and of other data.
    """
    rng = generator(seed, "claims about detectors")
    classes = np.unique(images.labels)
    out = np.sort(rng.choice(classes, HELD_OUT, replace=False))
    order = rng.permutation(len(images.labels))
    new = np.isin(images.labels[order], out)
    rows = order[~new][: round(train * FOLDS / (FOLDS - 2))]
    elsewhere = rng.permutation(len(images.elsewhere))[:each]
    codes = np.searchsorted(np.setdiff1d(classes, out), images.labels[rows])
    strangers = {NEW: images.pixels[order[new][:each]], OTHER: images.elsewhere[elsewhere]}
    known = Environments.from_arrays(
        images.pixels[rows][:, None].astype(np.float32),
        codes,
        np.arange(len(rows)) % 2,
        task="classification",
        name=f"images without classes {listing(out)}",
    )
    whole = {kind: some[:, None].astype(np.float32) for kind, some in strangers.items()}
    return Problem(seed, known, codes, whole)


def with_wrong_labels(problem: Problem, share: float) -> Problem:
    """Give a share of the images a label of another class, at random; the truth stays.

    The parts are dealt anew, as they spread labels evenly.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"The share of wrong labels must lie between 0 and 1, not {share}.")
    rng = generator(problem.seed, "wrong labels")
    labels, classes = problem.truth.copy(), len(problem.environments.classes)
    wrong = rng.permutation(len(labels))[: round(share * len(labels))]
    labels[wrong] = (labels[wrong] + rng.integers(1, classes, len(wrong))) % classes
    return replace(problem, environments=replace(problem.environments, y=labels))


def trained_networks(
    problem: Problem, model: Any, steps: Sequence[int], store: Store
) -> dict[int, Trained]:
    """A network after so many steps of plain training on batches of 64, by step.

    Args:
        problem: whose training part is trained on.
        model: of a study: ``"mlp"``, ``"cnn"`` or a function that makes a module.
        steps: ascending, the last ends the training.
        store: has the run afterwards, with its models; what it has already is not trained again.
    """
    with warnings.catch_warnings():  # halves of one pool may well share an image
        warnings.simplefilter("ignore", SuspiciousInput)
        study = one_model(
            problem.environments, model, seeds=[problem.seed], steps=steps[-1], batch=BATCH,
            checkpoints=",".join(map(str, steps)), selection="validation", jobs=1, threads=1,
            device="cpu",
        )  # fmt: skip
    plan = replace(study.plan, cells=(everything(study.plan),))
    return dict(zip(steps, train_models(study, store, plan=plan, steps=steps), strict=True))


def read(trained: Trained, images: np.ndarray, labels: np.ndarray | None = None) -> Outputs:
    """What a network makes of images ``(n, 1, h, w)``.

    They are standardised as in training, but not cut at 20 standard deviations: some claims are
    about inputs far beyond.
    """
    inputs = trained.prepared.inputs
    standardised = ((images - inputs.shift) * inputs.scale).astype(np.float32)
    return outputs_of(trained.module, standardised, labels=labels)


def score_all(
    trained: Trained,
    problem: Problem,
    names: Sequence[str] | None = None,
    asked: Mapping[str, np.ndarray] | None = None,
) -> Scored:
    """Fit detectors to a trained network and ask them about every kind of image.

    Args:
        trained: on the problem.
        problem: what it was trained on.
        names: of detectors; all that apply to the network when not given.
        asked: images by kind, if others than the problem's.
    """
    e, rows = problem.environments, trained.train_rows
    fitting = read(trained, np.asarray(e.X)[rows], e.y[rows])
    kinds = {kind: read(trained, images) for kind, images in (asked or problem.asked).items()}
    infos = detectors() if names is None else {name: detector_info(name) for name in names}
    strangeness: dict[str, list[np.ndarray]] = {kind: [] for kind in kinds}
    used = []
    for name, info in infos.items():
        if info.why_not("classification", fitting):
            continue
        detector = info.detector()
        fitted = detector.fit(fitting)
        used.append(name)
        for kind, outputs in kinds.items():
            strangeness[kind].append(detector.score(fitted, outputs).numpy().astype(np.float64))
    right = {
        kind: _answers(kinds[kind]) == truth
        for kind, truth in problem.answers.items()
        if kind in kinds
    }
    return Scored(tuple(used), {kind: np.stack(rows) for kind, rows in strangeness.items()}, right)


def _answers(outputs: Outputs) -> np.ndarray:
    assert outputs.logits is not None
    return np.asarray(outputs.logits.argmax(1).numpy())
