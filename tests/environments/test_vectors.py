"""Embeddings and what encoders make of texts: a feature for each number."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import Ridge

import gengap as gg
from gengap.base.errors import UsageError
from gengap.environments.new_examples import below
from gengap.environments.readers import read
from gengap.environments.vectors import spread_out, vectors_of

pytestmark = pytest.mark.filterwarnings("ignore::gengap.base.errors.SuspiciousInput")
RNG = np.random.default_rng(0)
ARRAY = RNG.normal(size=(60, 3)).astype(np.float32)


def visits() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site": np.repeat(["a", "b", "c"], 20),
            "note": [f"was seen {('once', 'twice')[k % 2]} on day {k}" for k in range(60)],
            "emb": list(ARRAY),
            "cost": ARRAY.sum(1) + RNG.normal(size=60) / 10,
        }
    )


def lengths(texts: list[str]) -> np.ndarray:
    return np.array([[len(t), t.count("twice")] for t in texts], float)


def test_an_array_column_is_a_feature_for_each_number(tmp_path):
    visits().to_parquet(tmp_path / "visits.parquet")
    for found in (
        gg.Environments.from_frame(visits(), "cost", "site", drop=["note"]),
        read(tmp_path / "visits.parquet", "cost", "site", drop=["note"]),
        gg.Environments.from_arrays(visits()[["emb"]], visits().cost, visits().site),
    ):
        assert list(found.X.columns) == ["emb[0]", "emb[1]", "emb[2]"]
        np.testing.assert_array_equal(found.X.to_numpy(np.float32), ARRAY)
        assert found.notes[0] == "Column 'emb' holds 3 numbers in each row, a feature each."


def test_a_numpy_file_beside_the_table(tmp_path):
    table, path = tmp_path / "visits.csv", tmp_path / "vectors.npy"
    visits().drop(columns="emb").to_csv(table, index=False)
    np.save(path, ARRAY)
    found = read(table, "cost", "site", drop=["note"], embeddings=path)
    np.testing.assert_array_equal(found.X.to_numpy(np.float32), ARRAY)
    for bad, words in ((ARRAY[:5], "has 5 rows and the table 60"), (ARRAY[0], "row of numbers")):
        np.save(path, bad)
        with pytest.raises(UsageError, match=words):
            read(table, "cost", "site", embeddings=path)
    path.write_bytes(b"no array")
    with pytest.raises(UsageError, match="Cannot read"):
        read(table, "cost", "site", embeddings=path)


class Encoder:
    encode = staticmethod(lengths)


@pytest.mark.parametrize("encoder", [lengths, Encoder()], ids=["function", "object"])
def test_encoders_make_numbers_of_free_text(encoder):
    frame = visits().drop(columns="emb")
    frame.loc[3, "note"] = None
    found = gg.Environments.from_frame(frame, "cost", "site", text_encoder=encoder)
    expected = lengths(frame.note.fillna("").tolist())
    np.testing.assert_array_equal(found.X.to_numpy(), expected)
    assert "features are the 2 numbers that the encoder makes" in found.notes[0]


def test_encoders_that_were_fitted_to_all_are_refused():
    frame = visits().drop(columns="emb")
    with pytest.raises(UsageError, match="put it into a pipeline with the estimator"):
        gg.Environments.from_frame(frame, "cost", "site", text_encoder=TfidfVectorizer())
    hashed, _ = spread_out(frame[["note"]], (), HashingVectorizer(n_features=16))
    expected = HashingVectorizer(n_features=16).transform(frame.note).toarray()
    np.testing.assert_allclose(hashed.to_numpy(), expected, rtol=1e-6)
    for wrong, words in (
        (len, "must give a row of finite numbers"),
        (3, "is a function of a list"),
    ):
        with pytest.raises(UsageError, match=words):
            spread_out(frame[["note"]], (), wrong)


def test_new_rows_bring_vectors_of_the_same_encoder():
    X = gg.Environments.from_frame(visits(), "cost", "site", drop=["note"]).X
    np.testing.assert_array_equal(below(X, visits()[["emb"]].head(4)).to_numpy(), ARRAY[:4])
    for new, words in (
        (pd.DataFrame({"emb": ["a text"]}), "'emb' of the new examples must hold 3 numbers"),
        (pd.DataFrame({"emb": [np.ones(2)]}), "must hold 3 numbers in each row"),
        (pd.DataFrame({"other": [1]}), "no column 'emb';"),
    ):
        with pytest.raises(UsageError, match=words):
            below(X, new)


def test_what_is_no_vector():
    for cells in (["a", "b"], [[1, 2], [1]], [["a"], ["b"]], [None, None], [[], []]):
        assert vectors_of(pd.Series(cells, dtype=object)) is None
    found = vectors_of(pd.Series([None, [1, 2]], dtype=object))
    np.testing.assert_array_equal(found, [[np.nan, np.nan], [1, 2]])


def test_measure_and_a_delivered_model(tmp_path):
    frame = visits().drop(columns="note")
    result = gg.measure(Ridge(), frame, "cost", environment="site", seeds=1, jobs=1)
    made = result.fit("Ridge", out=tmp_path / "model", false_alarms=None)
    answers = gg.load(tmp_path / "model").predict(frame)
    np.testing.assert_array_equal(answers, made.predict(frame))
    assert np.corrcoef(answers, frame.cost)[0, 1] > 0.95
