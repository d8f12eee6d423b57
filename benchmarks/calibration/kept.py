"""Tables of a part as they were measured, kept in a file of its own, one row a line.

The page is made of what is kept, so that one part can be measured again without the others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.calibration.frame import Measured, Quantity, Row, Table

FOLDER = Path(__file__).parent / "measured"


def keep(name: str, tables: Sequence[Table], folder: Path = FOLDER) -> None:
    """Write the tables of a part in place of what was kept of it."""
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(line, allow_nan=False) for table in tables for line in _lines(table)]
    _path(name, folder).write_text("\n".join(lines) + "\n", encoding="utf-8")


def kept(name: str, folder: Path = FOLDER) -> list[Table]:
    """The tables of a part as they were kept; none where it was never measured."""
    path, found = _path(name, folder), list[Table]()
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for values in map(json.loads, lines):
        if "title" in values:
            quantities = tuple(_quantity(own) for own in values["quantities"])
            found.append(
                Table(values["title"], values["words"], tuple(values["settings"]), quantities, ())
            )
            continue
        measured = tuple(
            Measured(*(math.nan if v is None else v for v in p)) for p in values["found"]
        )
        last = found.pop()
        rows = (*last.rows, Row(tuple(values["setting"]), measured))
        found.append(Table(last.title, last.words, last.settings, last.quantities, rows))
    return found


def _path(name: str, folder: Path) -> Path:
    return folder / f"{name}.jsonl"


def _lines(table: Table) -> list[dict[str, Any]]:
    head = {
        "title": table.title,
        "words": table.words,
        "settings": table.settings,
        "quantities": [
            {
                "name": q.name,
                "percent": q.percent,
                "most": q.most if math.isfinite(q.most) else None,
                "least": q.least if math.isfinite(q.least) else None,
            }
            for q in table.quantities
        ],
    }
    rows = [
        {
            "setting": row.setting,
            "found": [[None if math.isnan(v) else float(v) for v in one] for one in row.found],
        }
        for row in table.rows
    ]
    return [head, *rows]


def _quantity(values: dict[str, Any]) -> Quantity:
    return Quantity(**{name: value for name, value in values.items() if value is not None})
