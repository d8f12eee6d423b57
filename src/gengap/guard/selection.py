"""Chooses a detector on validation strangers, never on what the guard will be tested on.

Normal examples are what is left when strangers are taken out of the training examples:

- **given**: the user's own examples of what the model should not answer;
- **environments** held out of the detector's fit, each in turn (up to five groups);
- **classes** held out likewise, where no environments are given and there are at least three.

Each candidate is fitted on a part of the normal examples and ranked by its AUROC between the others
and the strangers. Held-out environments and classes are a proxy, and a partial one: the *detector*
has not seen them but the *model* was trained on them and knows how to answer them. A detector that
only reads logits finds little strange in an example that the model answers well, so the proxy
favours detectors that compare with stored examples. Its AUROCs rank candidates; what they will be
on strangers to the model they do not say. Nor do they tell of strangers from afar: ``knn``, say,
compares directions and overlooks a normal input that is ten times as large. Give ``strangers``
where you have any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from gengap.base.errors import UsageError
from gengap.base.seeds import generator
from gengap.detectors.base import Detector, Fitted
from gengap.models.outputs import Outputs
from gengap.statistics.separation.metrics import auroc

CANDIDATES = (
    "msp", "energy", "entropy", "knn", "knn-standardised", "mahalanobis", "relative-mahalanobis",
    "residual", "vim", "density", "isolation-forest",
)  # fmt: skip
FALLBACKS = ("knn-standardised", "knn", "energy", "msp")
FOLDS = 5
NEAR = 0.02  # AUROC that knn-standardised may lack to be taken before knn
MOST = 10_000  # examples that candidates are compared on
NORMAL = 0.3  # share of the normal examples that candidates are not fitted on
SMALLEST = 10  # normal examples to fit on, and to validate on


@dataclass(frozen=True)
class Candidate:
    """A detector's validation: its mean AUROC, or NaN and the reason in ``note``."""

    name: str
    auroc: float
    note: str = ""


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
    candidates: Mapping[str, Detector], kind: str, tried: list[Trial], unfit: Mapping[str, str]
) -> Choice:
    """Choose the candidate of the largest mean AUROC over trials, the first of equals.

    ``knn`` is blind to magnitude, so ``knn-standardised`` is taken before it where it is within
    0.02 of its AUROC.

    Args:
        candidates: detectors by name.
        kind: what the strangers are, in words.
        tried: the trials.
        unfit: why further detectors could not be candidates, for the table.

    Raises:
        UsageError: every candidate failed.
    """
    table = [validate(name, detector, tried) for name, detector in candidates.items()]
    ranked = sorted(table, key=lambda c: -np.inf if np.isnan(c.auroc) else c.auroc, reverse=True)
    ranked += [Candidate(name, float("nan"), note) for name, note in unfit.items()]
    best = _preferred(ranked)
    if np.isnan(best.auroc):
        raise UsageError(f"No detector could be fitted; {best.name}: {best.note}")
    looks = sum(not np.isnan(c.auroc) for c in ranked)
    how, other = ("best", "next") if best is ranked[0] else ("almost as well as knn", "against")
    sentence = (
        f"{best.name} was chosen among {looks}: it told {kind} from the others {how} "
        f"(AUROC {best.auroc:.3f}"
    )
    if looks > 1:
        second = ranked[1] if best is ranked[0] else ranked[0]
        sentence += f", {other} {second.name} {second.auroc:.3f}"
    sentence += ")."
    if best.name == "knn":
        sentence += " It compares directions: inputs that are normal but larger go unnoticed."
    if best.auroc < 0.6:
        sentence += " None told them well; expect little of the guard on strangers like these."
    return Choice(best.name, sentence, tuple(ranked), looks)


def validate(name: str, detector: Detector, tried: list[Trial]) -> Candidate:
    """Fit a candidate for each trial and average its AUROCs."""
    values = []
    for trial in tried:
        try:
            fitted = detector.fit(trial.fit)
            normal, strange = (scores(detector, fitted, o) for o in (trial.normal, trial.strangers))
        except UsageError as error:
            return Candidate(name, float("nan"), str(error))
        if np.isnan(normal).any() or np.isnan(strange).any():
            return Candidate(name, float("nan"), "gave a score that is not a number")
        values.append(float(auroc(normal, strange)))
    return Candidate(name, float(np.mean(values)))


def scores(detector: Detector, fitted: Fitted, outputs: Outputs) -> np.ndarray:
    """A detector's scores ``(n,)`` as an array."""
    return detector.score(fitted, outputs).detach().numpy()


def _preferred(ranked: list[Candidate]) -> Candidate:
    """The best, but not knn where knn-standardised is nearly as good."""
    near = [c for c in ranked if c.name == "knn-standardised"]
    best = ranked[0]
    return near[0] if best.name == "knn" and near and near[0].auroc >= best.auroc - NEAR else best


def _trial(outputs: Outputs, normal: np.ndarray, strangers: Outputs) -> list[Trial]:
    kept = torch.from_numpy(normal[:MOST])
    size = round(NORMAL * len(kept))
    if min(size, len(kept) - size) < SMALLEST or len(strangers) == 0:
        return []
    return [Trial(outputs.rows(kept[size:]), outputs.rows(kept[:size]), strangers)]
