"""Parts of the calibration are measured one by one: what is kept is what was measured."""

from __future__ import annotations

from pathlib import Path

from benchmarks.calibration.__main__ import PAGE, PARTS, STUDIES, page
from benchmarks.calibration.frame import NOTHING, Measured, Quantity, Row, Table, markdown
from benchmarks.calibration.kept import keep, kept

QUANTITIES = (Quantity("coverage", least=0.95), Quantity("width", most=1.25, percent=False))


def table(title: str) -> Table:
    rows = (
        Row(("linear", "6"), (Measured(1 / 3, 0.01), NOTHING)),
        Row(("é | tree", "14"), (Measured(1.0), Measured(1.5, 0.1))),
    )
    return Table(title, "Simulated.", ("model", "environments"), QUANTITIES, rows)


def test_tables_come_back_as_they_were_measured(tmp_path: Path):
    tables = [table("First"), Table("No rows", "None.", (), QUANTITIES, ()), table("Last")]
    keep("some", tables, tmp_path)
    found = kept("some", tmp_path)
    assert list(map(markdown, found)) == list(map(markdown, tables))
    assert found[0].quantities == QUANTITIES
    assert found[2].rows[1] == tables[2].rows[1]


def test_what_is_kept_again_takes_the_place_of_what_was(tmp_path: Path):
    for title in ("Before", "After"):
        keep("some", [table(title)], tmp_path)
    assert [found.title for found in kept("some", tmp_path)] == ["After"]
    assert kept("other", tmp_path) == []


def test_the_page_is_what_was_kept():
    tables = [table for name in PARTS for table in kept(name)]
    assert page(tables, STUDIES) == PAGE.read_text(encoding="utf-8")
