"""Reading a comparison: pairs from either side, p-values in words, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from comparison_builders import METHODS, bare, scores, small, table

from gengap.base.errors import UsageError
from gengap.questions.comparison.summary import summarise
from gengap.report.comparison_reading import (
    against_reference,
    facing,
    read,
    reference,
)
from gengap.report.numerals import p_text


def test_a_pair_from_the_other_side_is_what_the_reversed_table_says():
    backwards = summarise(table(scores()[::-1], METHODS[::-1], metric="accuracy"), replicates=100)
    for row in small()["pairs"]:
        (mirrored,) = (
            other
            for other in backwards["pairs"]
            if (other["first"], other["second"]) == (row["second"], row["first"])
        )
        turned = facing(row, row["second"])
        assert turned["verdict"] == mirrored["verdict"]
        for key in ("difference", "difference_low", "difference_high", "here_low", "improvement"):
            assert turned[key] == pytest.approx(mirrored[key], abs=1e-12)
        assert turned["probability_first_better"] == row["probability_second_better"]
        assert turned["improvement_low"] == pytest.approx(1 - row["improvement_high"])
        assert turned["p_value"] == row["p_value"]
        assert facing(row, row["first"]) == row
        assert facing(turned, row["first"])["difference_low"] == row["difference_low"]


def test_a_pair_without_numbers_can_be_turned():
    (row,) = bare()["pairs"]
    turned = facing(row, row["second"])
    assert (turned["first"], turned["difference_low"]) == (row["second"], None)


def test_the_reference_is_the_leader_unless_there_is_a_baseline():
    assert reference(small()) == "small"  # the last of four has the best scores
    assert reference(small("plain")) == "plain"
    found = against_reference(small())
    assert set(found) == set(METHODS) - {"small"}
    assert all(row["second"] == "small" and row["difference"] < 0 for row in found.values())


@pytest.mark.parametrize(
    ("p", "text"),
    [(None, "n/a"), (0.0, "<0.001"), (0.00049, "<0.001"), (0.0005, "0.001"), (0.0031, "0.003")],
)
def test_p_values_are_printed_with_three_decimals_or_a_bound(p, text):
    assert p_text(p) == text


def test_names_become_single_lines_everywhere():
    summary = small()
    summary["methods"][0]["method"] = "a\nb\u202e\ud800"
    assert read(summary)["methods"][0]["method"] == "a b\N{REPLACEMENT CHARACTER}"


def test_anything_else_is_refused_by_name():
    with pytest.raises(UsageError, match=r"compare\.json holds: .*methods, pairs is missing"):
        read({"answer": "", "comparison": {}, "environments": [], "findings": []})


def test_the_scores_are_the_ones_meant():
    assert list(np.argsort(-scores().mean((1, 2)))) == [3, 2, 1, 0]
