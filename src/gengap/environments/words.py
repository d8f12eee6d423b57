"""Free text as features: TF-IDF of its words, each run's own.

All rows share one matrix of counts; a run weighs them by what its own training rows say. With
``n`` training rows, of which ``df(t)`` hold the term ``t``, a row that holds it ``tf(t)`` times has

    x(t) = tf(t) (ln((1 + n) / (1 + df(t))) + 1),  sqrt(k) x / |x|,

which is scikit-learn's ``TfidfVectorizer(min_df=least)`` fitted on the training rows, times the
root of ``k``, the different terms that a training row holds on average: as long as a row of 0/1
columns of its terms, so that they count beside standardised numbers and the 0/1 columns of
categories, and a network need not learn large weights first. Terms are
bounded by the rows that must hold them, not by their rank: a term that ``least`` training rows hold
is held by as many of all rows, so the shared matrix has every term that any run may learn from, and
a word that only an unseen environment has neither enters a run's vocabulary nor drives another out.

Salton & Buckley (1988), Term-weighting approaches in automatic text retrieval.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from gengap.environments.texts import is_text, text_levels

WORDS = "gengap_words"  # in a table's attributes: names of the columns of free text
MOST_TERMS = 1_000  # of one column
TERM_BYTES = 2**28  # of the counts of all columns of free text together, but for 100 terms a column
FEWEST_ROWS = 2  # that hold a term; one row teaches nothing about others
BLOCK = 4_096  # rows whose counts are dense at once
_WORD = r"(?u)\b\w\w+\b"  # scikit-learn's


def words_of(X: Any) -> tuple[str, ...]:
    """Names of the columns of free text in examples."""
    if not isinstance(X, pd.DataFrame):
        return ()
    named = X.attrs.get(WORDS, ())
    return tuple(str(name) for name in X.columns if str(name) in named)


def without_texts(X: Any) -> Any:
    """A table without rows, and so without the texts that its rows held."""
    if not (texts := words_of(X)):
        return X
    empty = pd.Categorical([], categories=pd.Index([], dtype="str"))
    made = X.assign(**{name: empty for name in X.columns if str(name) in texts})
    made.attrs = X.attrs
    return made


def most_terms(rows: int, columns: int) -> int:
    """Terms that a column may have where ``columns`` of ``rows`` rows hold free text."""
    return min(MOST_TERMS, max(100, TERM_BYTES // (4 * max(rows * columns, 1))))


def vocabulary(column: pd.Series, most: int) -> tuple[tuple[str, ...], int]:
    """Terms that a run may learn from, in alphabetical order, and how many rows must hold one.

    Args:
        column: ``(n,)`` texts.
        most: terms; the rows that must hold one are the fewest that leave no more.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    codes, levels = levels_of(column)
    counter = CountVectorizer(token_pattern=_WORD, binary=True)
    try:
        held = counter.fit_transform(levels)
    except ValueError:  # no text has a word
        return (), FEWEST_ROWS
    rows = np.bincount(codes[codes >= 0], minlength=len(levels)) @ held
    descending = np.sort(rows)[::-1]
    least = FEWEST_ROWS if len(rows) <= most else max(FEWEST_ROWS, int(descending[most]) + 1)
    terms = counter.get_feature_names_out()[rows >= least]
    return tuple(terms.tolist()), least


def fill_counts(column: pd.Series, terms: tuple[str, ...], out: np.ndarray) -> None:
    """Write into ``out (n, terms)`` how often each text of ``column (n,)`` holds each term."""
    from sklearn.feature_extraction.text import CountVectorizer

    out[:] = 0
    codes, levels = levels_of(column)
    if not terms or not len(levels):
        return
    counter = CountVectorizer(token_pattern=_WORD, vocabulary=terms, dtype=np.float32)
    counts = counter.transform(levels)
    for start in range(0, len(codes), BLOCK):
        own = codes[start : start + BLOCK]
        there = np.flatnonzero(own >= 0)
        out[start + there] = counts[own[there]].toarray()


def rows_holding(column: pd.Series, terms: tuple[str, ...]) -> np.ndarray:
    """How many texts of a column hold each of the terms, ``(terms,)``."""
    from sklearn.feature_extraction.text import CountVectorizer

    codes, levels = levels_of(column)
    if not len(levels):
        return np.zeros(len(terms), np.int64)
    counter = CountVectorizer(token_pattern=_WORD, vocabulary=terms, binary=True)
    times = np.bincount(codes[codes >= 0], minlength=len(levels))
    found: np.ndarray = times @ counter.transform(levels)
    return found


def weights(holding: np.ndarray, rows: int, least: int) -> np.ndarray:
    """Inverse document frequencies ``(terms,)``; 0 of terms that too few training rows hold.

    Args:
        holding: ``(terms,)`` how many training rows hold each.
        rows: how many training rows there are.
        least: how many must hold a term.
    """
    inverse = np.log((1 + rows) / (1 + holding)) + 1
    return np.where(holding >= least, inverse, 0.0)


def levels_of(column: pd.Series) -> tuple[np.ndarray, Any]:
    """Codes ``(n,)`` of texts, -1 for missing, and the distinct texts."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(np.int64), column.cat.categories.astype("str")
    if is_text(column):
        return text_levels(column)
    return text_levels(column.astype("str").where(column.notna()))
