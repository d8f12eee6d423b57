"""Scores along environments that are numbers, held against the same study's table."""

from __future__ import annotations

import numpy as np
import pytest

import gengap as gg
from gengap.environments.suites import load_suite


def study(**more):
    problem = load_suite("parity:longest=6,each=30")
    given = {"model": "rnn(width=8)", "seeds": 2, "steps": 30, "splits": "extrapolate:length>3"}
    return gg.Study(problem, ["erm"], **{**given, **more})


def test_curves_pass_through_the_scores_of_the_table():
    result = study().run()
    found = result.summary["ordered"]
    assert (found["by"], found["trained_from"], found["trained_to"]) == ("length", 1, 3)
    unseen, reference = found["rows"]
    assert unseen["at"] == reference["at"] == [1, 2, 3, 4, 5, 6]
    table = {row["environment"]: row for row in result.summary["environments"]}
    assert sorted(table) == ["4", "5", "6"]
    for place, length in enumerate(("4", "5", "6"), 3):
        assert unseen["mean"][place] == pytest.approx(table[length]["unseen"])
        assert reference["mean"][place] == pytest.approx(table[length]["reference"])
    # Inside, the mean over lengths is the score in distribution.
    inside = np.mean(unseen["mean"][:3])
    assert inside == pytest.approx(result.summary["methods"][0]["score_in_distribution"])


def test_other_splits_have_no_order():
    result = study(splits="folds:3", seeds=1).run()
    assert "ordered" not in result.summary
