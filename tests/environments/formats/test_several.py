"""Several files as one table: by paths, patterns and folders, and where each row came from."""

from __future__ import annotations

import pandas as pd
import pytest
from tables_on_disk import patients

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.environments import read, read_table


@pytest.fixture
def wards(tmp_path):
    """A folder with a file a hospital."""
    folder = tmp_path / "wards"
    folder.mkdir()
    for name, rows in patients().groupby("hospital"):
        rows.drop(columns="hospital").to_csv(folder / f"{name}.csv", index=False)
    (folder / "notes.md").write_text("no table")
    (folder / ".hidden.csv").write_text("a,b\n1,2\n")
    return folder


def test_folder_pattern_and_paths_are_one_table(wards):
    paths = sorted(str(path) for path in wards.glob("[!.]*.csv"))
    frames = [read_table(source) for source in (wards, f"{wards}/*.csv", paths)]
    assert all(frame.equals(frames[0]) for frame in frames)
    assert sorted(frames[0]["cost"]) == sorted(patients()["cost"])


@pytest.mark.parametrize("form", ["{}", "{}/*.csv"])
def test_environments_are_the_files(wards, form):
    made = read(form.format(wards), target="cost", environment_from="file")
    assert made.names == ("north", "south", "Übersee")
    assert made.kind == "file"
    assert made.name == "wards"
    assert made.sizes.tolist() == [20, 20, 20]
    assert "file" not in made.X.columns


def test_files_of_one_name_are_told_by_their_folders(wards, tmp_path):
    for name in ("2019", "2020"):
        (tmp_path / "all" / name).mkdir(parents=True)
        content = (wards / "north.csv").read_text()
        (tmp_path / "all" / name / "t.csv").write_text(content)
    folders = read_table(f"{tmp_path}/all/*/t.csv", origin="folder")
    assert folders["folder"].unique().tolist() == ["2019", "2020"]
    files = read_table(tmp_path / "all", origin="file")
    assert files["file"].unique().tolist() == ["2019/t.csv", "2020/t.csv"]


def test_columns_that_not_all_files_have_are_left_out_with_a_note(wards):
    frame = pd.read_csv(wards / "north.csv").assign(extra=1)
    frame[["extra", "cost", "age"]].to_csv(wards / "north.csv", index=False)
    with pytest.warns(SuspiciousInput, match="Left out, since not every one of the 3 files"):
        found = read_table(wards)
    assert sorted(found.columns) == ["age", "cost"]
    assert "'extra', 'weight', 'code'" in found.attrs["gengap_notes"][0]


def test_numbers_here_and_text_there_are_text(tmp_path):
    (tmp_path / "a.csv").write_text("k,v\n7,1\n8,2\n")
    (tmp_path / "b.csv").write_text("k,v\n7,3\nx,4\n")
    assert read_table(tmp_path)["k"].tolist() == ["7", "8", "7", "x"]


def test_what_makes_no_table_is_refused(wards, tmp_path):
    with pytest.raises(UsageError, match="No file is called like"):
        read_table(f"{tmp_path}/*.parquet")
    (wards / "other.csv").write_text("p,q\n1,2\n")
    with pytest.raises(UsageError, match="no two columns in common"):
        read_table(wards)
    (wards / "other.csv").write_text("file,age,cost\n1,2,3\n")
    with pytest.raises(UsageError, match="has a column 'file' already"):
        read(wards, target="cost", environment_from="file")
    (wards / "other.csv").write_text("")
    with pytest.raises(UsageError, match=r"other.csv is empty"):
        read(wards, target="cost", environment_from="file")


def test_one_place_says_the_environment(wards):
    with pytest.raises(UsageError, match="give one of them"):
        read(wards, target="cost", environment="code", environment_from="file")
    with pytest.raises(UsageError, match="only one environment"):
        read(wards / "north.csv", target="cost", environment_from="file")
