from __future__ import annotations

from dataclasses import replace

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
    data = study.environments
    moved = Environments.from_arrays(data.X + 1, data.y, data.environment, name="b")
    replace(study, environments=moved, name="other").run()
    with Store(tmp_path / "records.db") as store:
        last = from_store(store)
        assert last.name == "other"
        assert last.notes == (
            "The records hold 2 studies; this is the one carried out last, other. Choose another "
            "with --study.",
        )
        assert from_store(store, study="toy").name == "toy"
        assert from_store(store, study="b").name == "other"  # by the name of its data
        assert from_store(store, study="toy").notes == ()
        with pytest.raises(UsageError, match="did you mean 'toy'"):
            from_store(store, study="tou")


def test_a_study_of_a_name_goes_before_one_on_data_of_that_name(tmp_path):
    study = small_study(tmp_path / "records.db", methods=["erm"])
    study.run()
    replace(study, name="again").run()
    with Store(tmp_path / "records.db") as store:
        assert from_store(store).name == "again"
        assert from_store(store, study="toy").name == "toy"


def test_empty_records_say_what_fills_them(tmp_path):
    with pytest.raises(UsageError, match="fill it with gengap run"):
        from_store(Store(tmp_path / "records.db"))
