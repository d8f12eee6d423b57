"""Several targets side by side: read, coded, refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gengap as gg
from gengap.base.errors import UsageError
from gengap.environments.checks import check, drop_small
from gengap.environments.parts import TEST, parts
from gengap.environments.targets import ordinal, survival

N = 60


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "ward": np.repeat(list("abc"), N // 3),
            "age": rng.normal(size=N),
            "cost": rng.normal(size=N),
            "days": rng.normal(10, 3, N),
            "died": rng.integers(0, 2, N),
            "fell": rng.integers(0, 2, N),
            "left": rng.choice(["no", "yes"], N),
            "grade": np.arange(N) % 3,
        }
    )


def read(target, **options):
    return gg.Environments.from_frame(table(), target, "ward", **options)


def test_columns_stand_side_by_side_and_are_no_features():
    for target in (["cost", "days"], "cost,days", "cost, days"):
        made = read(target, drop=["died", "fell", "left", "grade"])
        assert made.target_names == ("cost", "days")
        assert np.array_equal(made.y, table()[["cost", "days"]])
        assert list(made.X.columns) == ["age"]
    labels = read(["fell", "died"])
    assert (labels.task, labels.classes) == ("classification", ("0", "1"))
    assert np.array_equal(labels.y, table()[["fell", "died"]])
    assert "2 labels" in repr(labels)
    assert read(["cost"]).target_names == ()
    assert read(["died", "days"], task="regression").y.dtype == np.float64


def test_arrays_and_frames_of_targets():
    frame = table()
    of_frame = gg.Environments.from_arrays(frame[["age"]], frame[["cost", "days"]], frame.ward)
    of_array = gg.Environments.from_arrays(
        frame[["age"]], frame[["cost", "days"]].to_numpy(), frame.ward
    )
    assert of_frame.target_names == ("cost", "days")
    assert of_array.target_names == ("y0", "y1")
    assert np.array_equal(of_frame.y, of_array.y)
    assert of_frame.fingerprint != of_array.fingerprint
    one = gg.Environments.from_arrays(frame[["age"]], frame[["cost"]], frame.ward)
    assert one.y.shape == (N,)
    assert np.array_equal(of_frame.one_target(1).y, frame.days)
    assert of_frame.select(np.arange(25)).y.shape == (25, 2)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("cost,died", "'cost' is a number and 'died' has classes .0, 1."),
        ("died,grade", "'grade' has 3 classes"),
        ("died,left", "'died' has the values 0, 1 and 'left' has no, yes"),
        ("died,dyed", "no column 'dyed' for the target"),
        ("cost,ward", "cannot be both target and environment"),
    ],
)
def test_what_cannot_be_learnt_together_is_refused(target, words):
    with pytest.raises(UsageError, match=words):
        read(target)


def test_missing_and_constant_targets_are_named():
    frame = table().assign(flat=1.5)
    with pytest.raises(UsageError, match=r"Column 'flat' is '1\.5' in every row"):
        gg.Environments.from_frame(frame, ["cost", "flat"], "ward")
    frame.loc[3, "days"] = np.nan
    with pytest.raises(UsageError, match="Column 'days' has missing values in 1 of 60"):
        gg.Environments.from_frame(frame, ["cost", "days"], "ward")
    kept = gg.Environments.from_frame(frame, ["cost", "days"], "ward", drop_missing=True)
    assert len(kept) == N - 1


def test_ordered_categories_and_times_come_alone():
    with pytest.raises(UsageError, match="reads one target, and died, fell are 2"):
        ordinal(read("died,fell"))
    with pytest.raises(UsageError, match="reads one target, and cost, days are 2"):
        survival(read("cost,days"), np.ones(N))


def test_combinations_of_labels_are_dealt_evenly():
    y = np.stack(np.divmod(np.arange(80) % 4, 2), axis=1)
    for seed in range(5):
        tested = y[parts(np.zeros(80, int), y, 2, seed) == TEST]
        assert np.unique(tested, axis=0, return_counts=True)[1].tolist() == [4, 4, 4, 4]


def test_what_gives_one_of_them_away_is_said_of_that_one():
    frame = table()
    frame["twice"] = 2 * frame.days
    made = gg.Environments.from_frame(frame, ["cost", "days"], "ward")
    assert any("'twice' gives the target 'days' away" in note for note in made.notes)
    frame["left_alone"] = np.where(frame.ward == "a", 1, frame.died)
    alone = gg.Environments.from_frame(frame, ["fell", "left_alone"], "ward")
    assert any("single class of target 'left_alone': a (only 1)" in said for said in check(alone))
    few = gg.Environments.from_frame(frame[:45], ["fell", "died"], "ward")
    assert drop_small(few).y.shape == (40, 2)
