"""The same table comes back from every format; damage and missing packages are told."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from tables_on_disk import WRITERS, patients

from gengap.base.errors import UsageError
from gengap.environments import read, read_table


@pytest.mark.parametrize("name", WRITERS)
def test_a_table_comes_back_as_it_was_written(tmp_path, name):
    table = patients()
    WRITERS[name](table, tmp_path / name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = read_table(tmp_path / name)
    pd.testing.assert_frame_equal(found, table, check_dtype=False, check_exact=False, rtol=1e-12)
    assert found["code"].map(type).eq(str).all()
    assert found["age"].dtype.kind in "if"
    assert "gengap_notes" not in found.attrs


@pytest.mark.parametrize("name", ["t.jsonl", "t.xlsx", "t.dta", "t.sav", "t.csv.zst", "t.duckdb"])
def test_environments_do_not_depend_on_the_format(tmp_path, name):
    table = patients()
    for each in (name, "t.csv"):
        WRITERS[each](table, tmp_path / each)
    found, plain = (
        read(tmp_path / each, target="cost", environment="hospital") for each in (name, "t.csv")
    )
    assert found.name == "t"
    assert found.names == plain.names == ("north", "south", "Übersee")
    assert np.array_equal(found.y, plain.y)
    assert found.X.columns.tolist() == plain.X.columns.tolist()
    assert np.allclose(found.X["age"], plain.X["age"])


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("t.xlsx", "python_calamine", "excel"),
        ("t.sav", "pyreadstat", "spss"),
        ("t.csv.zst", "zstandard", "zstd"),
        ("t.duckdb", "duckdb", "duckdb"),
        ("t.feather", "pyarrow", "parquet"),
    ],
)
def test_a_missing_package_is_named_with_how_to_install_it(
    tmp_path, monkeypatch, name, module, extra
):
    WRITERS[name](patients(), tmp_path / name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError) as caught:
        read_table(tmp_path / name)
    assert f'pip install "gengap[{extra}]"' in str(caught.value)


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "t.csv"])
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_what_is_cut_short_is_refused_by_name(tmp_path, name, share):
    path = tmp_path / name
    WRITERS[name](patients(), path)
    content = path.read_bytes()
    path.write_bytes(content[: max(40, int(share * len(content)))])
    said = "t: some rows are whole, and a shorter table is what is there"
    try:
        read_table(path)
    except UsageError as error:
        said = str(error)
    assert "t" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(80), "HDF5"),
        (b"RDX3\nX\n" + bytes(80), "write.csv"),
        (b"\x80\x04\x95" + bytes(80), "pickle"),
        (b"%PDF-1.7 " + bytes(80), "PDF"),
    ],
)
def test_other_kinds_of_files_are_told_by_name(tmp_path, content, said):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_table(tmp_path / "t.csv")
    assert said in str(caught.value)


def test_a_part_of_a_file_without_parts_is_refused(tmp_path):
    WRITERS["t.csv"](patients(), tmp_path / "t.csv")
    with pytest.raises(UsageError, match="no parts"):
        read_table(f"{tmp_path}/t.csv#Sheet")
    (tmp_path / "t.csv").rename(tmp_path / "t#1.csv")
    assert len(read_table(tmp_path / "t#1.csv")) == len(patients())
