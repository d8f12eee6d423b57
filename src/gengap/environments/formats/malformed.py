"""Faults of text tables that a lenient parser repairs in silence, found by their lines.

A row with fewer cells than the header is filled with missing values, and a quote that nobody
closed takes the rows up to the next quote into one cell. Both are looked for in a second, slower
pass, made only where the first leaves room for them: a short row leaves its last column empty, and
a quote that swallows rows leaves fewer of them than the file has lines.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from gzip import GzipFile
from typing import IO, NamedTuple

from gengap.base.errors import listing

LONGEST_CELL = 2**30


class _Row(NamedTuple):
    """A row's cells, the lines that it was read from, and the number of the first, from 1."""

    cells: list[str]
    lines: list[str]
    first: int


def fault(stream: IO[str], delimiter: str, width: int) -> str:
    """Say which rows are short or which quote swallows others, as an error does; empty if none.

    Args:
        stream: the table as text, line ends untranslated.
        delimiter: between cells.
        width: number of cells of the header.
    """
    short: list[int] = []
    long: list[int] = []
    with _long_cells():
        try:
            for row in _rows(stream, delimiter):
                if len(row.lines) > 1 and _swallows(row, delimiter, width):
                    return _unclosed(row)
                if len(row.cells) < width:
                    short.append(row.first)
                elif len(row.cells) > width:
                    long.append(row.first)
        except csv.Error as error:
            return f"is no well-formed table ({error}); repair it"
    for lines, kind in ((short, "fewer"), (long, "more")):
        if lines:
            rows = "a row" if len(lines) == 1 else f"{len(lines):,} rows"
            where = f"line{'s' * (len(lines) > 1)} {listing(lines)}, the header being line 1"
            return (
                f"has {rows} with {kind} cells than its header has names ({width}): {where}; "
                "repair them or the header (a missing value is an empty cell between delimiters)"
            )
    return ""


def _rows(stream: IO[str], delimiter: str) -> Iterator[_Row]:
    """Rows that are not blank, with what they were read from."""
    taken: list[str] = []

    def lines() -> Iterator[str]:
        for line in stream:
            taken.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, skipinitialspace=delimiter != "\t")
    for cells in reader:
        if cells and not (len(cells) == 1 and not cells[0].strip()):
            yield _Row(cells, taken, reader.line_num - len(taken) + 1)
        taken.clear()


def _swallows(row: _Row, delimiter: str, width: int) -> bool:
    """Whether a cell of several lines holds rows rather than a text of several lines."""
    if not _is_strict(row, delimiter):
        return True
    for place, cell in enumerate(row.cells):
        pieces = cell.splitlines()
        counts = [piece.count(delimiter) for piece in pieces]
        # Rows between the two quotes are whole; with none between, both ends must fit a row.
        if len(pieces) > 2 and width > 1 and set(counts[1:-1]) == {width - 1}:
            return True
        ends = len(pieces) == 2 and width > 3 and place not in (0, width - 1)
        if ends and counts == [width - 1 - place, place]:
            return True
    return False


def _is_strict(row: _Row, delimiter: str) -> bool:
    """Whether every quote that closes is followed by a delimiter or the end of the line."""
    options = {"delimiter": delimiter, "skipinitialspace": delimiter != "\t", "strict": True}
    try:
        list(csv.reader(row.lines, **options))  # type: ignore[arg-type]
    except csv.Error:
        return False
    return True


def _unclosed(row: _Row) -> str:
    last = row.first + len(row.lines) - 1
    start = next((line for line in row.lines if '"' in line), row.lines[0]).strip()
    return (
        f"has a quote in line {row.first} ({_shortened(start)}) that takes the lines up to {last} "
        'into one cell; close it or remove it (a quote within a quoted cell is written "")'
    )


def _shortened(line: str) -> str:
    return line if len(line) <= 60 else f"{line[:57]}..."


@contextmanager
def _long_cells() -> Iterator[None]:
    """The csv module refuses cells of more than 128 KiB unless told otherwise, for everyone."""
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def lines_of(stream: IO[bytes] | GzipFile) -> int:
    """Number of lines of a file, whatever they hold."""
    count, last = 0, b"\n"
    while piece := stream.read(2**20):
        count += piece.count(b"\n")
        last = piece[-1:]
    return count + (last != b"\n")
