"""Workbooks: which sheet, where its table begins, and sheets that are mostly nothing."""

from __future__ import annotations

import zipfile

import pandas as pd
import pytest
from openpyxl import Workbook
from tables_on_disk import patients

from gengap.base.errors import SuspiciousInput, UsageError
from gengap.environments import read_table
from gengap.environments.formats import workbooks


def book(path, **sheets):
    made = Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(path)
    return path


TABLE = [["a", "b"], [1, "x"], [2, "y"]]


def test_the_sheet_is_named_as_in_a_link_of_excel(tmp_path):
    path = book(tmp_path / "b.xlsx", Notes=[["read me"]], Data=TABLE, More=[["c", "d"], [5, 6]])
    with pytest.warns(SuspiciousInput, match=r"'Data' was read, not 'Notes', 'More'"):
        assert read_table(path).columns.tolist() == ["a", "b"]
    assert read_table(f"{path}#More")["d"].tolist() == [6]
    with pytest.raises(UsageError, match="no sheet 'Mroe'; did you mean 'More'"):
        read_table(f"{path}#Mroe")
    with pytest.raises(UsageError, match=r"sheet 'Notes' .* holds no table"):
        read_table(f"{path}#Notes")


def test_a_title_above_the_table_is_left_out_with_a_note(tmp_path):
    rows = [["Patients, 2020"], [], ["hospital", "age", "cost"], ["north", 40, 1.5]]
    with pytest.warns(SuspiciousInput, match="begins in row 3"):
        frame = read_table(book(tmp_path / "b.xlsx", S=rows))
    assert frame.to_dict("list") == {"hospital": ["north"], "age": [40], "cost": [1.5]}


def test_cells_keep_what_they_are(tmp_path):
    rows = [
        ["code", "mixed", "day", "flag", "share"],
        ["007", 7, pd.Timestamp("2020-02-01"), True, 1],
        ["013", "7b", pd.Timestamp("2020-03-01"), False, 0.5],
        ["020", None, pd.Timestamp("2020-03-02"), True, "#N/A"],
    ]
    frame = read_table(book(tmp_path / "b.xlsx", S=rows))
    assert frame["code"].tolist() == ["007", "013", "020"]
    assert frame["mixed"].tolist()[:2] == ["7", "7b"]
    assert frame["day"].dtype.kind == "M"
    assert frame["flag"].tolist() == [True, False, True]
    assert frame["share"].tolist()[:2] == [1.0, 0.5]
    assert frame["share"].isna().tolist() == [False, False, True]


def test_repeated_names_and_old_relatives_are_refused(tmp_path):
    with pytest.raises(UsageError, match="several columns called a"):
        read_table(book(tmp_path / "b.xlsx", S=[["a", "b", "a"], [1, 2, 3]]))
    with zipfile.ZipFile(tmp_path / "b.ods", "w") as archive:
        archive.writestr("content.xml", "<x/>")
    with pytest.raises(UsageError, match=r"save it as \.xlsx"):
        read_table(tmp_path / "b.ods")
    (tmp_path / "c.xlsx").write_bytes(workbooks.OLD + bytes(600))
    with pytest.raises(UsageError, match="damaged or locked"):
        read_table(tmp_path / "c.xlsx")


@pytest.mark.parametrize(
    "cells",
    [
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"/></row>',
        '<row r="1"><c r="XFD1"><v>1</v></c></row><row r="1048576"><c><v>1</v></c></row>',
        "<row>" + "<c/>" * 16384 + '</row><row r="1048576"><c/></row>',
    ],
)
def test_two_cells_in_opposite_corners_are_refused(tmp_path, cells):
    path = book(tmp_path / "b.xlsx", S=TABLE)
    sheet = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(path) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    start, _, rest = files[sheet].partition(b"<sheetData>")
    files[sheet] = start + b"<sheetData>" + cells.encode() + rest[rest.index(b"</sheetData>") :]
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in files.items():
            archive.writestr(entry, content)
    with pytest.raises(UsageError, match="over a rectangle of"):
        read_table(path)


def test_the_extent_of_a_sheet_is_that_of_its_cells(tmp_path):
    table = patients()
    table.to_excel(tmp_path / "b.xlsx", index=False)
    with zipfile.ZipFile(tmp_path / "b.xlsx") as archive:
        entry = archive.getinfo("xl/worksheets/sheet1.xml")
        cells, rectangle = workbooks._extent(archive, entry)
    assert rectangle == (len(table) + 1) * len(table.columns)
    assert rectangle - table.isna().sum().sum() <= cells <= rectangle
    assert [workbooks._column(name) for name in (b"A", b"Z", b"AA", b"XFD")] == [1, 26, 27, 16384]
