"""The driver on problems whose answer is known."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from detection_problems import shifted, values
from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.parts import TRAIN
from gengap.environments.suites import load_suite
from gengap.questions.detection import Evaluation, evaluate
from gengap.records.store import Store
from gengap.report import render_html
from gengap.report.sentences.detection import chance, gains
from gengap.statistics.intervals import Interval
from gengap.study.trained import one_model, train_models

FEW = ["msp", "knn", "max-logit"]


@cache
def _evaluated() -> Evaluation:
    return evaluate(shifted(5.0, each=90), "mlp(16)", detectors=FEW, seeds=2, steps=60)


def test_the_shifted_environment_is_a_stranger_and_the_others_are_not() -> None:
    knn = _evaluated().detectors["knn"]
    assert knn.auroc[3] > 0.8
    assert np.abs(knn.auroc[:3] - 0.5).max() < 0.2
    assert knn.flagged[3] > 0.3
    assert knn.flagged[:3].max() < 0.2
    assert knn.tests["scaled"].low >= 0
    assert knn.tests["scaled"].estimate > 2 * knn.false_alarms.mean()
    assert knn.classes is not None
    assert knn.classes.estimate > 0.8
    assert set(knn.by_class) <= {"0", "1", "2"}


def test_auroc_agrees_with_scikit_learn_on_the_same_models() -> None:
    e = shifted(5.0)
    study = one_model(e, "mlp(16)", seeds=1, steps=60)
    with Store(":memory:") as store:
        (trained,) = (t for t in train_models(study, store) if t.cell.unseen == (e.names[1],))
    held = study.plan.parts(0) != TRAIN
    known = np.flatnonzero(held & (e.environment != 1))
    strangers = np.flatnonzero(e.environment == 1)
    logits = trained.outputs(study.problem.matrix[np.r_[known, strangers]]).logits
    assert logits is not None
    label = np.r_[np.zeros(len(known)), np.ones(len(strangers))]
    expected = roc_auc_score(label, -logits.max(1).values)
    one = evaluate(e, "mlp(16)", detectors=["max-logit"], seeds=1, steps=60)
    assert one.detectors["max-logit"].auroc[1] == pytest.approx(expected, abs=1e-3)


def test_a_placebo_has_no_strangers() -> None:
    found = evaluate(shifted(0.0, each=90), "linear", detectors=["knn"], seeds=1, steps=40)
    knn = found.detectors["knn"]
    assert knn.unseen.estimate == pytest.approx(0.5, abs=0.08)
    # One detector is no choice, and no cost leaves nothing to remove a share of.
    assert "chosen on the" not in found.answer
    assert not any(row.removed.defined for row in knn.rejecting)
    page = render_html(found)
    bought = page.split("<h2>What rejecting buys</h2>")[1].split("</table>")[0]
    assert bought.count("n/a") == len(knn.rejecting)
    assert "no limits" not in bought
    assert "−" in bought
    assert not re.search(r"(?<!\w)-\d", bought)


def test_the_area_for_another_environment_stays_between_0_and_1() -> None:
    another = _evaluated().detectors["knn"].new_environment
    assert 0 <= another.low < another.high == 1
    assert "chosen on the other environments" in _evaluated().answer


def test_an_area_that_may_be_chance_says_so() -> None:
    assert chance(Interval(0.521, 0.489, 0.554)) == ", and chance (0.5) is not excluded"
    assert chance(Interval(0.56, 0.51, 0.61)) == ""
    found = evaluate(shifted(0.0, each=90), "linear", detectors=["knn"], seeds=1, steps=40)
    assert "chance (0.5) is not excluded" in found.answer.split(". ")[0]


def test_a_share_of_the_cost_is_printed_only_within_limits_that_are_possible() -> None:
    one = _evaluated()
    for removed, said in ((Interval(0.14, 0.03, 2.86), False), (Interval(0.4, 0.2, 0.7), True)):
        rows = [replace(row, removed=removed) for row in one.detectors["knn"].rejecting]
        knn = replace(one.detectors["knn"], rejecting=rows)
        found = replace(one, detectors={"knn": knn})
        assert ("of the cost of unseen" in found.answer) == said
        assert ("286%" in render_html(found)) is False


def test_nothing_has_no_sign() -> None:
    def points(value: float, task: str) -> str:
        return gains(task)(value, plus=True)

    assert points(-0.0001, "classification") == "0.0"
    assert points(0.0, "classification") == "0.0"
    assert points(-0.0, "regression") == "0"
    assert points(-0.012, "classification") == "-1.2"
    assert points(0.00001, "regression") == "+1e-05"


def test_the_numbers_are_the_same_again_and_are_json() -> None:
    first = _evaluated()
    again = evaluate(shifted(5.0, each=90), "mlp(16)", detectors=FEW, seeds=2, steps=60)
    both = [json.loads(json.dumps(found.summary)) for found in (first, again)]
    times = [[one.pop("microseconds") for one in s["detectors"].values()] for s in both]
    assert all(time > 0 for run in times for time in run)
    assert both[0] == both[1]
    assert json.loads(json.dumps(first.summary, allow_nan=False))["model"] == "mlp(16)"


def test_the_answer_and_the_page_say_what_was_found() -> None:
    found = _evaluated()
    assert found.answer == repr(found)
    assert "Rejecting the 10%" in found.answer
    assert "fewer than 10 environments" in found.answer
    page = render_html(found, "gengap detect x.csv")
    assert all(name in page for name in FEW)
    assert "gengap detect x.csv" in page
    assert "nan" not in page.lower().split("<script>")[0].replace("explanan", "")


def test_trials_are_chosen_on_the_other_environments_and_counted() -> None:
    found = evaluate(shifted(2.0), "linear", detectors=["knn"], seeds=1, steps=30, trials=3)
    assert found.detectors["knn"].trials == 3
    assert found.looks == 3 * 3


def test_regression_has_no_errors_and_no_classes() -> None:
    found = evaluate(values(), "mlp(16)", detectors=["msp", "isolation-forest"], seeds=1, steps=80)
    assert list(found.detectors) == ["isolation-forest"]
    assert "classification only" in found.skipped["msp"]
    forest = found.detectors["isolation-forest"]
    assert forest.auroc[3] > 0.9
    assert (forest.errors, forest.classes, forest.three_ways) == (None, None, None)
    assert "mean absolute error there from" in found.answer
    assert "isolation-forest" in render_html(found)


def test_estimators_skip_what_they_cannot_show() -> None:
    found = evaluate(
        shifted(3.0), "sklearn:LogisticRegression", detectors=["msp", "knn", "react"], seeds=1
    )
    assert found.skipped["react"] == (
        "react needs the model's head, which this model does not show."
    )
    assert set(found.detectors) == {"msp", "knn"}


def test_bad_input_is_told_in_a_sentence() -> None:
    with pytest.raises(UsageError, match="give at least 3"):
        evaluate(shifted(0.0, environments=2), detectors=["msp"])
    with pytest.raises(UsageError, match="no detector 'mps'; did you mean 'msp'"):
        evaluate(shifted(0.0), detectors=["mps"])
    with pytest.raises(UsageError, match="seeds must be a whole number"):
        evaluate(shifted(0.0), seeds=0)
    with pytest.raises(UsageError, match="No detector applies"):
        evaluate(values(), detectors=["msp"], seeds=1, steps=5)


@pytest.mark.slow
def test_digits_by_writer_and_their_placebo() -> None:
    found = evaluate(load_suite("digits-writers"), detectors=["msp", "density"], seeds=2)
    novelty, doubt = found.detectors["density"], found.detectors["msp"]
    assert novelty.unseen.low > 0.5
    assert novelty.unseen.estimate > doubt.unseen.estimate
    # What finds strangers best is not what finds errors best.
    assert doubt.errors is not None
    assert novelty.errors is not None
    assert doubt.errors.estimate > novelty.errors.estimate + 0.04
    assert doubt.rejecting[2].gain.low > 0.01
    assert doubt.rejecting[2].removed.low > 0.2
    placebo = evaluate(load_suite("digits-writers-shuffled"), detectors=["density"], seeds=2)
    assert placebo.detectors["density"].unseen.excludes(0.53)
    assert placebo.detectors["density"].unseen.estimate == pytest.approx(0.5, abs=0.02)
    assert placebo.detectors["density"].flagged.mean() == pytest.approx(0.05, abs=0.02)


def test_rows_that_belong_together_stay_together() -> None:
    """Of twenty copies some are trained on: the rest is too near, unless kept with them."""
    e = shifted(0.0, each=15)
    copies = np.arange(len(e)).repeat(20)
    parts = e.X[copies], e.y[copies], e.environment[copies]
    found = [
        evaluate(
            Environments.from_arrays(*parts, cluster=cluster), "mlp(16)",
            detectors=["knn-standardised"], seeds=1, steps=30,
        ).detectors["knn-standardised"]
        for cluster in (copies, None)
    ]  # fmt: skip
    together, apart = (one.auroc.mean() for one in found)
    assert together == pytest.approx(0.5, abs=0.15)
    assert apart > 0.9
    # Fewer than nineteen rows, copied, set the threshold, which is too few to hold 5%.
    assert np.isnan(found[0].flagged).all()
    assert np.isfinite(found[1].flagged).all()
