from __future__ import annotations

import numpy as np
import pytest

from gengap import Environments, Store
from gengap.base.errors import UsageError
from gengap.questions.comparison import from_store
from study_builders import small_study


@pytest.mark.parametrize(("metric", "trials"), [("accuracy", 1), ("log_loss", 3)])
def test_the_unseen_scores_of_records_are_those_of_the_study_itself(tmp_path, metric, trials):
    study = small_study(tmp_path / "records.db", metric=metric, trials=trials)
    result = study.run()
    table = from_store(result.store, metric=metric)
    gaps = result.gaps.pivot(index="method", columns="environment", values="unseen")
    assert table.methods == ("erm", "sklearn:LogisticRegression")
    expected = gaps.loc[list(table.methods), list(table.environments)].to_numpy()
    sign = 1 if metric == "accuracy" else -1
    np.testing.assert_allclose(sign * table.means, expected, rtol=1e-12)
    assert table.higher_is_better == (metric == "accuracy")


def test_several_studies_in_one_store_are_told_apart(tmp_path):
    study = small_study(tmp_path / "records.db", methods=["erm"])
    study.run()
    other = small_study(tmp_path / "records.db", methods=["erm"])
    data = study.environments
    other.environments = Environments.from_arrays(data.X + 1, data.y, data.environment, name="b")
    other.name = "other"
    other.run()
    store = Store(tmp_path / "records.db")
    with pytest.raises(UsageError, match=r"choose one with --problem \(other, toy\)"):
        from_store(store)
    assert from_store(store, problem="toy").name == "toy"
    with pytest.raises(UsageError, match="did you mean 'toy'"):
        from_store(store, problem="tou")


def test_empty_records_say_what_fills_them(tmp_path):
    with pytest.raises(UsageError, match="fill it with gengap run"):
        from_store(Store(tmp_path / "records.db"))
