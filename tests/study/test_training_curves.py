"""Training curves against the outcomes that they summarise, and against norms taken by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gengap.base.errors import UsageError
from gengap.environments.parts import TEST
from gengap.records.store import Store
from gengap.report import render_html
from gengap.study.checkpoints import checkpoints_of
from gengap.study.result import read_result
from study_builders import study, wards

SETTINGS = {"steps": 12, "checkpoints": "log:4", "curves": True, "model": "mlp(8)"}


@pytest.mark.parametrize(
    ("wanted", "steps", "found"),
    [
        (None, 300, [100, 200, 300]),
        (None, 2, [1, 2]),
        ("log:4", 1000, [1, 10, 100, 1000]),
        ("linear:4", 100, [25, 50, 75, 100]),
        ("50, 10", 60, [10, 50, 60]),
    ],
)
def test_steps_by_hand(wanted, steps, found):
    assert checkpoints_of(wanted, steps) == found


@pytest.mark.parametrize("wanted", ["log", "log:0", "log:99", "often", "0,5", "5,61", "1.5", "-1"])
def test_other_steps_are_refused(wanted):
    with pytest.raises(UsageError, match="cannot be read for a training of 60 steps"):
        checkpoints_of(wanted, 60)


def test_curves_are_means_of_the_outcomes():
    data = wards()
    made = study(data, ["erm"], **SETTINGS)
    result = made.run()
    found = {curve.name: curve for curve in result.curves}
    assert set(found) == {"train", "in distribution", "unseen", "gradient_norm", "weight_norm"}
    assert found["unseen"].steps.tolist() == [1, 2, 5, 12]
    by_seed = []
    for seed in made.plan.seeds:
        scores = []
        for run, cell in made.plan.runs["erm"]:
            if cell.role == "unseen" and run.seed == seed:
                outcome = result.store.outcomes([run.key], "test", [12])[run.key, 12]
                examples = made.plan.example_set(seed, "test")
                own = np.isin(examples.example, np.flatnonzero(cell.held_out))
                scores.append((outcome.predicted == examples.target)[own].mean())
                assert (made.plan.parts(seed)[examples.example] == TEST).all()
        by_seed.append(np.mean(scores))
    assert found["unseen"].mean[-1] == pytest.approx(np.mean(by_seed), abs=1e-12)
    half = 12.706 * np.std(by_seed, ddof=1) / np.sqrt(2)  # Student's t with one degree of freedom
    assert found["unseen"].high[-1] - found["unseen"].mean[-1] == pytest.approx(half, rel=1e-3)


def test_weights_start_with_the_norm_of_their_distribution():
    """Uniform in ±1/sqrt(inputs): a layer's squared norm is its size over 3 inputs, about."""
    result = study(wards(), ["erm"], **{**SETTINGS, "model": "mlp(400)", "seeds": 1}).run()
    found = {curve.name: curve for curve in result.curves}
    expected = np.sqrt((4 + 1) * 400 / (3 * 4) + (400 + 1) * 3 / (3 * 400))
    assert found["weight_norm"].mean[0] == pytest.approx(expected, rel=0.05)


def test_the_gradient_of_a_linear_model_by_hand():
    """The first step's gradient of softmax regression, from PyTorch's own cross-entropy."""
    data = wards(classes=2)
    made = study(data, ["erm"], **{**SETTINGS, "model": "linear", "seeds": 1, "batch": 500})
    result = made.run()
    run, cell = next((r, c) for r, c in made.plan.runs["erm"] if c.role == "unseen")
    noted = result.store.curves([run.key])[run.key, "gradient_norm"][1][0]
    rows = np.concatenate(made.plan.training_rows(cell, 0))
    prepared = made.problem.prepare(rows).inputs.apply(made.problem.matrix[rows])
    first = made.architecture.initialise((4,), 2, _weights_seed(run.seed))
    weight, bias = (first[name].clone().requires_grad_() for name in ("weight0", "bias0"))
    logits = torch.from_numpy(prepared) @ weight + bias
    loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(data.y[rows]))
    slopes = torch.autograd.grad(loss, [weight, bias])
    expected = torch.sqrt(sum(s.square().sum() for s in slopes)).item()
    # Batches of 500 walk 24 rows an environment over and over: nearly the full batch.
    assert noted == pytest.approx(expected, rel=0.05)


def _weights_seed(seed: int) -> int:
    from gengap.base.seeds import derive

    return derive(seed, "weights")


def test_nothing_is_noted_unless_asked_for_and_added_without_changing_outcomes(tmp_path):
    plain = {**SETTINGS, "curves": False, "store": tmp_path / "records.db"}
    first = study(wards(), ["erm"], **plain).run()
    keys = [run.key for run, _ in first.plan.runs["erm"]]
    assert not first.store.curves(keys)
    assert not first.store.outcomes(keys, "train")
    before = first.store.outcomes(keys, "test")
    names = {curve.name for curve in first.curves}
    assert names == {"in distribution", "unseen"}
    study(wards(), ["erm"], **{**plain, "curves": True}).run()
    with Store(tmp_path / "records.db", create=False) as store:
        after = store.outcomes(keys, "test")
        for place, outcome in before.items():
            np.testing.assert_array_equal(after[place].predicted, outcome.predicted)
        assert {name for _, name in store.curves(keys)} == {"gradient_norm", "weight_norm"}
        again = {curve.name for curve in read_result(store).curves}
    assert {"train", "gradient_norm"} <= again


def test_estimators_have_no_curves():
    result = study(wards(), ["sklearn:GaussianNB"], plain_training=False, curves=True).run()
    assert result.curves == []


def test_the_report_draws_what_was_noted():
    result = study(wards(), ["erm", "vrex"], **SETTINGS).run()
    summary = result.summary
    assert [row["name"] for row in summary["curves"]][:3] == ["train", "in distribution", "unseen"]
    page = render_html(result)
    for title in ("Score in unseen environments", "Norm of the gradient", "steps, logarithmic"):
        assert title in page
    plain = study(wards(), ["erm", "vrex"], **{**SETTINGS, "curves": False}).run()
    assert "curves" not in plain.summary
    assert "Along training" not in render_html(plain)
