"""python examples/make_patients.py - writes examples/patients.csv and examples/new_hospital.csv.

A made-up table to try the commands on: eight hospitals, each with its own patients and its own
glucose meter, and a ninth whose outcomes nobody has seen yet:

    gengap run examples/patients.csv --target readmitted --environment hospital
"""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
HOSPITALS = ["north", "south", "east", "west", "harbour", "hill", "park", "river"]
WARDS = np.array(["surgery", "medicine", "cardiology"])


def patients(hospital: str, rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """One hospital's patients; its day rate tells it from others, its glucose meter is off."""
    older, off, rate = rng.normal(0, 4), rng.normal(0, 1.2), rng.uniform(400, 900)
    age = rng.normal(64 + older, 12, rows).clip(18, 99).round()
    visits = rng.poisson(1.2, rows)
    glucose = rng.gamma(9, 0.75, rows)  # mmol/l, what it really is
    ward = rng.choice(WARDS, rows)
    odds = 0.05 * (age - 64) + 0.6 * (visits - 1.2) + 1.5 * (glucose - 6.75) - 0.5
    odds += 1.0 * (ward == "surgery")
    readmitted = rng.random(rows) < 1 / (1 + np.exp(-odds))
    return pd.DataFrame(
        {
            "hospital": hospital,
            "age": age.astype(int),
            "visits": visits,
            "glucose": (glucose + off).round(1),
            "ward": ward,
            "day_rate": rng.normal(rate, 10, rows).round(2),
            "readmitted": np.where(readmitted, "yes", "no"),
        }
    )


rng = np.random.default_rng(7)
known = pd.concat([patients(name, 250, rng) for name in HOSPITALS])
known.to_csv(HERE / "patients.csv", index=False)
new = patients("lake", 250, rng).drop(columns=["hospital", "readmitted"])
new.to_csv(HERE / "new_hospital.csv", index=False)
print(known.groupby("hospital", sort=False)[["age", "glucose"]].mean().round(1).to_string())
