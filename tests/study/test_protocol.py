"""How many environments are left out at once where nobody said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import gengap as gg
from gengap.environments.splits import LeaveOneEnvironmentOut, LeaveSeveralEnvironmentsOut
from gengap.study.protocol import AFFORDABLE, innermost, leave_out


@pytest.mark.parametrize(
    ("environments", "splits_afforded", "form"),
    [
        (160, 160, "leave-one-out"),
        (160, 80, "folds:80"),  # two at a time
        (160, 79, "folds:54"),  # three at a time
        (160, 1, "folds:10"),
        (20, 1, "leave-one-out"),
        (21, 1, "folds:10"),
    ],
)
def test_one_at_a_time_unless_it_takes_too_long(environments, splits_afforded, form):
    found, splitter = leave_out(environments, AFFORDABLE / splits_afforded * 0.999)
    assert found == form
    codes = np.repeat(np.arange(environments), 2)
    splits = [test for _, test in splitter.split(codes, codes, codes)]
    assert len(splits) == (environments if form == "leave-one-out" else int(form[6:]))
    assert sorted(np.concatenate(splits)) == list(range(2 * environments))
    one = isinstance(splitter, LeaveOneEnvironmentOut)
    assert one or isinstance(splitter, LeaveSeveralEnvironmentsOut)


def schools(number: int) -> gg.Environments:
    rng = np.random.default_rng(0)
    where = np.repeat(np.arange(number), 12)
    x = rng.normal(size=(len(where), 2))
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x[:, 0] > 0, "school": where})
    return gg.Environments.from_frame(table, target="y", environment="school")


def test_a_study_leaves_one_out_where_its_methods_are_quick():
    quick = gg.Study(schools(60), ["sklearn:LogisticRegression"])
    assert quick.plan.about["splits"] == "leave-one-out"
    assert len(quick.plan.unseen) == 60
    slow = gg.Study(schools(60), ["erm"], steps=30_000)
    assert slow.plan.about["splits"] == "folds:10"
    assert max(len(cell.unseen) for cell in slow.plan.unseen) == 6
    asked = gg.Study(schools(60), ["erm"], steps=30_000, splits="leave-one-out")
    assert len(asked.plan.unseen) == 60


def test_searches_count_what_they_fit():
    search = GridSearchCV(make_pipeline(StandardScaler(), SVC()), {"svc__C": [1, 2, 3]}, cv=4)
    assert innermost(search) == ("SVC", 12)
    assert innermost(make_pipeline(StandardScaler(), LogisticRegression()))[0] == (
        "LogisticRegression"
    )
