"""Words of two tables, compared with Fisher's exact test and with chance."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact

from gengap.questions.shift.tables import compare_tables
from gengap.questions.shift.word_shares import word_shares


def texts(rng: np.random.Generator, rows: int, extra: float = 0.0) -> pd.Series:
    words = [f"w{k}" for k in range(40)]
    return pd.Series(
        [" ".join(rng.choice(words, 5)) + " fees" * (rng.random() < extra) for _ in range(rows)]
    )


def test_the_word_that_moved_has_fishers_p_value():
    rng = np.random.default_rng(0)
    before, after = texts(rng, 80, 0.1), texts(rng, 50, 0.7)
    found = word_shares(before, after)
    a, b = before.str.contains("fees").sum(), after.str.contains("fees").sum()
    one_sided = fisher_exact([[b, 50 - b], [a, 80 - a]], alternative="greater").pvalue
    assert found[:3] == ("fees", a / 80, b / 50)
    assert found.p_value == pytest.approx(41 * 2 * one_sided)


def test_words_that_did_not_move_are_no_alarm():
    rng = np.random.default_rng(1)
    p = [word_shares(texts(rng, 30), texts(rng, 20)).p_value for _ in range(60)]
    assert np.mean(np.array(p) <= 0.05) <= 0.1


def test_missing_texts_and_texts_without_words():
    assert word_shares(pd.Series(["?"] * 5), pd.Series(["!"] * 5)).p_value == 1
    found = word_shares(pd.Series(["so it is", None] * 20), pd.Series(["so it is"] * 20))
    assert found.before == 0.5


def test_tables_with_new_words_differ():
    rng = np.random.default_rng(2)
    reference, new = (pd.DataFrame({"letter": texts(rng, 200, e)}) for e in (0.0, 0.5))
    found = compare_tables(reference, new)
    assert found.shifted
    assert found.columns[0].kind == "words"
    assert found.columns[0].change.of == "fees"
