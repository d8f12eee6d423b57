"""Chooses a detector on validation strangers, never on what the guard will be tested on.

Normal examples are what is left when strangers are taken out of the training examples:

- **given**: the user's own examples of what the model should not answer;
- **environments** held out of the detector's fit, each in turn (up to five groups);
- **classes** held out likewise, where no environments are given and there are at least three.

Each candidate is fitted on a part of the normal examples and graded by its AUROC between the others
and the strangers. Held-out environments and classes are a proxy, and a partial one: the *detector*
has not seen them but the *model* was trained on them and knows how to answer them. A detector that
only reads logits finds little strange in an example that the model answers well, so the proxy
favours detectors that compare with stored examples. What the AUROCs will be on strangers to the
model they do not say. Give ``strangers`` where you have any.

Few environments and few examples make AUROCs that differ by chance, and the best of eleven is the
luckiest. So one detector is *relied on*, the first of :data:`ROBUST` that applies, and another is
taken only where the interval of its lead over that one excludes zero: Student's t over three or
more trials, DeLong's variance else, at a level shared among all that are compared. Of those shown
to be better, within 0.02 of the best, the one is taken that refuses most impossible inputs
(:mod:`gengap.guard.impossible`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.detectors.base import Detector, Fitted
from gengap.guard.wording import chosen_sentence
from gengap.models.outputs import Outputs
from gengap.statistics.intervals import Interval, student
from gengap.statistics.separation.delong import auroc_covariance
from gengap.statistics.separation.metrics import auroc

CANDIDATES = (
    "msp", "energy", "entropy", "knn", "knn-standardised", "mahalanobis", "relative-mahalanobis",
    "residual", "vim", "density", "isolation-forest",
)  # fmt: skip
# Without a model, or of one of several targets; and of one of several labels.
WITHOUT_CLASSES = (
    "knn", "knn-standardised", "residual", "isolation-forest", "ecod", "hbos",
    "local-outlier-factor",
)  # fmt: skip
OF_LABELS = ("joint-energy", *WITHOUT_CLASSES)
ROBUST = (
    "knn-standardised", "mahalanobis", "density", "knn", "isolation-forest", "energy", "msp",
)  # fmt: skip
FOLDS = 5
LEVEL = 0.95
FEWEST = 3  # trials between which the spread is taken
NEAR = 0.02  # AUROC that may be given up for refusing more of what is impossible
MOST = 10_000  # examples that candidates are compared on
NORMAL = 0.3  # share of the normal examples that candidates are not fitted on
NORMALISED = 1e-3  # total log-probability that counts as none
SMALLEST = 10  # normal examples to fit on, and to validate on


@dataclass(frozen=True)
class Candidate:
    """A detector's validation.

    Attributes:
        name: of the detector.
        auroc: mean over trials; NaN where it could not be had, with the reason in ``note``.
        note: why not.
        low: lower limit of its lead over the detector relied on.
        high: upper limit.
        refused: share of impossible inputs it refuses at the guard's rate; NaN where unknown.
    """

    name: str
    auroc: float
    note: str = ""
    low: float = float("nan")
    high: float = float("nan")
    refused: float = float("nan")


@dataclass(frozen=True)
class Choice:
    """Which detector was chosen and why.

    Attributes:
        name: of the detector.
        sentence: why, in words.
        table: the candidates, best first; empty when nothing was compared.
        looks: how many candidates were looked at on the validation strangers.
    """

    name: str
    sentence: str
    table: tuple[Candidate, ...] = ()
    looks: int = 0

    def __str__(self) -> str:
        return self.sentence


@dataclass(frozen=True)
class Trial:
    """One validation: what candidates are fitted on, and what they must tell apart."""

    fit: Outputs
    normal: Outputs
    strangers: Outputs


def says_nothing(name: str, outputs: Outputs) -> str:
    """Why a detector has nothing to go by, or an empty string.

    The energy of logarithms of probabilities is rounding noise.
    """
    logits = outputs.logits if name == "energy" else None
    if logits is not None and bool((logits.logsumexp(1).abs() < NORMALISED).all()):
        return "energy needs logits, and the model gives probabilities only"
    return ""


def trials(
    outputs: Outputs, environment: np.ndarray | None, strangers: Outputs | None, seed: int
) -> tuple[str, list[Trial]]:
    """Say what the validation strangers are, and set them apart; no trials when there are none.

    Args:
        outputs: of ``n`` normal training examples.
        environment: ``(n,)`` numbers of environments, if known.
        strangers: outputs of the user's own strangers, if any.
        seed: of the split.
    """
    draw = generator(seed, "guard", "selection")
    order = draw.permutation(len(outputs))
    if strangers is not None:
        return "the given strangers", _trial(outputs, order, strangers)
    order = order[:MOST]
    if environment is not None and len(np.unique(environment)) > 1:
        kind, groups = "environments held out of its fit", environment
    elif outputs.labels is not None and not outputs.labels.is_floating_point():
        kind, groups = "classes held out of its fit", outputs.labels.numpy()
        if len(np.unique(groups)) < 3:
            return "", []
    else:
        return "", []
    found: list[Trial] = []
    for held_out in np.array_split(draw.permutation(np.unique(groups)), FOLDS):
        out = np.isin(groups[order], held_out)
        if out.any():
            found += _trial(outputs, order[~out], outputs.rows(torch.from_numpy(order[out])))
    return kind, found


def choose(
    candidates: Mapping[str, Detector],
    kind: str,
    tried: list[Trial],
    unfit: Mapping[str, str],
    bar: Outputs | None = None,
    false_alarms: float = 0.05,
) -> Choice:
    """Choose the detector relied on, or one that was shown to be better.

    Args:
        candidates: detectors by name.
        kind: what the strangers are, in words.
        tried: the trials.
        unfit: why further detectors could not be candidates, for the table.
        bar: outputs on impossible inputs.
        false_alarms: the rate at which these are refused.

    Raises:
        UsageError: every candidate failed.
    """
    found = {name: validate(d, tried, bar, false_alarms) for name, d in candidates.items()}
    able = {name: v for name, v in found.items() if isinstance(v, Validation)}
    failed = {name: str(v) for name, v in found.items() if name not in able}
    if not able:
        name, note = next(iter(failed.items()))
        raise UsageError(f"No detector could be fitted; {name}: {note}")
    relied = next((name for name in ROBUST if name in able), next(iter(able)))
    level = 1 - (1 - LEVEL) / max(len(able) - 1, 1)
    table = [_candidate(name, able[name], able[relied], level) for name in able]
    table = sorted(table, key=lambda c: -c.auroc)
    better = [c for c in table if c.name != relied and c.low > 0]
    near = [c for c in better if c.auroc >= better[0].auroc - NEAR]
    best = max(near, key=lambda c: np.nan_to_num(c.refused), default=None)
    name = relied if best is None else best.name
    rest = [Candidate(k, float("nan"), note) for k, note in {**failed, **unfit}.items()]
    sentence = chosen_sentence(name, relied, table, kind)
    return Choice(name, sentence, (*table, *rest), len(able))


class Validation(NamedTuple):
    """AUROCs of a detector ``(K,)`` in each trial, its scores there, and what it refuses."""

    areas: np.ndarray
    scores: list[tuple[np.ndarray, np.ndarray]]
    refused: float


def validate(
    detector: Detector, tried: list[Trial], bar: Outputs | None, false_alarms: float
) -> Validation | str:
    """Fit a candidate for each trial; the reason where it cannot be."""
    pairs, refused = [], []
    for trial in tried:
        try:
            fitted = detector.fit(trial.fit)
            normal, strange = (scores(detector, fitted, o) for o in (trial.normal, trial.strangers))
            beyond = None if bar is None else scores(detector, fitted, bar)
        except UsageError as error:
            return str(error)
        if np.isnan(normal).any() or np.isnan(strange).any():
            return "gave a score that is not a number"
        pairs.append((normal, strange))
        if beyond is not None and len(beyond):
            limit = np.quantile(normal, 1 - false_alarms, method="higher")
            refused.append(float(np.mean(~(beyond <= limit))))  # NaN is refused too
    areas = np.array([float(auroc(*pair)) for pair in pairs])
    return Validation(areas, pairs, float(np.mean(refused)) if refused else float("nan"))


def _candidate(name: str, own: Validation, relied: Validation, level: float) -> Candidate:
    lead = _lead(own, relied, level)
    return Candidate(name, float(own.areas.mean()), "", lead.low, lead.high, own.refused)


def _lead(own: Validation, relied: Validation, level: float) -> Interval:
    """By how much a detector's mean AUROC leads that of the one relied on."""
    differences = own.areas - relied.areas
    k = len(differences)
    if k >= FEWEST:
        variance = float(differences.var(ddof=1)) / k
        return student(float(differences.mean()), variance, k - 1, level)
    variance = 0.0
    for a, b in zip(own.scores, relied.scores, strict=True):
        if len(a[1]) < 2:
            return Interval(float(differences.mean()), math.nan, math.nan, level)
        c = auroc_covariance(*(np.stack(part) for part in zip(a, b, strict=True)))
        variance += max(float(c[0, 0] + c[1, 1] - 2 * c[0, 1]), 0.0) / k**2
    return student(float(differences.mean()), variance, math.inf, level)


def scores(detector: Detector, fitted: Fitted, outputs: Outputs) -> np.ndarray:
    """A detector's scores ``(n,)`` as an array."""
    return detector.score(fitted, outputs).detach().numpy()


def _trial(outputs: Outputs, normal: np.ndarray, strangers: Outputs) -> list[Trial]:
    kept = torch.from_numpy(normal[:MOST])
    size = round(NORMAL * len(kept))
    if min(size, len(kept) - size) < SMALLEST or len(strangers) == 0:
        return []
    return [Trial(outputs.rows(kept[size:]), outputs.rows(kept[:size]), strangers)]
