"""What networks and estimators get of free text, and that its words move together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from lightgbm import LGBMClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import gengap as gg
from gengap.study.mixed import column_names
from gengap.training.feed import TableFeed
from gengap.training.inputs import input_of
from gengap.training.tables import Tables
from gengap.training.tasks import Task

pytestmark = pytest.mark.filterwarnings("ignore::gengap.base.errors.SuspiciousInput")
SMALL = {"seeds": 1, "jobs": 1}


def letters(rows: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    bad = rng.random(rows) < 0.5
    words = [f"word{k}" for k in range(20)]
    return pd.DataFrame(
        {
            "text": [f"{' '.join(rng.choice(words, 5))} {'awful' if b else 'lovely'}" for b in bad],
            "ward": pd.Categorical(rng.choice(["north", "south"], rows)),
            "dose": rng.normal(size=rows),
            "site": np.arange(rows) % 3,
            "bad": np.where(bad ^ (rng.random(rows) < 0.1), "yes", "no"),
        }
    )


def problem() -> Tables:
    return Tables.of(gg.Environments.from_frame(letters(), "bad", "site"))


def test_an_estimator_of_texts_does_as_scikit_learns_pipeline():
    """The pipeline fits its own vocabulary on the training rows of each run; angles between texts
    are the same whatever their length."""
    data = letters()
    near = KNeighborsClassifier(7, metric="cosine")
    models = {"own": near, "pipeline": make_pipeline(TfidfVectorizer(min_df=2), near)}
    given = {"y": data.bad, "environment": data.site, **SMALL}
    found = gg.measure(models, list(data.text), **given).methods
    assert found.score_unseen[0] == pytest.approx(found.score_unseen[1])
    assert found.score_unseen[0] > 0.55


def test_networks_get_what_preparation_says():
    tables = problem()
    rows = np.arange(0, 120, 2)
    task = Task(None, (rows,), tables.prepare(rows))  # type: ignore[arg-type]
    made = TableFeed.__new__(TableFeed)
    made.data, made.matrix = tables, torch.from_numpy(tables.matrix)
    inputs = task.prepared.inputs
    made.shift, made.scale = (
        torch.from_numpy(own)[None, None] for own in (inputs.shift, inputs.scale)
    )
    length = torch.from_numpy(inputs.lengths)[:, None, None]
    made.counts, made.missing = {}, False
    made.texts = [(*tables.encoded.texts[0], length)]
    found = made.inputs(torch.arange(120)[None])[0].numpy()
    np.testing.assert_allclose(found, inputs.apply(tables.matrix), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (LogisticRegression(), "prepared"),
        (HistGradientBoostingClassifier(), "table"),
        (HistGradientBoostingClassifier(categorical_features=None), "encoded"),
        (LGBMClassifier(), "table"),
        (make_pipeline(LogisticRegression()), "raw"),
    ],
    ids=lambda own: own if isinstance(own, str) else type(own).__name__,
)
def test_every_kind_of_input_has_the_words(model, kind):
    tables = problem()
    assert input_of(model, tables.X) == kind
    rows = np.arange(60)
    task = Task(None, (rows,), tables.prepare(rows))  # type: ignore[arg-type]
    given = tables.inputs(task, np.arange(4), kind)
    if kind == "raw":
        assert list(given.text) == list(letters().text[:4])
        return
    terms = len(tables.encoded.codes[0].terms)
    widths = {"prepared": terms + 3, "encoded": terms + 3, "table": terms + 2}
    assert given.shape == (4, widths[kind])
    start, end = tables.encoded.texts[0]
    want = task.prepared.inputs.apply(tables.matrix[:4])[:, start:end]
    values = np.asarray(pd.DataFrame(given).select_dtypes("number"), float)
    assert all(np.isclose(values.T, word, atol=1e-6).all(axis=1).any() for word in want.T)


def test_a_column_of_text_is_one_column():
    assert column_names(problem()) == ("text", "ward", "dose")
