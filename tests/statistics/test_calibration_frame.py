"""The tables of the calibration: what counts as missed, and that the worst rows come first."""

from __future__ import annotations

import math

import pytest
from benchmarks.calibration.frame import (
    NOTHING,
    Measured,
    Quantity,
    Row,
    Table,
    average,
    markdown,
    missed,
    share,
    worst,
)

ERROR = Quantity("false verdicts", most=0.05)
COVERAGE = Quantity("coverage", least=0.95)
WIDTH = Quantity("width over the ideal", most=1.25, percent=False)


def table(title: str, quantity: Quantity, *found: Measured) -> Table:
    rows = tuple(Row((str(k),), (one,)) for k, one in enumerate(found))
    return Table(title, "Simulated.", ("row",), (quantity,), rows)


def test_a_share_and_a_mean_have_the_errors_of_the_book():
    found = share([1] * 50 + [0] * 950)
    assert found.value == 0.05
    assert found.error == pytest.approx(math.sqrt(0.05 * 0.95 / 1000), rel=0.03)
    assert share([0] * 100).error > 0
    assert average([1.0, 2.0, 3.0]) == (2.0, pytest.approx(1 / math.sqrt(3)))


def test_different_goals_are_missed_on_one_scale():
    assert ERROR.miss(Measured(0.09)) == pytest.approx(1.8)
    assert COVERAGE.miss(Measured(0.91)) == pytest.approx(1.8)
    assert WIDTH.miss(Measured(2.5)) == pytest.approx(2.0)
    assert Quantity("power").miss(Measured(0.1)) == 0.0


def test_the_noise_of_the_simulation_is_no_miss():
    assert not ERROR.missed(Measured(0.055, 0.004))
    assert ERROR.missed(Measured(0.055, 0.002))
    assert COVERAGE.missed(Measured(0.93, 0.005))
    assert not COVERAGE.missed(NOTHING)


def test_the_worst_row_of_all_tables_comes_first_and_is_bold():
    tables = [
        table("Mild", ERROR, Measured(0.06, 0.001), Measured(0.01, 0.001)),
        table("Bad", COVERAGE, Measured(0.80, 0.01), NOTHING),
    ]
    lines = worst(tables).splitlines()[2:]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == ["Bad", "Mild", "Mild"]
    assert "**80%**" in lines[0]
    assert missed(tables) == (2, 3)


def test_a_table_says_what_was_asked_for_and_how_noisy_it_is():
    text = markdown(table("Errors", ERROR, Measured(0.05, 0.0049)))
    assert "Asked for: false verdicts at most 5%. Simulation error up to 0.49%." in text
    assert text.splitlines()[-1] == "| 0 | 5% |"
