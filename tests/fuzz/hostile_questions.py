"""Questions to a study's records, with options, data and records that they do not expect."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from hostile_commands import TALL, databases
from hostile_values import NUMBERS, TEXTS, Draw, choose, damaged, good_table, often

OPTIONS = {
    "explain": ["--study", "--data", "--method", "--parts", "--along", "--subgroups", "--without",
                "--out", "--seed", "--json", "--quiet"],
    "mend": ["--study", "--data", "--seeds", "--turns", "--out", "--seed", "--json", "--quiet"],
    "fit": ["--method", "--out", "--steps", "--seeds", "--metric", "--model", "--keep-models",
            "--json", "--quiet"],
}  # fmt: skip
PARTS = (
    "decomposition", "columns", "segments", "factors", "subgroups", "inside_outside", "nothing",
    "columns,columns", ",", "a", "b,c", "h", "y", "k", "a,a", "erm", "sklearn:LogisticRegression",
    "best", "good",
)  # fmt: skip


def questions(draw: Draw, folder: Path, whole: Path) -> list[str]:
    """A question to the records of a study, spoiled in one way: options, data or records."""
    name = choose(draw, list(OPTIONS))
    data = folder / "moved.csv"
    if often(draw, 0.3):
        *_, path = [word for word in databases(draw, folder, whole) if word.endswith(".db")] or [""]
        path = path or str(folder / "out" / "records.db")
    else:
        path = str(shutil.copy(whole, folder / "records.db"))
        shutil.copy(whole.parent / "good.csv", folder / "good.csv")
    command = [name, path if name != "fit" else str(Path(path).parent)]
    if name != "fit" and often(draw, 0.3):
        data.write_bytes(_data(draw, whole.parent / "good.csv"))
        command += ["--data", str(data)]
    for _ in range(int(draw.integers(3))):
        command.append(choose(draw, OPTIONS[name]))
        if command[-1] not in ("--json", "--quiet") or often(draw, 0.1):
            command.append(str(choose(draw, choose(draw, [PARTS, PARTS, NUMBERS, TEXTS, TALL]))))
    return [argument.replace("\0", "") for argument in command]


def _data(draw: Draw, good: Path) -> bytes:
    """The study's table, or what has become of it."""
    match int(draw.integers(4)):
        case 0:
            return damaged(draw, good.read_bytes())
        case 1:
            return good_table(np.random.default_rng(1)).to_csv(index=False).encode()
        case 2:
            lines = good.read_bytes().splitlines(keepends=True)
            return b"".join([lines[0], *reversed(lines[1:])])
        case _:
            return good.read_bytes()
