"""Text tables: how one is written is found out, and what a lenient parser repairs is refused."""

from __future__ import annotations

import contextlib
import csv
import io
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing
from gengap.environments.core import suspect
from gengap.environments.formats.malformed import fault, lines_of
from gengap.environments.formats.packed import DAMAGED, opened, packing
from gengap.environments.formats.settled import noted, refuse_repeated

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
SNIFFED_BYTES = 2**18


class _Dialect(NamedTuple):
    """Where a text table is, how it is written, and the column names of its first line."""

    path: Path
    member: str | None
    delimiter: str
    encoding: str
    header: list[str]


def read_delimited(path: Path, member: str | None = None) -> pd.DataFrame:
    """Read a text table with a header line.

    The delimiter is found among comma, semicolon, tab and vertical bar; UTF-8 (with or without byte
    order mark), UTF-16 with one, else Latin-1.

    Args:
        path: of the file, which may be packed and was found to be no bomb.
        member: which file of a zip archive.

    Raises:
        UsageError: empty, binary, one column only, ragged rows, repeated column names, damaged.
    """
    dialect = _sniff(path, member)
    try:
        return _read(dialect)
    except UnicodeDecodeError:
        frame = _read(dialect._replace(encoding="latin-1"))
    note = f"{path} is not UTF-8; it was read as Latin-1, so check accented letters."
    suspect([note])
    return noted(frame, note)


def _sniff(path: Path, member: str | None) -> _Dialect:
    """Find out how a text table is written, from its first 256 KiB."""
    try:
        with opened(path, member) as stream:
            start = stream.read(SNIFFED_BYTES)
    except DAMAGED as error:
        raise UsageError(f"{path} cannot be read ({error}); the file is damaged.") from None
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in start:
        raise UsageError(
            f"{path} is a binary file, not a table that gengap knows; give a CSV, Parquet or Excel "
            "file."
        )
    text = start.decode(encoding, "replace")
    if len(start) == SNIFFED_BYTES:
        text = text[: text.rfind("\n") + 1] or text
    rows, delimiter = _split_rows(text)
    if not rows:
        raise UsageError(f"{path} is empty (blank lines only); give a file with content.")
    header = [cell.strip() or f"Unnamed: {k}" for k, cell in enumerate(rows[0])]
    if len(header) < 2:
        raise UsageError(
            f"{path} is not a table: its first line has one column ({header[0][:60]!r}); give at "
            f"least two columns separated by {listing(DELIMITERS.values())}."
        )
    refuse_repeated(header, path)
    return _Dialect(path, member, delimiter, encoding, header)


def _split_rows(text: str) -> tuple[list[list[str]], str]:
    """Split into rows of cells by the delimiter under which most rows are as wide as the first."""
    tables = []
    for delimiter in DELIMITERS:
        rows: list[list[str]] = []
        # A cell of more than 128 KiB ends the sniffing, not the reading.
        with contextlib.suppress(csv.Error):
            reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
            rows.extend(row for row in reader if row)
        width = len(rows[0]) if rows else 0
        alike = np.mean([len(row) == width for row in rows]) if width > 1 else 0.0
        tables.append((alike, width, rows, delimiter))
    _, _, rows, delimiter = max(tables, key=lambda table: table[:2])
    return rows, delimiter


def _read(dialect: _Dialect) -> pd.DataFrame:
    path = dialect.path
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                frame = _parsed(dialect)
            except OverflowError:  # whole numbers that no float holds are judged as text
                frame = _parsed(dialect, dtype=str)
            # Parsing in pieces keeps memory low, but a column whose pieces differ in type must
            # be read again as text, or 7 and "7" would be different values.
            loose = [c for c in frame if pd.api.types.is_object_dtype(frame[c].dtype)]
            mixed = [c for c in loose if pd.api.types.infer_dtype(frame[c]).startswith("mixed")]
            if mixed:
                again = _parsed(dialect, usecols=mixed, dtype=str)
                frame = frame.assign(**{str(c): again[c] for c in again})
    except (pd.errors.ParserWarning, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).removeprefix("Error tokenizing data. ").strip()
        said = _fault(dialect) or f"is no well-formed table ({reason}); repair it"
        raise UsageError(f"{path} {said}.") from None
    except UnicodeDecodeError:
        raise
    except DAMAGED as error:
        raise UsageError(f"{path} is no well-formed table ({error}); repair it.") from None
    with opened(path, dialect.member) as stream:
        swallowed = lines_of(stream) > len(frame) + 1
    # Only where the last column is empty can a row be short.
    if (swallowed or frame.iloc[:, -1].isna().any()) and (said := _fault(dialect)):
        raise UsageError(f"{path} {said}.")
    frame.columns = frame.columns.str.strip()
    return frame


def _parsed(dialect: _Dialect, **options: Any) -> pd.DataFrame:
    own: dict[str, Any] = {
        "sep": dialect.delimiter,
        "encoding": dialect.encoding,
        "skipinitialspace": dialect.delimiter != "\t",
        "index_col": False,  # otherwise a surplus cell in every row becomes the index
        **options,
    }
    if packing(dialect.path) is None:  # faster than a stream
        return pd.read_csv(dialect.path, compression=None, **own)
    with opened(dialect.path, dialect.member) as stream:
        return pd.read_csv(stream, **own)


def _fault(dialect: _Dialect) -> str:
    with (
        opened(dialect.path, dialect.member) as stream,
        io.TextIOWrapper(stream, dialect.encoding, "replace", newline="") as text,
    ):
        return fault(text, dialect.delimiter, len(dialect.header))
