"""Losses row by row average to what the study says, and models are those that were scored."""

from __future__ import annotations

import numpy as np
import pytest

import gengap as gg
from gengap.questions.diagnosis.material import material


@pytest.fixture(scope="module")
def result() -> gg.Result:
    rng = np.random.default_rng(0)
    n = 240
    where = np.repeat(np.arange(4), n // 4)
    X = rng.normal(size=(n, 2)) + 0.3 * where[:, None]
    y = X[:, 0] - X[:, 1] + rng.normal(0, 0.5, n)
    data = gg.Environments.from_arrays(X, y, where, cluster=np.arange(n) // 3)
    study = gg.Study(
        data, ["sklearn:Ridge"], seeds=2, jobs=1, metric="squared_error", keep_models="all"
    )
    return study.run()


def test_losses_of_rows_average_to_the_rows_of_the_table(result: gg.Result) -> None:
    found = material(result)
    for code, row in enumerate(result.summary["environments"]):
        own = found.outside.of(code)
        seeds = np.unique(own.seed)
        loss, reference, inside = (
            np.mean([values[of.seed == s].mean() for s in seeds])
            for values, of in ((own.loss, own), (own.reference, own), _inside(found, code))
        )
        assert loss == pytest.approx(row["unseen"])
        assert reference == pytest.approx(row["reference"])
        assert inside == pytest.approx(row["in_distribution"], rel=0.02)


def _inside(found, code):
    own = found.inside.of(code)
    assert code not in found.data.environment[own.row]
    return own.loss, own


def test_models_answer_as_the_records_say(result: gg.Result) -> None:
    found = material(result)
    for (code,), seed, trained in found.models():
        own = found.outside.of(code)
        rows = own.row[own.seed == seed]
        said = trained.model.predict(trained.prepared.inputs.apply(found.data.matrix[rows]))
        expected = (said - found.data.y[rows]) ** 2
        np.testing.assert_allclose(own.loss[own.seed == seed], expected, rtol=1e-4)


def test_data_must_be_at_hand(result: gg.Result) -> None:
    bare = gg.Result(result.plan, result.store, result.execution)
    with pytest.raises(gg.UsageError, match="do not hold the data"):
        material(bare)
