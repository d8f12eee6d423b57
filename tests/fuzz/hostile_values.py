"""Values and tables that people and programs write by mistake or by intent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

Draw = np.random.Generator

TEXTS = (
    "", " ", "?", "NA", "nan", "None", "inf", "-inf", "1e400", "1e-400", "-0", "0x1F", "1_000",
    "１２３", "٣٤", "²", "9" * 25, "9" * 400, "9" * 4300, "1" * 5000, "1,5", "1.234,5", "1'000",
    "5%", "12-31", "2024-02-30", "9999-12-31T25:61", "true", "TRUE", "yes", "\x00", "\x1b[2J",
    "\x9b31m", '"', "'", '""', "a\nb", "a\r", "a,b", "a\tb", "\u200b", "\ufeff", "\u202ex",
    "\u0301", "é", "e\u0301",
    "مستشفى", "😀", "\U0010ffff", "\ufffe", "=1+1", "@x", "[red]", ":smile:", "<b>", "{{x}}", "%s",
    "..", "../x", "/", "\\", "NULL", "-", "--help", "y", "h", "a", "x" * 300, "w" * 100_000,
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2, 3, 255, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 10**400,
    1e308, -1e308, 5e-324, 1e-300, 0.1, -0.0, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip


def choose(draw: Draw, values: Any) -> Any:
    """One of the values, of its own type."""
    return values[int(draw.integers(len(values)))]


def often(draw: Draw, share: float) -> bool:
    return bool(draw.random() < share)


def good_table(draw: Draw, classes: bool | None = None) -> pd.DataFrame:
    """Six environments of 20 rows that any command can use."""
    table = pd.DataFrame(draw.normal(size=(120, 3)).round(3), columns=["a", "b", "c"])
    table["h"] = np.repeat(list("uvwxst"), 20)
    target = table["a"] + draw.normal(size=120).round(3)
    if often(draw, 0.5) if classes is None else classes:
        table["y"] = np.where(target > 0, "yes", "no")
    else:
        table["y"] = target.round(3)
    table["k"] = draw.integers(0, 4, 120)
    return table


def scores(draw: Draw) -> pd.DataFrame:
    """A table of scores: three methods, four environments, two seeds."""
    index = pd.MultiIndex.from_product([["m", "n", "o"], list("uvwx"), [0, 1]])
    table = index.to_frame(index=False, name=["method", "environment", "seed"])
    return table.assign(score=draw.random(len(table)).round(4))


def damaged(draw: Draw, content: bytes) -> bytes:
    """Bytes cut short, altered, repeated or with others between them."""
    data = bytearray(content)
    for _ in range(int(draw.integers(1, 4))):
        at = int(draw.integers(len(data) + 1))
        match int(draw.integers(6)):
            case 0:
                del data[at:]
            case 1 if data:
                for place in draw.integers(len(data), size=int(draw.integers(1, 20))).tolist():
                    data[place] = int(draw.integers(256))
            case 2:
                data[at:at] = draw.bytes(int(draw.integers(1, 200)))
            case 3:
                del data[at : at + int(draw.integers(1, 50))]
            case 4:
                data[at:at] = data[: int(draw.integers(1, 300))]
            case _:
                data[at:at] = choose(
                    draw, [b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b'"', b"\r", b"\n"]
                )
        if not data:
            break
    return bytes(data)
