"""One small table, written in every format that is read."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sqlite3
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
        connection.register("given", table)
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
