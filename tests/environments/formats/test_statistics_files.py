"""Value labels of Stata and SPSS, and texts of SAS."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyreadstat
import pytest

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.environments import read, read_table

LABELS = {"region": {1: "north", 2: "south"}, "income": {99: "no answer"}}


def table() -> pd.DataFrame:
    n = 30
    return pd.DataFrame(
        {
            "region": np.arange(n) % 2 + 1.0,
            "income": np.where(np.arange(n) % 5 == 0, 99.0, np.arange(n) % 7),
            "y": np.arange(n) * 37 % 11 / 10,
        }
    )


def written(path):
    if path.suffix == ".dta":
        table().to_stata(path, write_index=False, value_labels=LABELS)
    else:
        pyreadstat.write_sav(table(), path, variable_value_labels=LABELS)
    return path


@pytest.mark.parametrize("name", ["t.dta", "t.sav"])
def test_labels_are_read_where_every_value_has_one(tmp_path, name):
    with pytest.warns(SuspiciousInput, match="labels only some values of 'income'"):
        frame = read_table(written(tmp_path / name))
    assert frame["region"].astype(str).tolist() == ["north", "south"] * 15
    assert frame["income"].tolist() == table()["income"].tolist()
    with pytest.warns(SuspiciousInput):
        e = read(tmp_path / name, target="y", environment="region")
    assert e.names == ("north", "south")
    assert any("codes such as 99" in note for note in e.notes)


def test_two_values_of_one_label_are_read_as_numbers(tmp_path):
    labels = {"region": {1: "here", 2: "here"}}
    table().to_stata(tmp_path / "t.dta", write_index=False, value_labels=labels)
    with pytest.warns(SuspiciousInput, match="several values one label"):
        assert read_table(tmp_path / "t.dta")["region"].tolist() == [1, 2] * 15


def test_transport_files_of_version_8_are_told_apart(tmp_path):
    pyreadstat.write_xport(table(), tmp_path / "t.xpt", file_format_version=8)
    with pytest.raises(UsageError, match="version 8"):
        read_table(tmp_path / "t.xpt")
