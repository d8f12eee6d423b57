"""Methods with a head of their own in a study: in the table, kept, and read off again."""

from __future__ import annotations

import numpy as np
import pytest

import gengap as gg
from gengap.detectors.max_logit import MaximumLogit
from gengap.records.store import Store
from gengap.study.trained import trained_model
from study_builders import wards

HEADED = ["hypo", "palm", "abet", "last-layer"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    store = tmp_path_factory.mktemp("headed") / "records.db"
    study = gg.Study(
        wards(), ["erm", *HEADED], seeds=1, steps=12, batch=8, model="mlp(8)", threads=1, jobs=1,
        keep_models="all", store=store, selection="last-step",
    )  # fmt: skip
    return study, study.run(), store


def test_they_are_in_the_table_beside_plain_training(done):
    _, result, _ = done
    assert set(result.gaps["method"]) == {"erm", *HEADED}


@pytest.mark.parametrize("name", HEADED)
def test_a_kept_model_predicts_by_its_own_head(done, name):
    study, result, path = done
    with Store(path) as store:
        run, cell = result.plan.runs[name][-1]
        model = trained_model(study, store, result.plan, run, cell, 12)
        rows = store.examples(run.problem, run.seed, "test").example
        (recorded,) = store.outcomes([run.key], "test", [12]).values()
    outputs = model.outputs(study.problem.matrix[rows])
    np.testing.assert_array_equal(outputs.logits.argmax(1).numpy(), recorded.predicted)
    true = outputs.logits.softmax(1).numpy()[np.arange(len(rows)), study.environments.y[rows]]
    np.testing.assert_allclose(true, recorded.true_probability, atol=1e-3)


def test_a_detector_reads_the_embeddings_of_a_kept_model(done):
    study, result, path = done
    with Store(path) as store:
        run, cell = result.plan.runs["hypo"][-1]
        model = trained_model(study, store, result.plan, run, cell, 12)
    outputs = model.outputs(study.problem.matrix)
    np.testing.assert_allclose(outputs.features.norm(dim=1), 1, rtol=1e-5)
    scores = MaximumLogit().score(MaximumLogit().fit(outputs), outputs)
    np.testing.assert_allclose(scores, -outputs.logits.max(1).values)
