"""Readers of users' files: tables, NumPy archives and, in :mod:`.images`, image folders.

Each reader takes one path and names that path in every error. Nothing is unpickled or executed.
Tables come back as plain DataFrames; :func:`read` finds out which kind a path is and returns
:class:`~gengap.environments.core.Environments`.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pandas as pd

from gengap.base.errors import UsageError, listing, suggest
from gengap.base.paths import MOST_RATIO, UNSUSPICIOUS, existing, refuse_bomb, shown
from gengap.environments.columns import environments_from_frame
from gengap.environments.core import Environments, Task, suspect
from gengap.environments.images import LAYOUT, read_image_folder
from gengap.environments.malformed import fault, lines_of

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
SNIFFED_BYTES = 2**18
GZIP = b"\x1f\x8b"  # how every gzip file begins
DAMAGED = (OSError, EOFError, zlib.error, zipfile.BadZipFile)


class _Dialect(NamedTuple):
    """How a text table is written, and the column names of its first line."""

    delimiter: str
    encoding: str
    compression: str | None
    header: list[str]


def read(
    path: str | Path,
    target: str | None = None,
    environment: str | None = None,
    task: Task | None = None,
    drop: Sequence[str] = (),
    factors: Sequence[str] = (),
    cluster: str | None = None,
) -> Environments:
    """Read environments from a table, a NumPy archive or an image folder.

    Args:
        path: ``.csv``, ``.tsv`` (also ``.gz``), ``.parquet``, ``.npz``, or a folder
            ``ENVIRONMENT/CLASS/IMAGE``.
        target: the column to predict (tables) or the key of the targets (``.npz``, default ``y``).
        environment: the column or key that says where a row came from (``.npz``: ``environment``).
        task: told apart from the target when not given.
        drop: columns or keys to leave out.
        factors: table columns to regroup or split by; they are no features. A ``.npz`` keeps
            every further key as a factor, so there this only checks that they exist.
        cluster: the column or key that says which rows belong together, such as a patient's.

    Raises:
        UsageError: anything about the path, its content or the options that cannot be used.
    """
    path = existing(path)
    if path.is_dir():
        if target or environment or drop or factors or cluster:
            raise UsageError(
                f"{path} is a folder of images, which takes no target, environment, drop, factors "
                f"or cluster: {LAYOUT}; leave these options out."
            )
        return read_image_folder(path, task=task)
    if path.suffix.lower() == ".npz":
        keys = {"target": target or "y", "environment": environment or "environment"}
        return read_npz(path, **keys, task=task, drop=drop, factors=factors, cluster=cluster)
    if path.name.lower().removesuffix(".gz").endswith(("ubyte", ".idx")):
        raise UsageError(
            f"{path} is one IDX array without environments; in Python, combine arrays from "
            "gengap.environments.read_idx with Environments.from_arrays."
        )
    frame = read_table(path)
    if target is None or environment is None:
        option = "target" if target is None else "environment"
        raise UsageError(
            f"Say which column of {path} is the {option} (--{option} COLUMN); there are: "
            f"{listing(frame.columns, 40)}."
        )
    name = shown(path.name.split(".")[0] or path.name)
    return environments_from_frame(
        frame, target, environment, factors, cluster, task=task, drop=drop, name=name
    )


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table with a header line, or a Parquet file, into a DataFrame.

    Text tables: the delimiter is found among comma, semicolon, tab and vertical bar; UTF-8 (with
    or without byte order mark), UTF-16 with one, else Latin-1; gzip is recognised by content.
    What the reader had to assume is listed in ``frame.attrs["gengap_notes"]`` and warned about.

    Raises:
        UsageError: no such file, empty, header only, binary, one column only, ragged rows,
            repeated column names, damaged, or pyarrow missing for Parquet.
    """
    path = existing(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder, not a table; give a file.")
    if _head(path, 4) == b"PAR1":
        frame = _read_parquet(path)
    else:
        dialect = _sniff(path)
        try:
            frame = _read_text(path, dialect)
        except UnicodeDecodeError:
            frame = _read_text(path, dialect._replace(encoding="latin-1"))
            note = f"{path} is not UTF-8; it was read as Latin-1, so check accented letters."
            suspect([note])
            frame.attrs["gengap_notes"] = [note]
    if len(frame) == 0:
        raise UsageError(f"{path} has a header but no rows; give a table with examples.")
    return frame


def read_npz(
    path: str | Path,
    *,
    target: str = "y",
    environment: str = "environment",
    task: Task | None = None,
    drop: Sequence[str] = (),
    factors: Sequence[str] = (),
    cluster: str | None = None,
) -> Environments:
    """Read a NumPy archive with ``X`` ``(n, ...)``, ``y`` ``(n,)`` and ``environment`` ``(n,)``.

    Every further array ``(n,)`` becomes a factor, ``cluster`` among them. Pickled (object) arrays
    are refused.

    Raises:
        UsageError: no such file, no archive, a key missing, or arrays of the wrong shape or type.
    """
    path = existing(path)
    arrays = load_npz(path)
    if len({"X", target, environment}) < 3:
        raise UsageError("X, the targets and the environments are three arrays; name one for each.")
    for key in ("X", target, environment, *drop, *factors, *([cluster] if cluster else [])):
        if key not in arrays:
            raise UsageError(
                f"{path} has no array {key!r}{suggest(key, arrays)} (there are: "
                f"{listing(arrays) or 'none'}); save with "
                "numpy.savez(path, X=..., y=..., environment=...)."
            )
    X, y, where = arrays.pop("X"), arrays.pop(target), arrays.pop(environment)
    others = {key: values for key, values in arrays.items() if key not in drop}
    for key, values in others.items():
        if values.shape != X.shape[:1]:
            raise UsageError(
                f"Array {key!r} of {path} has shape {values.shape}, but a factor has one entry "
                f"per example {X.shape[:1]}; leave it out (--drop {key})."
            )
    return Environments.from_arrays(
        X, y, where, factors=others, cluster=cluster, task=task, name=shown(path.stem)
    )


def _head(path: Path, size: int) -> bytes:
    with path.open("rb") as stream:
        return stream.read(size)


def opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    """Open for reading bytes, through gzip when the content says so."""
    return gzip.open(path) if _head(path, 2) == GZIP else path.open("rb")


def _sniff(path: Path) -> _Dialect:
    """Find out how a text table is written, from its first 256 KiB."""
    try:
        with opened(path) as stream:
            start = stream.read(SNIFFED_BYTES)
    except DAMAGED as error:
        raise UsageError(f"{path} cannot be read ({error}); the file is damaged.") from None
    compression = "gzip" if _head(path, 2) == GZIP else None
    if compression:
        _refuse_gzip_bomb(path)
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if start[:4] == b"PK\x03\x04":
        raise UsageError(f"{path} is a zip archive or an Excel workbook; save the table as CSV.")
    if encoding != "utf-16" and b"\0" in start:
        raise UsageError(f"{path} is a binary file, not a table; give a CSV or Parquet file.")
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
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise UsageError(f"{path} has several columns called {listing(twice)}; rename them.")
    return _Dialect(delimiter, encoding, compression, header)


def _refuse_gzip_bomb(path: Path) -> None:
    limit, unpacked = max(UNSUSPICIOUS, MOST_RATIO * path.stat().st_size), 0
    with contextlib.suppress(*DAMAGED), gzip.open(path) as stream:
        while unpacked <= limit and (piece := stream.read(1 << 20)):
            unpacked += len(piece)
    refuse_bomb(path, unpacked)


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


def _read_text(path: Path, dialect: _Dialect) -> pd.DataFrame:
    options: dict[str, Any] = {
        "sep": dialect.delimiter,
        "encoding": dialect.encoding,
        "compression": dialect.compression,
        "skipinitialspace": dialect.delimiter != "\t",
        "index_col": False,  # otherwise a surplus cell in every row becomes the index
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            warnings.simplefilter("error", pd.errors.ParserWarning)
            try:
                frame = pd.read_csv(path, **options)
            except OverflowError:  # whole numbers that no float holds are judged as text
                frame = pd.read_csv(path, **options, dtype=str)
            # Parsing in pieces keeps memory low, but a column whose pieces differ in type must
            # be read again as text, or 7 and "7" would be different values.
            loose = [c for c in frame if pd.api.types.is_object_dtype(frame[c].dtype)]
            mixed = [c for c in loose if pd.api.types.infer_dtype(frame[c]).startswith("mixed")]
            if mixed:
                again = pd.read_csv(path, **options, usecols=mixed, dtype=str)
                frame = frame.assign(**{str(c): again[c] for c in again})
    except (pd.errors.ParserWarning, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).removeprefix("Error tokenizing data. ").strip()
        said = _fault(path, dialect) or f"is no well-formed table ({reason}); repair it"
        raise UsageError(f"{path} {said}.") from None
    except DAMAGED as error:
        raise UsageError(f"{path} is no well-formed table ({error}); repair it.") from None
    with opened(path) as stream:
        swallowed = lines_of(stream) > len(frame) + 1
    # Only where the last column is empty can a row be short.
    if (swallowed or frame.iloc[:, -1].isna().any()) and (said := _fault(path, dialect)):
        raise UsageError(f"{path} {said}.")
    frame.columns = frame.columns.str.strip()
    return frame


def _fault(path: Path, dialect: _Dialect) -> str:
    with (
        opened(path) as stream,
        io.TextIOWrapper(stream, dialect.encoding, "replace", newline="") as text,
    ):
        return fault(text, dialect.delimiter, len(dialect.header))


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        import pyarrow
        import pyarrow.parquet

        with pyarrow.parquet.ParquetFile(path) as file:
            refuse_bomb(path, 8 * file.metadata.num_rows * file.metadata.num_columns)
        frame = pd.read_parquet(path, engine="pyarrow")
    except UsageError:
        raise
    except ImportError:
        raise UsageError(
            f'Reading {path} needs pyarrow; install it with pip install "gengap[parquet]".'
        ) from None
    except Exception as error:  # what is wrong with a file is told in many kinds
        raise UsageError(f"{path} is a damaged Parquet file ({error}); write it again.") from None
    frame.columns = frame.columns.map(str)
    kept = [name for name in frame.index.names if name is not None and name not in frame.columns]
    frame = frame.reset_index(level=kept).reset_index(drop=True) if kept else frame
    for place, dtype in enumerate(frame.dtypes):
        column = frame.iloc[:, place]
        if dtype.kind == "O" and pd.api.types.infer_dtype(column) == "decimal":
            frame.isetitem(place, column.to_numpy(dtype=np.float64))
    return frame.reset_index(drop=True)


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of a NumPy archive, in the machine's own byte order.

    Raises:
        UsageError: no archive, not of arrays, of pickled ones, or damaged.
    """
    try:
        archive = np.load(path, allow_pickle=False, mmap_mode="r")
        if isinstance(archive, np.ndarray):
            raise UsageError(f"{path} is a single array; save X, y and environment as .npz.")
        with archive:
            refuse_bomb(path, sum(member.file_size for member in archive.zip.infolist()))
            arrays = {shown(key): archive[key] for key in archive.files}
        if others := [key for key, held in arrays.items() if not isinstance(held, np.ndarray)]:
            raise UsageError(
                f"{path} holds {listing(others)}, which are no arrays; save it with numpy.savez."
            )
    except UsageError:
        raise
    except Exception as error:  # a header is parsed as Python, and fails in as many ways
        raise UsageError(
            f"{path} is no NumPy archive of plain arrays ({error}); save it with numpy.savez, "
            "text as str arrays and no objects."
        ) from None
    return {key: _native(held, f"Array {key!r} of {path}") for key, held in arrays.items()}


def _native(array: np.ndarray, label: str) -> np.ndarray:
    """Return an array in the machine's own byte order; fields and raw bytes are refused."""
    if array.dtype.kind == "V":
        raise UsageError(f"{label} has fields or raw bytes; save plain numbers or text.")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    # What is wider than 64 bits has no place in a table.
    return array.astype(np.float64) if array.dtype == np.longdouble else array
