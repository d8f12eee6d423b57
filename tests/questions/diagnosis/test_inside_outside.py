"""Scores inside and outside of all runs: points by hand, regrets worked again, and the words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gengap as gg
from gengap.questions.diagnosis.inside_outside import inside_outside_of
from gengap.report.document import document
from gengap.report.explanation.inside_outside import section, sentences
from gengap.report.html import render_document
from study_builders import wards

METHODS = ["sklearn:LogisticRegression", "sklearn:GaussianNB", "sklearn:DummyClassifier"]


@pytest.fixture(scope="module")
def result() -> gg.Result:
    return gg.Study(wards((60, 60, 60, 60)), METHODS, seeds=2, jobs=1).run()


def test_points_are_the_scores_of_all_runs(result: gg.Result):
    points = pd.DataFrame(inside_outside_of(result).points)
    assert len(points) == 3 * 4 * 2
    for row in result.summary["environments"]:
        own = points[(points["method"] == row["method"]) & (points["split"] == row["environment"])]
        assert own["outside"].mean() == pytest.approx(row["unseen"])


def test_regret_is_the_score_chosen_beside_the_best_by_the_unseen_rows(result: gg.Result):
    found = inside_outside_of(result)
    points = pd.DataFrame(found.points)
    cells = points.groupby(["split", "seed"])
    chosen = cells.apply(lambda cell: cell["outside"].iloc[cell["inside"].argmax()])
    by_rule = {rule.rule: rule for rule in found.rules}
    assert set(by_rule) == {"validation", "last-step", "oracle"}
    assert by_rule["validation"].score == pytest.approx(chosen.mean())
    assert by_rule["oracle"].regret.estimate == 0
    regret = by_rule["oracle"].score - by_rule["validation"].score
    assert by_rule["validation"].regret.estimate == pytest.approx(regret)
    first = points[points["method"] == METHODS[0]]
    assert by_rule["last-step"].score == pytest.approx(first["outside"].mean())
    average = found.points["outside"].mean()
    assert found.at_random.estimate == pytest.approx(by_rule["oracle"].score - average)


def test_a_classifier_that_guesses_is_worse_on_both_sides(result: gg.Result):
    found = inside_outside_of(result)
    assert found.agreement.rank.estimate > 0
    assert found.splits == 4
    assert found.negative == int((found.agreement.by_environment < 0).sum())
    said = sentences(found)
    assert "rank correlation" in said[0]
    assert said[1].startswith("Choosing among all runs by the score inside")
    html = render_document(document("t", "a", "f", said, [section(found)], "c"))
    assert html.count('class="mark c') >= len(found.points["method"])


def test_losses_are_turned_so_that_better_is_better():
    environments = wards((50, 50, 50), classes=0)
    methods = ["sklearn:Ridge", "sklearn:DummyRegressor", "sklearn:Lasso"]
    study = gg.Study(environments, methods, seeds=1, jobs=1, metric="squared_error")
    found = inside_outside_of(study.run())
    assert (found.points["inside"] > 0).all()
    dummy = pd.DataFrame(found.points)[found.points["method"] == "sklearn:DummyRegressor"]
    assert dummy["outside"].mean() > found.points["outside"].mean()
    best = next(rule for rule in found.rules if rule.rule == "validation")
    assert best.score < dummy["outside"].mean()
    assert np.isnan(found.agreement.slope.low) == (found.splits < 3)


def test_one_method_and_trial_cannot_tell():
    study = gg.Study(wards((40, 40, 40)), METHODS[:1], seeds=1, jobs=1)
    with pytest.raises(gg.UsageError, match="three or more methods, trials or checkpoints"):
        inside_outside_of(study.run())
