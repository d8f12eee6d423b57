"""Special files, study files, options and databases that no command expects."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sqlite3
import threading
from pathlib import Path
from typing import Any

import yaml
from hostile_files import COLUMNS, QUICK
from hostile_values import NUMBERS, TEXTS, Draw, choose, damaged, good_table, often, scores

SPECIAL = (
    "/dev/zero", "/dev/null", "/dev/full", "/dev/random", "/dev/tty", "/proc/self/mem",
    "/proc/kmsg",
    "/proc/self/environ", "/", ".", "..", "", " ", "~", "~nobody-of-that-name/x.csv", "~root/\0",
    "x" * 300, "x" * 300 + ".csv", "x/" * 3000, "a\0b", "a\nb", "\udcff", "\ud800.csv", "-", "--",
    "file:///etc/passwd", "http://127.0.0.1:1/x.csv", "s3://bucket/x.csv", "sqlite:///",
    "sqlite://",
    "sqlite:////dev/zero", "sqlite:////dev/null", "sqlite:///?x=1", "sqlite://me:pw@/x.db", "x://",
    "postgresql://", "postgresql://me:pw@127.0.0.1:1/db", "mysql://x", "sqlite:///a\0b.db",
    "postgresql://[::1", "postgresql://h:99999999/db", "sqlite:///file:x?mode=memory&uri=true",
    "sqlite:///" + "x" * 400,
)  # fmt: skip


def special(draw: Draw, folder: Path) -> list[str]:
    """A path that is no ordinary file, in any place that takes a path."""
    good = folder / "good.csv"
    good_table(draw).to_csv(good, index=False)
    odd = choose(draw, [*SPECIAL, *("fifo", "writer", "loop", "socket", "folder", "hidden") * 3])
    odd = _made(draw, folder, odd) if "/" not in odd and odd.isalpha() else odd
    ending = choose(draw, ["", "", "", ".csv", ".npz", ".parquet", ".yaml", ".db"])
    odd = odd + ending if often(draw, 0.2) else odd
    name, out = str(good), str(folder / "out")
    run = ["run", name, *COLUMNS, *QUICK, "--methods", "erm"]
    forms = [
        ["run", odd, *COLUMNS, *QUICK, "--methods", "erm", "--out", out], [*run, "--out", odd],
        ["run", odd], [*run, "--out", out, "--store", odd], [*run, "--out", odd, "--fresh"],
        ["compare", odd, "--out", out, "--replicates", "100"], ["compare", name, "--out", odd],
        ["shift", odd, name], ["shift", name, odd], ["report", odd], ["report", odd, "--out", odd],
        ["plan", odd, "--detect", "0.1"], ["examples", odd], ["clean", odd], ["migrate", odd],
        ["forecast", name, *COLUMNS, "--new", odd, "--seeds", "1", "--steps", "2"],
        ["detect", "--normal", odd, "--other", name, "--detectors", "knn"],
        ["detect", name, *COLUMNS, "--detectors", "knn", "--seeds", "1", "--out", odd],
        ["detect", name, *COLUMNS, "--detectors", "knn", "--seeds", "1", "--store", odd],
    ]  # fmt: skip
    return choose(draw, forms)


def _made(draw: Draw, folder: Path, kind: str) -> str:
    path = folder / "odd"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "writer":
            os.mkfifo(path)
            content = scores(draw).to_csv(index=False).encode() * int(choose(draw, [1, 1, 500]))
            threading.Thread(target=_write, args=(path, content), daemon=True).start()
        case "loop":
            path.symlink_to("odd")
        case "socket":
            with contextlib.suppress(OSError):  # a path may be too long for one
                socket.socket(socket.AF_UNIX).bind(str(path))
        case "folder":
            path.mkdir()
        case "hidden":
            path.write_text("a,b\n1,2\n")
            path.chmod(0)
    return str(path)


def _write(path: Path, content: bytes) -> None:
    with contextlib.suppress(OSError):
        path.write_bytes(content)


KEYS = (
    "data", "target", "environment", "suite", "methods", "seeds", "trials", "steps", "batch",
    "checkpoints", "curves", "model", "metric", "splits", "task", "drop", "factors", "selection",
    "inner", "until_decided", "keep_models", "out", "store", "jobs", "threads", "memory", "device",
    "executor", "precision", "query", "environment_from", "drop_missing", "min_examples",
)  # fmt: skip
RAW = (
    "2024-13-45", "2024-02-30 25:61:61", "0o9", "0x", "1:2:3:99", "1e999", ".inf", "-.inf", ".nan",
    "9" * 5000, "-" + "9" * 30, "0b2", "1_0", "!!python/object:os.system x", "!!binary x",
    "!!int x",
    "!!float x", "!!timestamp x", "!!set {a}", "!!omap [a: 1]", "!!bool x", "!!null x", "&a [*a]",
    "*nothing", "<<: 1", '"\\ud800"', '"\\x00"', '"\\uD83D"', "'", '"', "[", "{", "|", ">",
    "%YAML 9",
    "? [a]\n: 1", "{[]: 1}", "{{}: 1}", "~", "yes", "on", "2001-01-01", "12:30:45", "- - - -", "@",
    "`",
    "[" * 500 + "]" * 500, "{a: " * 500 + "1" + "}" * 500, "- " * 2000, "[" * 20_000,
)  # fmt: skip
TALL = (
    "digits-writers", "linear-shift", "mlp(64)", "mlp(1000000000)", "mlp(" + "9," * 3000 + "9)",
    "mlp()", "mlp(0)", "mlp(-1)", "mlp(" + "9" * 5000 + ")", "cnn", "linear", "log:20",
    "log:1000000000", "linear:0", "1,2,3", "9" * 30, "leave-one-out", "leave-2-out",
    "leave-1000000000-out", "leave-0-out", "extrapolate:k", "forward:h", "combinations:h,k",
    "flip:k@0.9", "flip:k@nan", "hold-out:u", "hold-out:", "hold-out:" + "u," * 5000, "oracle",
    "bf16",
    "leave-one-environment-out", "threads", "ray://nowhere.invalid:1", "dask://x:1", "auto", "all",
    "none", "cuda", "accuracy", "r2", "log_loss", "erm", "irm:penalty=1e400", "irm:penalty=NaN",
    "erm:lr=" + "9" * 400, "sklearn:Ridge:alpha=-1", "sklearn:SVC:C=[1]", "sklearn:", ":", "=", ";",
    "sklearn:Ridge:alpha=" + "[" * 3000,
    "sklearn:VotingClassifier", "irm:penalty=" + "9" * 5000, "sklearn:Ridge:solver=x",
)  # fmt: skip


def study_files(draw: Draw, folder: Path) -> list[str]:
    """A study file whose keys, values or text are not what is wanted."""
    good_table(draw).to_csv(folder / "good.csv", index=False)
    base: dict[str, Any] = {
        "data": "good.csv", "target": "y", "environment": "h", "methods": ["erm"], "seeds": 1,
        "steps": 2, "model": "linear", "threads": 1, "jobs": 1, "out": str(folder / "out"),
    }  # fmt: skip
    for _ in range(int(draw.integers(0, 4))):
        base[choose(draw, KEYS) if often(draw, 0.9) else choose(draw, TEXTS)] = _value(draw)
    lines = [
        yaml.safe_dump({key: value}, allow_unicode=often(draw, 0.5)) for key, value in base.items()
    ]
    if often(draw, 0.5):
        lines.append(f"{choose(draw, KEYS)}: {choose(draw, RAW)}\n")
    if often(draw, 0.05):
        names = [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9) if k else 'x'}]\n" for k in range(9)]
        lines += [*names, f"{choose(draw, KEYS)}: *a8\n"]
    content = "".join(lines).encode(choose(draw, ["utf-8"] * 9 + ["utf-16"]), "replace")
    if often(draw, 0.15):
        content = damaged(draw, content)
    path = folder / "study.yaml"
    path.write_bytes(content)
    return ["run", str(path), *(["--print-study"] if often(draw, 0.2) else [])]


def _value(draw: Draw, depth: int = 0) -> Any:
    match int(draw.integers(7 if depth < 3 else 5)):
        case 0:
            return choose(draw, TEXTS)
        case 1:
            return choose(draw, NUMBERS)
        case 2:
            return choose(draw, [True, False, None])
        case 3 | 4:
            return choose(draw, TALL)
        case 5:
            return [_value(draw, depth + 1) for _ in range(int(draw.integers(0, 4)))]
        case _:
            keys = [choose(draw, ["erm", "irm", "sklearn:Ridge", *TEXTS]) for _ in range(2)]
            return {key: _value(draw, depth + 1) for key in keys}


def flags(draw: Draw, folder: Path) -> list[str]:
    """Options of every command, with values that no option expects."""
    good = str(folder / "good.csv")
    good_table(draw).to_csv(good, index=False)
    scores(draw).to_csv(folder / "scores.csv", index=False)
    quick = ["--steps", "2", "--seeds", "1"]
    commands: list[tuple[list[str], list[str]]] = [
        (
            ["run", good, *COLUMNS, *QUICK, "--methods", "erm", "--out", str(folder / "out")],
            [f"--{key.replace('_', '-')}" for key in KEYS[1:]] + ["--fresh", "--json", "--quiet"],
        ),
        (
            ["compare", str(folder / "scores.csv"), "--out", str(folder / "out")],
            ["--method", "--environment", "--seed", "--score", "--baseline", "--margin", "--metric",
             "--best-score", "--level", "--replicates", "--study", "--json", "--lower-is-better"],
        ),
        (["shift", good, good], ["--environment", "--drop", "--alpha", "--seed", "--json"]),
        (
            ["detect", good, *COLUMNS, *quick, "--model", "linear", "--detectors", "knn"],
            ["--model", "--detectors", "--seeds", "--trials", "--steps", "--drop", "--task",
            "--suite"],
        ),
        (
            ["forecast", good, *COLUMNS, *quick, "--model", "linear"],
            ["--model", "--seeds", "--steps", "--drop", "--task", "--suite", "--target"],
        ),
        (["methods"], ["--json", "--x"]),
    ]  # fmt: skip
    command, options = choose(draw, commands)
    numbers = ["0", "-1", "1", "2", "0.5", "1e9", "nan", "inf", "1000000000", "9" * 30, "9" * 5000]
    for _ in range(int(draw.integers(1, 4))):
        command = [*command, choose(draw, options)]
        if often(draw, 0.9):
            command.append(str(choose(draw, [*numbers, *choose(draw, [numbers, TALL, TEXTS])])))
    # No system hands a program an argument with this character in it.
    return [argument.replace("\0", "") for argument in command]


def databases(draw: Draw, folder: Path, whole: Path) -> list[str]:
    """Records of a study, damaged in their file or in their rows."""
    (folder / "out").mkdir()
    path = folder / "out" / "records.db"
    shutil.copy(whole, path)
    if often(draw, 0.3):
        path.write_bytes(b"SQLite format 3\0" + damaged(draw, path.read_bytes())[16:])
    else:
        for _ in range(int(draw.integers(1, 4))):
            with contextlib.closing(sqlite3.connect(path)) as connection:
                with contextlib.suppress(sqlite3.Error):
                    _spoil_rows(draw, connection)
                connection.commit()
    name = str(path)
    table = str(whole.parent / "good.csv")
    forms = [
        ["report", name], ["report", name, "--curves"], ["plan", name, "--detect", "0.05"],
        ["compare", name, "--out", str(folder / "c"), "--replicates", "100"], ["examples", name],
        ["clean", name, "--to", "0"], ["clean", name, "--older-than", "1"], ["migrate", name],
        ["run", table, *COLUMNS, *QUICK, "--methods", "erm,sklearn:Ridge", "--out",
        str(folder / "out")],
        ["report", name, "--study", "good"],
    ]  # fmt: skip
    return choose(draw, forms)


def _spoil_rows(draw: Draw, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA ignore_check_constraints=ON")
    names = [
        row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
    ]
    table = choose(draw, names)
    columns = [row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')]
    column = choose(draw, columns)
    values: list[Any] = [
        "{", "[1, 2", "[]", "{}", "null", '"x"', '{"a": NaN}', "[[[]]]", "[" * 3000, "2024-02-30",
        "yesterday", "", "x", b"", b"x", b"\xff\x00", None, 0, -1, 10**6, 2**62, 1e308,
        float("nan"),
        '["u"]', "9" * 5000, '{"a": ' + "9" * 5000 + "}", "\udcff", "2024-01-01 00:00:00.000000",
    ]  # fmt: skip
    value = choose(draw, values)
    with contextlib.suppress(UnicodeError):
        match int(draw.integers(6)):
            case 0 | 1:
                connection.execute(f'UPDATE "{table}" SET "{column}" = ?', (value,))
            case 2:
                where = f'rowid = (SELECT rowid FROM "{table}" ORDER BY random() LIMIT 1)'
                connection.execute(f'UPDATE "{table}" SET "{column}" = ? WHERE {where}', (value,))
            case 3:
                connection.execute(
                    f'DELETE FROM "{table}" WHERE rowid % 2 = {choose(draw, [0, 1])}'
                )
            case 4:
                connection.execute(
                    choose(draw, [f'DROP TABLE "{table}"', f'DELETE FROM "{table}"',
                                  f'ALTER TABLE "{table}" DROP COLUMN "{column}"'])
                )  # fmt: skip
            case _:
                blobs = f"typeof(\"{column}\") = 'blob'"
                query = f'SELECT rowid, "{column}" FROM "{table}" WHERE {blobs}'
                for row, blob in connection.execute(query).fetchall()[:5]:
                    changed = damaged(draw, blob)
                    connection.execute(
                        f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (changed, row)
                    )
