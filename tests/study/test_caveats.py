"""Warnings that change what the answer means stand beside it, and are recorded as such."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gengap as gg
from gengap.base.errors import Caveat
from gengap.records.store import Store
from gengap.study.result import read_result


def islands() -> gg.Environments:
    """Three islands; one species lives on one of them alone, and one column is left out."""
    rng = np.random.default_rng(0)
    island = np.repeat(["a", "b", "c"], 40)
    species = np.where(rng.random(120) < 0.5, "common", "other")
    species[:15] = "lonely"
    x = rng.normal(size=(120, 2)) + (species == "common")[:, None]
    table = pd.DataFrame({"x": x[:, 0], "z": x[:, 1], "species": species, "island": island})
    return gg.Environments.from_frame(
        table.assign(same=1.0), target="species", environment="island"
    )


@pytest.mark.filterwarnings("ignore::gengap.base.errors.SuspiciousInput")
def test_a_class_of_one_environment_stands_beside_the_answer(tmp_path):
    store = tmp_path / "records.db"
    found = gg.Study(islands(), ["sklearn:GaussianNB"], seeds=1, store=store, jobs=1).run()
    row = found.finding.study
    assert [caveat.split(":")[0] for caveat in row.caveats] == [
        "Classes that only one environment has"
    ]
    assert any("'same'" in warning for warning in row.warnings)
    found.store.close()
    with Store(store) as records:
        again = read_result(records)
        assert again.finding == found.finding
        assert isinstance(again.execution.warnings[0], Caveat)
