"""One table from one file, whatever its format: told by its content, and only then by its name."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gengap.base.errors import UsageError
from gengap.base.paths import existing, readable
from gengap.environments.formats import columnar, json_tables, workbooks
from gengap.environments.formats.delimited import read_delimited
from gengap.environments.formats.packed import (
    ENDINGS,
    head,
    packing,
    refuse_packed_bomb,
    unpacked_name,
)
from gengap.environments.formats.queries import database_kind, read_database
from gengap.environments.formats.statistics_files import kind_of, read_statistics

# In a folder, texts and single objects of JSON are more often about tables than tables.
TABLE_ENDINGS = (
    ".csv", ".tsv", ".parquet", ".pq", ".feather", ".arrow", ".jsonl", ".ndjson",
    ".xlsx", ".xlsm", ".xls", ".dta", ".sas7bdat", ".xpt", ".sav", ".zsav",
)  # fmt: skip
# What people also keep tables in, by how it begins.
OTHERS = {
    b"\x89HDF": "an HDF5 file; save the table as Parquet or CSV",
    b"%PDF": "a PDF document; save the table as CSV",
    b"RDX": "an R data file; write the table with write.csv(..., row.names = FALSE)",
    b"X\n\0\0": "an R data file; write the table with write.csv(..., row.names = FALSE)",
    b"\x80\x04": "a pickle, which could run a program when read; save the table as Parquet or CSV",
    b"\x80\x05": "a pickle, which could run a program when read; save the table as Parquet or CSV",
    b"\x93NUMPY": "a single array; save X, y and environment with numpy.savez",
}


def part_of(source: str | Path) -> tuple[Path, str | None]:
    """A path, and after ``#`` which sheet, file or table of it is meant.

    A file whose name holds the ``#`` goes before.

    Raises:
        UsageError: there is no such file, or it is empty.
    """
    text = str(source)
    path = readable(source)
    if "#" not in text or path.exists():
        return existing(source), None
    whole, _, part = text.rpartition("#")
    return existing(whole), part or None


def read_file(path: Path, part: str | None = None) -> pd.DataFrame:
    """Read a table from a file that exists.

    Args:
        path: of the file.
        part: which sheet of a workbook, file of a zip archive or table of a database.

    Raises:
        UsageError: anything about its content that cannot be used.
    """
    start = head(path, 64)
    if workbooks.is_workbook(path, start):
        return workbooks.read_workbook(path, part)
    if (kind := database_kind(start)) is not None:
        return read_database(path, kind, part)
    if part is not None and packing(path) != "zip":
        raise UsageError(
            f"{path} has no parts, so #{part} names nothing; leave it out (sheets of workbooks, "
            "files of zip archives and tables of databases are named so)."
        )
    if start.startswith(b"PAR1"):
        return columnar.read_parquet(path)
    if start.startswith((b"ARROW1", b"FEA1")):
        return columnar.read_feather(path)
    if (kind := kind_of(path, start)) is not None:
        return read_statistics(path, kind)
    if said := next((said for magic, said in OTHERS.items() if start.startswith(magic)), None):
        raise UsageError(f"{path} is {said}.")
    refuse_packed_bomb(path, part)
    name = unpacked_name(path, part)
    if json_tables.looks_like_json(path, part, name):
        return json_tables.read_json(path, part)
    return read_delimited(path, part)


def is_table_name(name: str) -> bool:
    """Whether a file's name ends as a table's does, packed or not."""
    name = name.lower()
    for ending in ENDINGS:
        name = name.removesuffix(ending)
    return name.endswith(TABLE_ENDINGS)
