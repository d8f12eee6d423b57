"""Tables, Parquet files, NumPy archives and image folders that no reader expects."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import sqlite3
import struct
import warnings
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import zstandard
from hostile_values import NUMBERS, TEXTS, Draw, choose, damaged, good_table, often, scores
from PIL import Image

QUICK = ["--steps", "2", "--seeds", "1", "--model", "linear", "--threads", "1", "--jobs", "1"]
COLUMNS = ["--target", "y", "--environment", "h"]


def table_commands(draw: Draw, path: Path, good: Path) -> list[str]:
    """A command that reads a table."""
    name, other = str(path), str(good)
    out = str(path.parent / "out")
    forms = [
        ["run", name, *COLUMNS, *QUICK, "--out", out, "--methods", "erm"],
        ["run", name, *COLUMNS, *QUICK, "--out", out, "--methods", "erm,sklearn:Ridge"],
        ["run", name, *QUICK, "--out", out, "--target", choose(draw, list("yhabk")),
         "--environment", choose(draw, list("yhabk")), "--methods", "erm"],
        ["run", name, *COLUMNS, *QUICK, "--out", out, "--factors", choose(draw, list("abk")),
         "--splits", f"{choose(draw, ['forward', 'extrapolate'])}:{choose(draw, list('abk'))}"],
        ["compare", name, "--out", out, "--replicates", "100"],
        ["shift", name, other],
        ["shift", other, name, "--environment", "h"],
        ["detect", "--normal", name, "--other", other, "--detectors", "knn", "--seeds", "1"],
        ["forecast", other, *COLUMNS, "--new", name, "--seeds", "1", "--steps", "2",
         "--model", "linear"],
    ]  # fmt: skip
    return choose(draw, forms)


def tables(draw: Draw, folder: Path) -> list[str]:
    """A text table, its cells, header and bytes changed."""
    frame = (good_table if often(draw, 0.7) else scores)(draw).astype(object)
    good = folder / "good.csv"
    good_table(draw).to_csv(good, index=False)
    for _ in range(choose(draw, [0, 1, 1, 2, 3])):
        _spoil(draw, frame)
    columns = [c if often(draw, 0.98) else choose(draw, TEXTS) for c in frame.columns]
    text = _text(draw, frame, columns)
    content = text.encode(choose(draw, ["utf-8"] * 20 + ["utf-16", "latin-1", "utf-32"]), "replace")
    if often(draw, 0.15):
        content = gzip.compress(content)
    if often(draw, 0.2):
        content = damaged(draw, content)
    ending = choose(
        draw, [".csv"] * 20 + [".tsv", ".txt", ".csv.gz", ".parquet", ".npz", "", ".idx"]
    )
    path = folder / f"data{ending}"
    path.write_bytes(content)
    return table_commands(draw, path, good)


def _spoil(draw: Draw, frame: pd.DataFrame) -> None:
    column = choose(draw, list(frame.columns))
    place = frame.columns.get_loc(column)
    match int(draw.integers(5)):
        case 0:
            frame.iloc[int(draw.integers(len(frame))), place] = choose(draw, TEXTS)
        case 1:
            frame[column] = choose(draw, TEXTS)
        case 2:
            frame[column] = [choose(draw, TEXTS[:-1]) for _ in range(len(frame))]
        case 3:
            frame[column] = [choose(draw, NUMBERS) for _ in range(len(frame))]
        case _:
            rows = draw.integers(len(frame), size=int(draw.integers(1, 20)))
            frame.iloc[rows, place] = choose(draw, TEXTS)


def _text(draw: Draw, frame: pd.DataFrame, columns: list[str]) -> str:
    delimiter = choose(draw, [","] * 6 + [";", "\t", "|", " "])
    if often(draw, 0.8):
        buffer = io.StringIO()
        frame.set_axis(columns, axis=1).to_csv(buffer, index=False, sep=delimiter)
        text = buffer.getvalue()
    else:  # nothing is quoted
        rows = [columns, *frame.astype(str).to_numpy().tolist()]
        text = "\n".join(delimiter.join(map(str, row)) for row in rows)
    match int(draw.integers(30)):
        case 0:
            text = text.replace("\n", "\r")
        case 1:
            text = text.partition("\n")[2]
        case 2:
            text = text.partition("\n")[0] + "\n"
        case 3:
            text = "\n".join(line + delimiter * int(draw.integers(3)) for line in text.split("\n"))
        case 4:
            header = delimiter.join(f"c{k}" for k in range(3000))
            text = f"{header}\n" + f"{delimiter.join(['1'] * 3000)}\n" * 3
    return text


def _parquet_columns(draw: Draw, n: int) -> Any:
    """One column of any of Arrow's types."""
    start = date(2020, 1, 1)
    whole = draw.integers(0, 5, n)
    makers: list[Any] = [
        lambda: pa.array([[1, 2]] * n),
        lambda: pa.array([[]] * n, pa.list_(pa.float64())),
        lambda: pa.array([{"p": 1, "q": "x"}] * n),
        lambda: pa.array([[("k", 1)]] * n, pa.map_(pa.string(), pa.int64())),
        lambda: pa.array([Decimal(int(k)) / 7 for k in whole], pa.decimal128(38, 20)),
        lambda: pa.array([Decimal("9" * 60)] * n, pa.decimal256(70, 2)),
        lambda: pa.array([2**60] * n, pa.timestamp("s")),
        lambda: pa.array([int(k) for k in whole], pa.timestamp("ns", tz="Europe/Paris")),
        lambda: pa.array([-(2**55)] * n, pa.timestamp("us")),
        lambda: pa.array([start + timedelta(int(k)) for k in whole], pa.date32()),
        lambda: pa.array([2**30] * n, pa.date32()),
        lambda: pa.array([2**62] * n, pa.date64()),
        lambda: pa.array([int(k) for k in whole], pa.time64("us")),
        lambda: pa.array([int(k) for k in whole], pa.duration("s")),
        lambda: pa.array([b"\xff\x00"] * n, pa.binary()),
        lambda: pa.array([bytes([int(k)]) for k in whole], pa.binary(1)),
        lambda: pa.nulls(n),
        lambda: pa.array([2**64 - 1 - int(k) for k in whole], pa.uint64()),
        lambda: pa.array(whole.astype(np.float16)),
        lambda: pa.array([None if k == 0 else str(k) for k in whole]).dictionary_encode(),
        lambda: pa.array([{"k": int(k)} for k in whole]).dictionary_encode(),
        lambda: pa.array([bool(k) for k in whole]),
        lambda: pa.array([choose(draw, NUMBERS[-12:]) for _ in range(n)], pa.float64()),
        lambda: pa.array([choose(draw, TEXTS) for _ in range(n)], pa.large_string()),
        lambda: pa.array([str(k) for k in whole], pa.string_view()),
        lambda: pa.RunEndEncodedArray.from_arrays([n], [1.5]),
    ]  # fmt: skip
    for _ in range(5):
        with contextlib.suppress(Exception):
            return choose(draw, makers)()
    return pa.array([1.0] * n)


def parquet(draw: Draw, folder: Path) -> list[str]:
    """A Parquet file with columns, an index, metadata or bytes of any kind."""
    good = folder / "good.csv"
    good_table(draw).to_csv(good, index=False)
    frame = good_table(draw)
    table = pa.Table.from_pandas(frame)
    for _ in range(int(draw.integers(0, 4))):
        place = int(draw.integers(table.num_columns))
        name = table.column_names[place] if often(draw, 0.8) else choose(draw, TEXTS)
        table = table.set_column(place, name, _parquet_columns(draw, len(frame)))
    metadata = dict(table.schema.metadata or {})
    if often(draw, 0.3):
        said = metadata.get(b"pandas", b"{}")
        swaps = [
            (b'"name": "a"', b'"name": "h"'), (b'"range"', b'"text"'), (b'"stop": 120',
            b'"stop": 1'),
            (b'"index_columns": [', b'"index_columns": ["a", '), (b'"float64"', b'"nonsense"'),
            (b'"float64"', b'"datetime64[ns]"'), (b'"object"', b'"categorical"'),
            (b'"column_indexes": [', b'"column_indexes": [1, '), (b"{", b"["), (b"null", b"{}"),
        ]  # fmt: skip
        metadata[b"pandas"] = said.replace(*choose(draw, swaps))
        table = table.replace_schema_metadata(metadata)
    buffer = io.BytesIO()
    try:
        pq.write_table(table, buffer, compression=choose(draw, ["snappy", "gzip", "none", "zstd"]))
    except Exception:  # not every type has a form in Parquet
        buffer = io.BytesIO()
        frame.set_index("a" if often(draw, 0.5) else ["h", "a"]).to_parquet(buffer)
    content = buffer.getvalue()
    if often(draw, 0.3):
        content = b"PAR1" + damaged(draw, content)[4:]
    path = folder / choose(draw, ["data.parquet", "data.csv"])
    path.write_bytes(content)
    return table_commands(draw, path, good)


def formats(draw: Draw, folder: Path) -> list[str]:
    """A table of another format, its cells or bytes changed, or a query of any text."""
    good = folder / "good.csv"
    good_table(draw).to_csv(good, index=False)
    frame = good_table(draw)
    for _ in range(choose(draw, [0, 0, 1, 2])):
        frame = frame.astype(object)
        _spoil(draw, frame)
    ending = choose(draw, list(_WRITERS))
    path = folder / f"data{ending}"
    try:
        _WRITERS[ending](frame, path)
    except Exception:  # not every value has a form in every format
        path.unlink(missing_ok=True)
        _WRITERS[ending](good_table(draw), path)
    if often(draw, 0.4):
        content = path.read_bytes()
        keep = choose(draw, [0, 4, 16, 100])
        path.write_bytes(content[:keep] + damaged(draw, content[keep:]))
    if often(draw, 0.1):
        path = path.rename(folder / choose(draw, ["data.csv", "data.xlsx", "data.dta", "data.sav"]))
    command = table_commands(draw, path, good)
    if often(draw, 0.3):
        odd = choose(draw, ["#Sheet1", "#", "#x#y", "?", "[", "*", f"#{choose(draw, TEXTS)}"])
        command = [word + odd if word == str(path) else word for word in command]
    elif often(draw, 0.3):
        asked = choose(draw, [*_QUERIES, *TEXTS[:40]])
        kind = choose(draw, ["sqlite", "duckdb"])
        source = f"{kind}:///{path}?{choose(draw, ['query', 'table', 'x'])}={asked}"
        command = [source if word == str(path) else word for word in command]
    if command[0] == "run":
        spellings = ["h,k", "a:3", "k:1", "h,a:2", "b:year", ":", ",", "h:999", "a:5,b:5,c:5"]
        more = [[], ["--drop-missing"], ["--min-examples", "5"], ["--environment-from", "file"],
                ["--splits", "column:k"], ["--splits", "column:k=1"], ["--query", "SELECT 1"],
                ["--environment", choose(draw, spellings)]]  # fmt: skip
        command += choose(draw, more)
    return [word.replace("\0", "") for word in command]


_QUERIES = (
    "SELECT * FROM t", "SELECT 1", "SELECT * FROM t; DROP TABLE t", "DROP TABLE t", "t", "SELECT",
    "WITH RECURSIVE x AS (SELECT 1) SELECT * FROM x", "VALUES (1, 2)", "SELECT a a, b a FROM t",
    "SELECT * FROM read_text('/dev/null')", "SELECT zeroblob(10) a, 2 b", "COPY t TO 'x'", "FROM t",
)  # fmt: skip


def _sqlite(table: pd.DataFrame, path: Path) -> None:
    connection = sqlite3.connect(path)
    table.to_sql("t", connection, index=False)
    connection.close()


def _packed(pack: Any) -> Any:
    return lambda table, path: path.write_bytes(pack(table.to_csv(index=False).encode()))


def _zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", content)
    return buffer.getvalue()


_WRITERS: dict[str, Any] = {
    ".xlsx": lambda table, path: table.to_excel(path, index=False),
    ".jsonl": lambda table, path: table.to_json(path, orient="records", lines=True),
    ".json": lambda table, path: table.to_json(path, orient="records"),
    ".feather": lambda table, path: table.to_feather(path),
    ".dta": lambda table, path: table.to_stata(path, write_index=False),
    ".sav": lambda table, path: pyreadstat.write_sav(table, path),
    ".xpt": lambda table, path: pyreadstat.write_xport(table, path, file_format_version=5),
    ".db": _sqlite,
    ".csv.bz2": _packed(bz2.compress),
    ".csv.xz": _packed(lzma.compress),
    ".csv.zst": _packed(zstandard.compress),
    ".csv.zip": _packed(_zipped),
}


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def _hostile_npy(draw: Draw) -> bytes:
    headers = [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (90, 100000000), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2.5,), }",
        "{'descr': 'nonsense', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
        "{'descr': [('a', '<f8', (10000000,))], 'fortran_order': False, 'shape': (90,), }",
        "{'descr': '<U100000000', 'fortran_order': False, 'shape': (90,), }",
        "(" * 3000, "{" * 300, "__import__('os')", "", "\0", "{'descr': " + "[" * 500,
    ]  # fmt: skip
    text = choose(draw, headers).encode()
    version = choose(draw, [b"\x01\x00", b"\x01\x00", b"\x03\x00", b"\x09\x00"])
    size = struct.pack("<H" if version[0] == 1 else "<I", len(text))
    return b"\x93NUMPY" + version + size + text + draw.bytes(64)


def arrays(draw: Draw, folder: Path) -> list[str]:
    """A NumPy archive with members of any kind and shape."""
    n = 90
    shape = choose(draw, [(n, 3), (n, 1), (n, 1, 8), (n, 1, 1, 1), (n, 3, 2, 2), (n,), (n, 0), ()])
    members: dict[str, Any] = {
        "X": draw.normal(size=shape),
        "y": draw.integers(0, 2, n),
        "environment": np.repeat(["u", "v", "w"], n // 3),
    }
    others: list[Any] = [
        np.array(["x"] * n, object), np.zeros(n, [("p", "<f8"), ("q", "U3")]), np.zeros((n, 2, 2)),
        np.arange(n).astype(">f8"), np.arange(n).astype(">i2"), np.array("x"), np.zeros(0),
        np.arange(n).astype("M8[D]"), np.full(n, "NaT", "M8[ns]"), np.arange(n) * 1j,
        np.arange(n) % 2 == 0, np.full(n, np.nan), np.full(n, np.inf), np.array([b"\xff"] * n),
        np.full(n, 2**64 - 1, np.uint64), np.arange(n).astype(np.float16), np.array(["\ud800"] * n),
        np.arange(n).astype("m8[s]"), np.arange(n, dtype=np.longdouble), np.full((n, 3), 1e308),
        np.full(n, 1e308), np.array([choose(draw, TEXTS) for _ in range(n)]), np.zeros((n, 1)),
        np.array([b"a\0b"] * n, "V3"), np.asfortranarray(draw.normal(size=(n, 3))),
    ]  # fmt: skip
    for _ in range(int(draw.integers(0, 3))):
        members[choose(draw, ["X", "y", "environment", "year", choose(draw, TEXTS[:-2])])] = choose(
            draw, others
        )
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for name, value in members.items():
            with contextlib.suppress(ValueError, OverflowError, UnicodeError, IndexError):
                archive.writestr(f"{name or 0}.npy", _npy(np.asarray(value)))
        match int(draw.integers(8)):
            case 0:
                archive.writestr("notes.txt", "no array")
            case 1:
                archive.writestr("y.npy", _npy(np.zeros(3)))
            case 2:
                archive.writestr(choose(draw, ["X.npy", "y.npy", "z.npy"]), _hostile_npy(draw))
            case 3:
                archive.writestr("X", b"no array")
            case 4 if often(draw, 0.1):
                archive.writestr("bomb.npy", _npy(np.zeros(300_000_000, np.uint8)))
    content = buffer.getvalue()
    if often(draw, 0.25):
        content = damaged(draw, content)
    if often(draw, 0.05):
        content = _hostile_npy(draw)
    path = folder / "data.npz"
    path.write_bytes(content)
    good = folder / "good.npz"
    where = np.repeat(["u", "v", "w"], n // 3)
    np.savez(good, X=draw.normal(size=(n, 3)), y=draw.integers(0, 2, n), environment=where)
    out = ["--out", str(folder / "out")]
    model = choose(draw, ["linear", "mlp(4)", "cnn"])
    quick = [*QUICK[:4], "--model", model, *QUICK[6:]]
    run = ["run", str(path), *quick, *out, "--methods", "erm"]
    forms = [
        run, run, [*run, "--target", choose(draw, ["X", "y", "environment", "year"])],
        [*run, "--environment", choose(draw, ["X", "y", "year"])], [*run, "--task", "regression"],
        [*run, "--drop", choose(draw, ["X", "year", "z", "notes.txt"])],
        ["forecast", str(good), "--new", str(path), "--seeds", "1", "--steps", "2", "--model",
        "linear"],
        ["detect", str(path), "--detectors", "knn", "--seeds", "1", "--steps", "2", "--model",
        model],
    ]  # fmt: skip
    return choose(draw, forms)


def images(draw: Draw, folder: Path) -> list[str]:
    """A folder of images, some of which are none."""
    home = folder / "images"
    side = choose(draw, [1, 2, 5, 8])
    for environment in "uvw":
        for kind in "pq":
            place = home / environment / kind
            place.mkdir(parents=True)
            for k in range(6):
                pixels = draw.integers(0, 256, (side, side)).astype(np.uint8)
                Image.fromarray(pixels).save(place / f"{k}.png")
    for _ in range(int(draw.integers(1, 4))):
        with contextlib.suppress(OSError, ValueError):
            _odd_image(draw, home / choose(draw, list("uvw")) / choose(draw, list("pq")))
    path = home if often(draw, 0.9) else choose(draw, [home / "u", home / "u" / "p", folder])
    model = choose(draw, ["linear", "mlp(4)", "cnn", "cnn"])
    quick = [*QUICK[:4], "--model", model, *QUICK[6:]]
    return ["run", str(path), *quick, "--methods", "erm", "--out", str(folder / "out")]


def _odd_image(draw: Draw, place: Path) -> None:
    mode = choose(draw, ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
    shape = choose(draw, [(1, 1), (3, 7), (20, 20), (1, 500)])
    made = Image.new(mode, shape)
    kind = choose(draw, ["png", "jpg", "gif", "tif", "bmp", "webp", "ppm"])
    target = place / f"odd.{kind}"
    match int(draw.integers(12)):
        case 0:
            place.joinpath("b\udcff.png").write_bytes((place / "0.png").read_bytes())
        case 1:
            (place / "folder.png").mkdir()
        case 2:
            os.mkfifo(place / "pipe.png")
        case 3:
            (place / "loop.png").symlink_to("loop.png")
        case 4:
            (place / "zero.png").symlink_to("/dev/zero")
        case 5:  # a header that promises more than there is
            header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
            (place / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + header + b"\0" * 40)
        case 6:
            target.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n")
        case 7:
            place.parent.joinpath(choose(draw, TEXTS[20:60])).mkdir()
        case 8:
            target.write_bytes(damaged(draw, (place / "0.png").read_bytes()))
        case 9:
            (place.parent / "up").symlink_to("..")
        case _:
            made.save(target)
            if often(draw, 0.5):
                target.write_bytes(damaged(draw, target.read_bytes()))
