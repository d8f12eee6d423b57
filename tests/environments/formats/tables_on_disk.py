"""One small table, written in every format that is read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyreadstat
import zstandard

N = 60


def patients() -> pd.DataFrame:
    """Sixty rows with whole numbers, decimals, texts that look like numbers, gaps and classes."""
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "hospital": np.array(["north", "south", "Übersee"])[np.arange(N) % 3],
            "age": rng.integers(18, 90, N),
            "weight": np.where(np.arange(N) % 9 == 4, np.nan, rng.normal(70, 9, N).round(2)),
            "code": [f"A{k:02d}" for k in rng.integers(0, 9, N)],
            "cost": (rng.normal(size=N) * 8).round(3),
        }
    )


def as_sqlite(table: pd.DataFrame, path: Path) -> None:
    """Write a database of one table, ``patients``."""
    connection = sqlite3.connect(path)
    table.to_sql("patients", connection, index=False)
    connection.close()


def as_duckdb(table: pd.DataFrame, path: Path) -> None:
    """Write a database of one table, ``patients``."""
    with duckdb.connect(str(path)) as connection:
        texts = table.select_dtypes("str").columns  # older versions know them as objects alone
        connection.register("given", table.astype(dict.fromkeys(texts, object)))
        connection.execute("CREATE TABLE patients AS SELECT * FROM given")


def _zipped(table: pd.DataFrame, path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._t.csv", b"\0")
        archive.writestr("folder/t.csv", _text(table))


def _text(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def _lines(table: pd.DataFrame) -> bytes:
    return table.to_json(orient="records", lines=True, force_ascii=False).encode()


def _packed(pack: Callable[[bytes], bytes], text: Callable[[pd.DataFrame], bytes] = _text):
    return lambda table, path: path.write_bytes(pack(text(table)))


WRITERS: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "t.csv": _packed(bytes),
    "t.csv.gz": _packed(gzip.compress),
    "t.csv.bz2": _packed(bz2.compress),
    "t.csv.xz": _packed(lzma.compress),
    "t.csv.zst": _packed(zstandard.compress),
    "t.csv.zip": _zipped,
    "t.jsonl": _packed(bytes, _lines),
    "t.ndjson.gz": _packed(gzip.compress, _lines),
    "t.json": lambda table, path: table.to_json(path, orient="records"),
    "t.parquet": lambda table, path: table.to_parquet(path),
    "t.feather": lambda table, path: table.to_feather(path),
    "t.xlsx": lambda table, path: table.to_excel(path, index=False),
    "t.dta": lambda table, path: table.to_stata(path, write_index=False, version=118),
    "t.sav": lambda table, path: pyreadstat.write_sav(table, path),
    "t.xpt": lambda table, path: pyreadstat.write_xport(table, path, file_format_version=5),
    "t.db": as_sqlite,
    "t.duckdb": as_duckdb,
}


def as_sas(table: pd.DataFrame, path: Path, page: int = 1 << 15) -> None:
    """Write a .sas7bdat of one page, for which there is no writer: numbers of 8 bytes, and texts.

    Little-endian, of 32 bits, UTF-8 and not compressed, as M. Shotwell described the format (2014,
    "SAS7BDAT Database Binary Format").
    """
    kinds = [column.dtype.kind in "if" for _, column in table.items()]
    widths = [
        8 if number else int(column.str.encode("utf-8").str.len().max())
        for number, (_, column) in zip(kinds, table.items(), strict=True)
    ]
    starts = np.concatenate([[0], np.cumsum(widths)])
    rows = b"".join(
        b"".join(
            struct.pack("<d", value) if number else value.encode().ljust(width)
            for value, number, width in zip(row, kinds, widths, strict=True)
        )
        for row in table.itertuples(index=False)
    )
    names = bytearray(16)
    places = []
    for name in table.columns:
        places.append((len(names), len(name)))
        names += name.encode() + bytes(-len(name) % 4)
    struct.pack_into("<H", names, 0, len(names))
    size = bytearray(480)
    size[:4] = b"\xf7" * 4
    for at, value in ((20, starts[-1]), (24, len(table)), (36, len(kinds)), (60, len(table))):
        struct.pack_into("<I", size, at, int(value))
    vectors = b"".join(
        struct.pack("<IIHBx", int(start), width, 0, 1 if number else 2)
        for start, width, number in zip(starts, widths, kinds, strict=False)
    )
    pointers = b"".join(struct.pack("<HHHxx", 0, at, length) for at, length in places)
    subheaders = [
        bytes(size),
        b"\xf6" * 4 + struct.pack("<II", len(kinds), 0),
        b"\xfd\xff\xff\xff" + bytes(names),
        b"\xff\xff\xff\xff" + bytes(8) + pointers + bytes(8),
        b"\xfc\xff\xff\xff" + bytes(8) + vectors + bytes(8),
        *[b"\xfe\xfb\xff\xff" + bytes(48)] * len(kinds),
    ]
    body = bytearray(page)
    struct.pack_into("<HHH", body, 16, 0x200, len(subheaders) + len(table), len(subheaders))
    end = page
    for k, content in enumerate(subheaders):
        end -= len(content) + -len(content) % 8
        body[end : end + len(content)] = content
        struct.pack_into("<IIBBxx", body, 24 + 12 * k, end, len(content), 0, 0)
    first = 24 + 12 * len(subheaders)
    first += first % 8
    body[first : first + len(rows)] = rows
    assert first + len(rows) <= end
    header = bytearray(1024)
    header[12:32] = bytes.fromhex("c2ea8160b31411cfbd92080009c7318c181f1011")
    header[32:40] = b'""\x00""\x01"1'
    header[70] = 20  # UTF-8
    struct.pack_into("<III", header, 196, len(header), page, 1)
    path.write_bytes(bytes(header + body))


WRITERS["t.sas7bdat"] = as_sas
