"""Models trained without a column: without the shortcut the reversed environment is cheaper."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gengap as gg
from gengap.questions.diagnosis.material import material
from gengap.questions.diagnosis.refitted import Refit, refitted
from gengap.report.document import Note
from gengap.report.explanation import refitted as report
from gengap.report.numerals import Numerals
from gengap.statistics.intervals import Interval


@pytest.fixture(scope="module")
def about():
    rng = np.random.default_rng(0)
    where = np.repeat(np.arange(4), 90)
    cause = rng.normal(size=360)
    y = cause + 0.5 * rng.normal(size=360)
    strength = np.array([1.0, -1.0, 1.2, -1.2])[where]
    frame = pd.DataFrame({"cause": cause, "shortcut": strength * y + 0.2 * rng.normal(size=360)})
    data = gg.Environments.from_arrays(frame, y, where)
    study = gg.Study(
        data, ["sklearn:Ridge", "erm"], seeds=2, jobs=1, steps=5, metric="squared_error"
    )
    return material(study.run(), "sklearn:Ridge")


def test_gains_are_the_differences_of_two_studies(about):
    shortcut, cause = refitted(about, ["shortcut", "cause"])
    bare = gg.Environments.from_arrays(
        about.columns[["cause"]], about.data.y, about.data.environment
    )
    again = gg.Study(
        bare, ["sklearn:Ridge"], seeds=2, jobs=1, metric="squared_error", plain_training=False
    ).run()
    old = about.result.gaps[about.result.gaps.method == "sklearn:Ridge"].unseen.mean()
    gained = float(old - again.gaps.unseen.mean())
    assert shortcut.outside.estimate == pytest.approx(gained, abs=1e-6)
    assert shortcut.outside.estimate > 0 > cause.outside.estimate
    assert shortcut.adjusted_p <= 1


def test_unknown_columns_are_named(about):
    with pytest.raises(gg.UsageError, match="no column 'shortcuts'"):
        refitted(about, ["shortcuts"])


def test_gains_in_words():
    gain = Interval(0.05, 0.03, 0.07)
    found = [Refit("shortcut", gain, gain, gain, 0.01), Refit("cause", gain, gain, gain, 0.4)]
    number = Numerals(True, 1)
    assert report.sentences(found, number) == [
        "Without shortcut models are better by 5.0 points in unseen environments."
    ]
    assert "none of these" in report.sentences(found[1:], number)[0]
    (table,) = (b for b in report.section(found, number).blocks if not isinstance(b, str | Note))
    assert [cell.line for cell in table.rows[0]] == [
        "shortcut", *["+5.0 (3.0 to 7.0)"] * 3, "0.010"
    ]  # fmt: skip
