"""How pairs lie in rows, held against rows written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.sequences.pairs import rows_of
from gengap.sequences.problem import sequences_of
from gengap.sequences.ragged import Ragged, after
from gengap.sequences.vocabulary import BEGIN, SLOT, UNKNOWN, Vocabulary


def ragged(*rows):
    return Ragged.of([np.array(row) for row in rows])


def test_rows_stand_one_after_another():
    joined = after(ragged([7, 8], [9]), ragged([1], [2, 3, 4]))
    assert [joined[k].tolist() for k in range(2)] == [[7, 8, 1], [9, 2, 3, 4]]
    assert [row.tolist() for row in (joined.only(np.array([1, 0, 1]))[k] for k in range(3))] == [
        [9, 2, 3, 4],
        [7, 8, 1],
        [9, 2, 3, 4],
    ]


def test_a_pair_as_models_read_it():
    rows = rows_of(ragged([10, 11, 12], [13]), ragged([20, 21], [22]))
    assert rows.slots[0].tolist() == [10, 11, 12, SLOT, SLOT]
    assert rows.written[0].tolist() == [10, 11, 12, BEGIN, 20]
    assert rows.wanted[0][3:].tolist() == [20, 21]
    assert rows.slots[1].tolist() == [13, SLOT]
    assert rows.written[1].tolist() == [13, BEGIN]
    assert rows.first.tolist() == [3, 1]


def test_tokens_and_numbers():
    words = Vocabulary(("a", "b"))
    codes = words.codes(["b", "z", "a"])
    assert codes.tolist() == [6, UNKNOWN, 5]
    assert words.text(codes) == "b <unknown> a"


def test_an_empty_side_is_told():
    with pytest.raises(UsageError, match=r"1 of 2 pairs have an empty target, .* number 2"):
        sequences_of(ragged([1], [1]), ragged([1], []), "ab", name="pairs")
