"""Workbooks of Excel: .xlsx, .xlsm and .xls, through pandas and python-calamine.

A sheet is named as in Excel's own links, ``book.xlsx#Sheet``. A sheet's size is looked at before it
is read: two cells in opposite corners make a table of seventeen thousand million.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from gengap.base.errors import UsageError, listing, unknown
from gengap.base.paths import refuse_bomb
from gengap.environments.core import suspect
from gengap.environments.formats.settled import NOTES, noted, refuse_repeated, settled

OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # how .xls begins, and other documents of its age
PREVIEW = 40  # rows in which the header is looked for
MOST_EMPTY, ENOUGH = 50, 10_000_000  # cells of the rectangle for each that is there; always allowed
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
_TAG = re.compile(rb"<(?:\w+:)?(row|c)\b([^>]*)")
_PLACE = re.compile(rb"""\br=["']([A-Z]{0,3})([0-9]{1,7})["']""")


def is_workbook(path: Path, start: bytes) -> bool:
    """Whether a file is a workbook, by its content.

    Raises:
        UsageError: it is one of another kind (.xlsb, .ods).
    """
    if start.startswith(OLD):
        return True
    if not start.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except Exception:  # a zip that cannot be read is told of where it is unpacked
        return False
    if "xl/workbook.bin" in names or "content.xml" in names:
        raise UsageError(f"{path} is a workbook that gengap does not read; save it as .xlsx.")
    return "xl/workbook.xml" in names


def read_workbook(path: Path, sheet: str | None = None) -> pd.DataFrame:
    """Read one sheet; the header is the first row with two cells or more.

    Args:
        path: of the file.
        sheet: its name; the first that holds a table when not given, with a note.

    Raises:
        UsageError: damaged, no such sheet, no sheet with a table, repeated column names, or
            python-calamine is missing.
    """
    _refuse_spread(path)
    try:
        import python_calamine  # noqa: F401

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pd.ExcelFile(path, engine="calamine") as book:
                frame = _read_sheet(path, book, sheet)
    except UsageError:
        raise
    except ImportError:
        raise UsageError(
            f'Reading {path} needs python-calamine; install it with pip install "gengap[excel]".'
        ) from None
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # calamine's panics are no Exceptions
        raise UsageError(
            f"{path} is a damaged or locked workbook ({error}); save it again, without a password."
        ) from None
    suspect(frame.attrs.get(NOTES, ()))
    return frame


def _read_sheet(path: Path, book: pd.ExcelFile, sheet: str | None) -> pd.DataFrame:
    names = [str(name) for name in book.sheet_names]
    if sheet is not None and sheet not in names:
        raise unknown(f"{path} has no sheet {sheet!r}", sheet, names)
    notes: list[str] = []
    for name in names if sheet is None else [sheet]:
        header = _header(book, name, path)
        if header is None:
            continue
        # As objects, "007" stays the text that it is in the sheet.
        frame = book.parse(name, header=header, dtype=object)
        others = [other for other in names if other != name]
        if sheet is None and others:
            notes.append(
                f"{path} has several sheets; {name!r} was read, not {listing(map(repr, others))} "
                f"(name one as in {path.name}#{others[0]})."
            )
        if header:
            notes.append(
                f"The table in {path} begins in row {header + 1} of sheet {name!r}; what stands "
                "above it was left out."
            )
        frame = frame.dropna(axis=0, how="all").dropna(axis=1, how="all").infer_objects()
        return noted(settled(frame, path), *notes) if notes else settled(frame, path)
    which = f"The sheet {sheet!r} of {path}" if sheet else f"{path}"
    raise UsageError(
        f"{which} holds no table; give a sheet with a row of column names above its rows."
    )


def _header(book: pd.ExcelFile, sheet: str, path: Path) -> int | None:
    """The number from 0 of the first row with at least two cells, and half of the widest's."""
    top: Any = book.parse(sheet, header=None, nrows=PREVIEW, dtype=object)
    filled = top.notna().sum(axis=1).to_numpy()
    if len(filled) < 2 or filled.max() < 2:
        return None
    row = int((filled >= max(2, filled.max() / 2)).argmax())
    refuse_repeated([str(cell).strip() for cell in top.iloc[row].dropna()], path)
    return row


def _refuse_spread(path: Path) -> None:
    """Raise :class:`UsageError` for a workbook that would take far more room than its cells."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_bomb(path, sum(entry.file_size for entry in archive.infolist()))
            sheets = [e for e in archive.infolist() if _SHEET.fullmatch(e.filename)]
            extents = [_extent(archive, entry) for entry in sheets]
    except UsageError:
        raise
    except Exception as error:  # zip archives are damaged in many ways
        raise UsageError(f"{path} is a damaged workbook ({error}); save it again.") from None
    for cells, rectangle in extents:
        if rectangle > max(ENOUGH, MOST_EMPTY * cells):
            raise UsageError(
                f"{path} spreads {cells:,} cells over a rectangle of {rectangle:,}; delete what "
                "stands far below or right of the table."
            )


def _extent(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[int, int]:
    """How many cells a sheet has, and how many the rectangle from the first row and column."""
    cells = row = column = last_row = last_column = 0
    kept = b""
    with archive.open(entry) as stream:
        while piece := stream.read(1 << 22):
            text = kept + piece
            whole = text.rfind(b"<")  # a tag may go on in the next piece
            kept = text[whole:]
            for kind, inside in _TAG.findall(text[:whole]):
                place = _PLACE.search(inside)
                if kind == b"row":
                    row, column = int(place[2]) if place else row + 1, 0
                else:
                    cells += 1
                    column = _column(place[1]) if place and place[1] else column + 1
                    row = int(place[2]) if place and place[1] else row
                    last_row, last_column = max(last_row, row), max(last_column, column)
    return cells, last_row * last_column


@cache
def _column(letters: bytes) -> int:
    """The number of a column, from 1: A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number
