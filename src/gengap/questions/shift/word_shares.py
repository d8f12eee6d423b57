"""Has free text moved? One test for each word that it holds, corrected for their number.

A word is in ``a`` of ``n`` reference rows and in ``b`` of ``m`` new ones. Under equality ``b`` is
hypergeometric given ``a + b``, so Fisher's exact test holds however rare the word; Bonferroni's
correction for the words makes the smallest p-value one for the column. Words in one row only are
not tested, for alone they could never tell.

It sees topics that come and go; not word order, and not a drift of many words by a little each.

Source: R. A. Fisher, On the interpretation of chi-square from contingency tables, Journal of the
Royal Statistical Society 85 (1922), 87-94.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from gengap.environments.words import rows_holding, vocabulary

MOST = 20_000  # words tested


class WordShare(NamedTuple):
    """The word that moved most: its shares of rows, and the column's p-value."""

    word: str
    before: float
    after: float
    p_value: float


def word_shares(reference: pd.Series, new: pd.Series) -> WordShare:
    """Test the words of reference texts ``(n,)`` against new texts ``(m,)``.

    A missing text holds none.

    Example:
        >>> import pandas as pd
        >>> word_shares(pd.Series(["so it is"] * 9), pd.Series(["so it was"] * 9))[:3]
        ('is', 1.0, 0.0)
    """
    n, m = len(reference), len(new)
    both = pd.concat([reference.astype("str"), new.astype("str")], ignore_index=True)
    both = both.where(pd.concat([reference, new], ignore_index=True).notna())
    terms, _ = vocabulary(both, MOST)
    if not terms:
        return WordShare("", 0.0, 0.0, 1.0)
    before, after = (rows_holding(part, terms) for part in (both.iloc[:n], both.iloc[n:]))
    held = before + after
    above = stats.hypergeom.sf(after - 1, n + m, held, m)
    below = stats.hypergeom.cdf(after, n + m, held, m)
    p = 2 * np.minimum(above, below)
    # The two tails are computed apart: equal p-values may differ in their last digits.
    smallest = p <= p.min() * (1 + 1e-9)
    k = int(np.argmax(np.where(smallest, np.abs(after / m - before / n), -1.0)))
    word_p = min(1.0, float(p[k]) * len(terms))
    return WordShare(terms[k], float(before[k] / n), float(after[k] / m), word_p)
