"""Published claims about detectors, on digits of which three classes are held out.

The networks, the kinds of images and the statistics are those of ``detection_runs`` and
``detection``; the page docs/detectors.md tries the same on clothes and on convolutional networks,
with every detector in its tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.claims.detection import hide_inliers, loss_of_choosing_by, stopping_gain
from gengap.claims.detection_runs import (
    KNOWN,
    NEW,
    SHIFTS,
    SPARE,
    Problem,
    Scored,
    load_images,
    make_problem,
    score_all,
    trained_networks,
    with_wrong_labels,
)
from gengap.detectors.registry import detectors
from gengap.records.store import Store
from gengap.statistics.intervals import Interval, student_mean
from gengap.statistics.separation.metrics import auroc, separation
from gengap.statistics.separation.unit_tests import threshold
from gengap.study.trained import Trained

STEPS, LONG = 600, 1600
CHECKPOINTS = (50, 100, 200, 400, 800, 1600, 3200)
# Logits are to it what features are to others, and no measure of the network's uncertainty.
BY_DISTANCE = {"openmax"}
FAR, WRONG, MANY_WRONG, HIDDEN = 1000.0, 0.2, 0.4, 0.5


def energy_over_msp(draw: int, store: str) -> float:
    """FPR95 of msp for new classes minus that of energy."""
    found = _asked(draw, store, ("msp", "energy"))
    fpr = separation(found.strangeness[KNOWN], found.strangeness[NEW]).fpr
    return float(fpr[0] - fpr[1])


def covariate_over_semantic(draw: int, store: str) -> float:
    """Mean gain in AUROC over msp of all other detectors: for shifts minus for new classes."""
    found = _asked(draw, store)
    msp = found.detectors.index("msp")
    gains = [
        np.delete(area, msp).mean() - area[msp]
        for area in (np.mean([_areas(found, s) for s in SHIFTS], axis=0), _areas(found, NEW))
    ]
    return float(gains[0] - gains[1])


def hidden_inliers(draw: int, store: str) -> float:
    """Kendall's tau between rankings of detectors lost where half of the strangers are inliers."""
    found = _asked(draw, store)
    known, new, spare = (found.strangeness[kind] for kind in (KNOWN, NEW, SPARE))
    clean, mixed = hide_inliers(known, new, spare, (0.0, HIDDEN), draw)
    return clean.agreement - mixed.agreement


def far_away(draw: int, store: str) -> float:
    """Share flagged of known images minus the share of the same times 1000.

    Mean of the detectors that read logits alone.
    """
    names = tuple(
        name for name, info in detectors().items()
        if set(info.needs) <= {"logits", "labels"} and "classification" in info.tasks
        and name not in BY_DISTANCE
    )  # fmt: skip
    problem = _problem(draw)
    asked = {SPARE: problem.asked[SPARE]}
    asked |= {str(f): np.float32(f) * problem.asked[KNOWN] for f in (1.0, FAR)}
    found = score_all(_network(draw, store), problem, names, asked)
    limits = np.array([threshold(own) for own in found.strangeness[SPARE]])[:, None]
    near, far = ((found.strangeness[str(f)] > limits).mean() for f in (1.0, FAR))
    return float(near - far)


def by_checkpoint(draw: int, store: str) -> np.ndarray:
    """AUROC of energy for new classes at each checkpoint ``(T,)``, a fifth of labels wrong."""
    problem = _problem(draw, WRONG)
    with Store(store) as records:
        networks = trained_networks(problem, "mlp", CHECKPOINTS, records)
    found = [score_all(network, problem, ("energy",)) for network in networks.values()]
    return np.array([_areas(one, NEW)[0] for one in found])


def label_noise(draw: int, store: str) -> float:
    """Mean AUROC of new classes against right answers lost with two in five labels wrong."""
    means = []
    for wrong in (0.0, MANY_WRONG):
        problem = _problem(draw, wrong)
        found = score_all(_network(draw, store, wrong, LONG), problem)
        right = found.strangeness[KNOWN][:, found.right[KNOWN]]
        means.append(np.mean(auroc(right, found.strangeness[NEW])))
    return float(means[0] - means[1])


def strangers_and_errors(draw: int, store: str) -> np.ndarray:
    """``(2 D,)`` AUROC of each detector for new classes, then for errors on rotated images."""
    found = _asked(draw, store)
    scores, right = found.strangeness["rotated"], found.right["rotated"]
    return np.concatenate([_areas(found, NEW), auroc(scores[:, right], scores[:, ~right])])


def lost_by_choosing(found: np.ndarray) -> Interval:
    """AUROC for errors lost by choosing the detector by new classes, ``(draws, 2 D)`` as above."""
    strangers, errors = np.split(found, 2, axis=1)
    return loss_of_choosing_by(strangers, errors)


def _problem(draw: int, wrong: float = 0.0) -> Problem:
    return with_wrong_labels(make_problem(load_images("digits"), draw), wrong)


def _network(draw: int, store: str, wrong: float = 0.0, steps: int = STEPS) -> Trained:
    with Store(store) as records:
        return trained_networks(_problem(draw, wrong), "mlp", (steps,), records)[steps]


@lru_cache(maxsize=32)
def _asked(draw: int, store: str, names: Sequence[str] | None = None) -> Scored:
    """What detectors, all where none is named, make of a draw's images."""
    return score_all(_network(draw, store), _problem(draw), names)


def _areas(found: Scored, kind: str) -> np.ndarray:
    return np.asarray(auroc(found.strangeness[KNOWN], found.strangeness[kind]))


def _claim(
    name: str,
    number: int,
    paper: Paper,
    says: str,
    positive: str,
    measure: Callable[[int, str], Any],
    draws: int = 10,
    read: Callable[[np.ndarray], Interval] = student_mean,
) -> Claim:
    setting = "digits, three of ten classes held out; perceptron"
    return Claim(name, paper, number, says, positive, setting, measure, draws, read)


CLAIMS = (
    _claim(
        "energy-over-msp",
        581,
        Paper(
            "Energy-based out-of-distribution detection",
            "Liu, Wang, Owens, Li",
            2020,
            "https://arxiv.org/abs/2010.03759",
        ),
        "Energy beats the maximum softmax probability on FPR95, with the same network",
        "FPR95 of msp for new classes minus that of energy",
        energy_over_msp,
    ),
    _claim(
        "covariate-over-semantic",
        706,
        Paper(
            "ImageNet-OOD: deciphering modern out-of-distribution detection algorithms",
            "Yang, Zhang, Russakovsky",
            2024,
            "https://arxiv.org/abs/2310.01755",
        ),
        "Modern detectors respond more to covariate than to semantic shift",
        "mean gain in AUROC over msp, rotated, noisy or faint images minus new classes",
        covariate_over_semantic,
    ),
    _claim(
        "hidden-inliers",
        651,
        Paper(
            "In or out? Fixing ImageNet out-of-distribution detection evaluation",
            "Bitterwolf, Müller, Hein",
            2023,
            "https://arxiv.org/abs/2306.00826",
        ),
        "Inliers hidden among the strangers distort the evaluation of detectors",
        "Kendall's tau between rankings of detectors lost with half of the strangers inliers",
        hidden_inliers,
    ),
    _claim(
        "far-away-unflagged",
        579,
        Paper(
            "Know your limits: uncertainty estimation with ReLU classifiers fails at reliable OOD "
            "detection",
            "Ulmer, Cinà",
            2021,
            "https://arxiv.org/abs/2012.05329",
        ),
        "Far from the data ReLU networks are confident, so uncertainty cannot detect it",
        "share flagged by uncertainty of known images minus the share of the same times 1000",
        far_away,
    ),
    _claim(
        "detection-peaks-early",
        582,
        Paper(
            "Unleashing mask: explore the intrinsic out-of-distribution detection capability",
            "Zhu, Li, Yao, Liu, Xu, Han",
            2023,
            "https://arxiv.org/abs/2306.03715",
        ),
        "Detection peaks before the end of training, as atypical examples are memorised",
        "AUROC of energy at the best of seven checkpoints, chosen on other draws, minus the last; "
        "a fifth of labels wrong",
        by_checkpoint,
        read=stopping_gain,
    ),
    _claim(
        "label-noise-degrades",
        573,
        Paper(
            "A noisy elephant in the room: is your out-of-distribution detector robust to label "
            "noise?",
            "Humblot-Renaux, Escalera, Moeslund",
            2024,
            "https://arxiv.org/abs/2404.01775",
        ),
        "Label noise degrades detectors",
        "mean AUROC of new classes against right answers lost with 40% of labels wrong",
        label_noise,
        draws=8,
    ),
    _claim(
        "strangers-are-not-errors",
        585,
        Paper(
            "Out-of-distribution detection is not all you need",
            "Guérin, Delmas, Ferreira, Guiochet",
            2023,
            "https://arxiv.org/abs/2211.16158",
        ),
        "The detector that is best for strangers is not the best for errors",
        "AUROC for errors lost by choosing the detector by new classes, on other draws",
        strangers_and_errors,
        read=lost_by_choosing,
    ),
)
