"""A small table of hospitals, and studies of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

import gengap as gg


def patients(rows: int = 300, hospitals: int = 3, seed: int = 0) -> pd.DataFrame:
    """Patients of hospitals a, b, c ... with two numbers, one of them sometimes missing, and a
    category."""
    rng = np.random.default_rng(seed)
    where = rng.integers(0, hospitals, rows)
    frame = pd.DataFrame(
        {
            "age": rng.normal(60 + where, 10, rows).round(1),
            "ward": rng.choice(["north", "south", "west"], rows),
            "lab": np.where(rng.random(rows) < 0.1, np.nan, rng.gamma(2, 2, rows).round(2)),
        }
    )
    risk = (frame.age - 60) / 10 + (frame.ward == "west") + frame.lab.fillna(4) / 4 - 1.3
    frame["readmitted"] = np.where(risk + rng.normal(size=rows) > 0, "yes", "no")
    frame["days"] = (5 + 2 * risk + rng.normal(size=rows)).round(2)
    frame["hospital"] = np.array(list("abcdefghijklmnop"))[where]
    return frame


def studied(
    methods: list[Any], frame: pd.DataFrame | None = None, target: str = "readmitted", **own: Any
) -> gg.Result:
    """The result of a small study of patients."""
    frame = patients() if frame is None else frame
    other = "days" if target == "readmitted" else "readmitted"
    environments = gg.Environments.from_frame(frame, target, "hospital", drop=[other])
    settings = {"seeds": 1, "steps": 60, "model": "mlp(8)", "jobs": 1, **own}
    return gg.Study(environments, methods, **settings).run()
