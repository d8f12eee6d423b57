"""Examples from elsewhere, and examples from where a model was found to fail.

- A. De Silva et al., The value of out-of-distribution data (arXiv 2208.10967): a few examples from
  elsewhere lower the error at home, many raise it. Home is each of six angles of digits in turn,
  elsewhere another.
- Q. Liu et al., PoseExaminer (arXiv 2303.07337): searching finds where a model fails, and training
  on what was found repairs it there and helps where it did well. The search is over the six angles,
  by other training and test digits than those that grade the repair.

The learner is Fisher's linear discriminant, shrunk by half: without shrinkage its error has a peak
of its own where there are as many examples as pixels.
"""

from __future__ import annotations

import numpy as np

from gengap.base.paper import Paper
from gengap.claims.claim import Claim
from gengap.environments.suites import load_suite
from gengap.study.size_scores import SizedScores, sized_scores
from gengap.study.study import Study

VALUE = Paper(
    "The value of out-of-distribution data",
    "De Silva, Ramesh, Priebe, Chaudhari, Vogelstein",
    2023,
    "https://arxiv.org/abs/2208.10967",
)
EXAMINER = Paper(
    "PoseExaminer: automated testing of out-of-distribution robustness in human pose and shape "
    "estimation",
    "Liu, Kortylewski, Yuille",
    2023,
    "https://arxiv.org/abs/2303.07337",
)
DISCRIMINANT = "sklearn:LinearDiscriminantAnalysis:solver=lsqr;shrinkage=0.5"
MIXED = "environments=1;examples=1,10,all;own=20,60"
OWN = "own=0,20"


def few_help(draw: int, store: str) -> float:
    """Accuracy at home with 20 examples of its own: 10 from elsewhere minus one."""
    found = _sized(draw, store, MIXED, [draw])
    return _gain(found, "1;examples=10;own=20", "1;examples=1;own=20")


def many_harm(draw: int, store: str) -> float:
    """Accuracy at home with 60 examples of its own: 10 from elsewhere minus all there are."""
    found = _sized(draw, store, MIXED, [draw])
    return _gain(found, "1;examples=10;own=60", "1;examples=all;own=60")


def search_repairs(draw: int, store: str) -> float:
    """Accuracy gained by 20 examples of the worst angle, minus what they gain at the others."""
    found = _sized(draw, store, OWN, [2 * draw, 2 * draw + 1])
    worst = _worst(found)
    gained = (found.unseen[1] - found.unseen[0])[:, 1]
    return float(gained[worst] - np.delete(gained, worst).mean())


def repair_helps_elsewhere(draw: int, store: str) -> float:
    """Accuracy gained at the other angles by 20 examples of the worst."""
    found = _sized(draw, store, OWN, [2 * draw, 2 * draw + 1])
    return float((found.inside[1] - found.inside[0])[_worst(found), 1])


def _worst(found: SizedScores) -> int:
    """The angle that does worst where it is unseen, by the first seed."""
    return int(np.argmin(found.unseen[0][:, 0]))


def _gain(found: SizedScores, more: str, fewer: str) -> float:
    position = {point.name: k for k, point in enumerate(found.points)}
    return float((found.unseen[position[more]] - found.unseen[position[fewer]]).mean())


def _sized(draw: int, store: str, sizes: str, seeds: list[int]) -> SizedScores:
    study = Study(
        load_suite("digits-rotated", seed=draw), [DISCRIMINANT], sizes=sizes, seeds=seeds,
        jobs=1, threads=1, store=store, keep_models="none",
    )  # fmt: skip
    result = study.run()
    (scores,) = result.scores.values()
    found = sized_scores(scores, result.rule)
    assert found is not None
    return found


_SETTING = "digits at six angles; linear discriminant"
CLAIMS = (
    Claim(
        "few-from-elsewhere-help",
        VALUE,
        84,
        "A few examples from elsewhere lower the error at home",
        "accuracy at home with 20 of its own examples, 10 from elsewhere minus one",
        _SETTING,
        few_help,
    ),
    Claim(
        "many-from-elsewhere-harm",
        VALUE,
        84,
        "Many examples from elsewhere raise the error at home",
        "accuracy at home with 60 of its own examples, 10 from elsewhere minus all there are",
        _SETTING,
        many_harm,
    ),
    Claim(
        "search-repairs",
        EXAMINER,
        665,
        "Searching finds where a model fails, and training there repairs it",
        "accuracy that 20 examples bring at the worst angle minus what they bring at the others",
        _SETTING,
        search_repairs,
    ),
    Claim(
        "repair-helps-elsewhere",
        EXAMINER,
        665,
        "Training where a model fails helps where it did well",
        "accuracy that 20 examples of the worst angle bring at the others",
        _SETTING,
        repair_helps_elsewhere,
    ),
)
