"""Claims about how much data from where, on digits turned by six angles; docs/statistics.md.

They assert what came out there with room to spare.
"""

from __future__ import annotations

import numpy as np
import pytest

import gengap as gg
from gengap.statistics.intervals import student_mean
from gengap.statistics.size_effects import contrast_interval
from gengap.study.size_scores import SizedScores, sized_scores
from gengap.study.study import Study

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
DISCRIMINANT = "sklearn:LinearDiscriminantAnalysis:solver=lsqr;shrinkage=0.5"


def measured(sizes: str) -> SizedScores:
    study = Study(gg.load_suite("digits-rotated"), [DISCRIMINANT], sizes=sizes, seeds=5, jobs=1)
    result = study.run()
    (scores,) = result.scores.values()
    found = sized_scores(scores, result.rule)
    assert found is not None
    return found


def test_the_value_of_examples_from_elsewhere_rises_and_falls() -> None:
    """arXiv:2208.10967: a few help, many harm (Fisher's linear discriminant, shrunk by half)."""
    found = measured("environments=1;examples=1,10,all;own=20,60")
    by_name = {point.name: k for k, point in enumerate(found.points)}

    def gain(more: str, fewer: str) -> tuple[float, float]:
        pair = [by_name[more], by_name[fewer]]
        interval = contrast_interval(found.unseen[pair], [1, -1], [1, 1])
        return interval.low, interval.high

    assert gain("1;examples=10;own=20", "1;examples=1;own=20")[0] > 0
    assert gain("1;examples=all;own=60", "1;examples=10;own=60")[1] < 0


def test_examples_of_the_angle_that_fails_most_repair_it() -> None:
    """PoseExaminer: what is found to fail is repaired by training on it; scores inside do not
    improve with it here."""
    found = measured("own=0,20")
    seen = found.unseen[1] - found.unseen[0]
    worst = int(np.argmin(found.unseen[0].mean(axis=1)))
    assert student_mean(seen[worst]).low > 0
    assert student_mean(seen[worst] - np.delete(seen, worst, 0).mean(axis=0)).low > 0
    inside = (found.inside[1] - found.inside[0])[worst]
    assert inside.mean() < 0.005
