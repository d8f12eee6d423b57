"""Words of free text as features: TF-IDF of a run's own training rows, and nobody else's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

import gengap as gg
from gengap.base.errors import SuspiciousInput, UsageError
from gengap.environments.columns import recognise
from gengap.environments.words import MOST_TERMS, fill_counts, most_terms, vocabulary, words_of
from gengap.training.tables import Tables

pytestmark = pytest.mark.filterwarnings("ignore::gengap.base.errors.SuspiciousInput")
WORDS = [f"w{k:02d}" for k in range(60)]


def complaints(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    """Sentences at four hospitals, of which one has a word of its own in every row."""
    rng = np.random.default_rng(seed)
    likely = np.arange(60, 0, -1) / 1830
    site = rng.permutation(rows) % 4
    texts = [" ".join(rng.choice(WORDS, 7, p=likely)) for _ in range(rows)]
    texts = [f"Only {t}, here!" if s == 3 else f"{t.upper()}." for t, s in zip(texts, site)]  # noqa: B905
    return pd.DataFrame(
        {
            "site": np.array(list("abcd"))[site],
            "age": rng.normal(size=rows).round(2),
            "complaint": texts,
            "worse": rng.choice(["no", "yes"], rows),
        }
    )


def tables(frame: pd.DataFrame, **own) -> Tables:
    return Tables.of(gg.Environments.from_frame(frame, "worse", "site", **own))


def test_a_run_has_scikit_learns_tfidf_of_its_training_rows():
    frame = complaints()
    frame.loc[5, "complaint"] = None
    problem = tables(frame)
    (start, end), code = problem.encoded.texts[0], problem.encoded.codes[-1]
    rows = np.flatnonzero((frame.site != "d") & (np.arange(200) % 3 > 0))
    texts = frame.complaint.fillna("")
    vectorizer = TfidfVectorizer(min_df=code.least).fit(texts[rows])
    expected = vectorizer.transform(texts).toarray()
    own = [code.terms.index(term) for term in vectorizer.get_feature_names_out()]
    expected *= np.sqrt((expected[rows] > 0).sum(1).mean())  # as a row of 0/1 columns
    found = problem.prepare(rows).inputs.apply(problem.matrix)[:, start:end]
    np.testing.assert_allclose(found[:, own], expected, atol=1e-6)
    assert not np.delete(found, own, axis=1).any()  # words of others alone are silent
    assert "only" in code.terms
    assert "only" not in vectorizer.vocabulary_
    assert not found[5].any()


def test_no_word_of_an_unseen_environment_changes_what_others_are():
    """Its words neither enter a run's vocabulary nor drive another out."""
    frame = complaints(400)
    unseen = frame.site == "d"
    other = frame.assign(
        complaint=frame.complaint.where(
            ~unseen, [f"so many new words as {k % 9}x" for k in frame.index]
        )
    )
    prepared = []
    for each in (frame, other):
        problem = tables(each)
        start, end = problem.encoded.texts[0]
        rows = np.flatnonzero(~unseen)
        matrix = problem.prepare(rows).inputs.apply(problem.matrix[rows])[:, start:end]
        terms = problem.encoded.codes[-1].terms
        prepared.append({t: x for t, x in zip(terms, matrix.T, strict=True) if x.any()})
    first, second = prepared
    assert first.keys() == second.keys()
    assert all(np.allclose(first[term], second[term], atol=1e-6) for term in first)


def test_terms_are_bounded_by_the_rows_that_must_hold_them():
    texts = pd.Series([f"a{k} b{k // 2} c{k // 4} all" for k in range(400)])
    assert len(vocabulary(texts, 1000)[0]) == 200 + 100 + 1  # none that one row alone has
    terms, least = vocabulary(texts, 150)
    assert least == 3
    assert sorted(terms) == sorted([*(f"c{k}" for k in range(100)), "all"])
    assert most_terms(100, 1) == MOST_TERMS
    assert most_terms(10**6, 2) == 100


def test_rows_that_are_new_are_counted_by_known_words():
    frame = complaints()
    problem = tables(frame)
    new = pd.DataFrame({"age": [0.0, 1.0], "complaint": ["W00 w00 never seen w01", None]})
    counts = problem.encode_alike(new)[:, 1:]
    expected = np.zeros((2, counts.shape[1]))
    terms = problem.encoded.codes[-1].terms
    expected[0, [terms.index("w00"), terms.index("w01")]] = 2, 1
    np.testing.assert_array_equal(counts, expected)
    out = np.ones((1, 2), np.float32)
    fill_counts(pd.Series([None], dtype="str"), ("a", "b"), out)
    assert not out.any()


def test_the_form_of_examples_keeps_no_text():
    form = tables(complaints()).form
    assert isinstance(form.X, pd.DataFrame)
    assert len(form.X["complaint"].cat.categories) == 0
    assert words_of(form.X) == ("complaint",)


def test_free_text_is_recognised_named_or_dropped():
    frame = complaints()
    frame["name"] = [f"Ann{k} Lee" for k in range(200)]
    assert recognise(frame)["complaint"] == "text"
    assert recognise(frame)["name"] == "identifier"
    with pytest.warns(SuspiciousInput, match=r"'complaint' holds free text.*TF-IDF"):
        found = tables(frame)
    assert found.encoded.columns[1] == "complaint 'here'"
    assert words_of(tables(frame, text=["name"]).X) == ("complaint", "name")
    assert words_of(tables(frame, drop=["complaint"]).X) == ()
    assert words_of(found.select(np.arange(50)).X) == ("complaint",)


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"text": ["complain"]}, "no column 'complain' of text; did you mean"),
        ({"text": ["age"]}, "'age' holds float64 values"),
        ({"text": ["site"]}, "'site' is the environment and cannot be free text"),
        ({"text": ["age"], "drop": ["age"]}, "cannot be free text as well"),
    ],
)
def test_columns_that_are_no_text_are_refused(own, words):
    with pytest.raises(UsageError, match=words):
        tables(complaints(), **own)


def test_texts_without_a_common_word_are_left_out():
    frame = complaints()
    frame["letter"] = [" ".join(f"u{k}x{j}" for j in range(6)) for k in range(200)]
    found = tables(frame)
    assert words_of(found.X) == ("complaint",)
    assert any("'letter' holds free text of which no word is in two rows" in n for n in found.notes)
