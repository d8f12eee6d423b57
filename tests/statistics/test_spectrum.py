"""Waves against sums of cosines written out, and random tables against their expectation."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.statistics.spectrum import memorising_units, participation, wave_power


@pytest.mark.parametrize("p", [12, 13])
def test_power_is_that_of_projections_onto_cosines_and_sines(p):
    table = np.random.default_rng(0).standard_normal((p, 4))
    a, wanted = np.arange(p), []
    for k in range(1, p // 2 + 1):
        waves = [np.cos(2 * np.pi * k * a / p), np.sin(2 * np.pi * k * a / p)]
        lengths = [wave @ wave for wave in waves]
        pairs = zip(waves, lengths, strict=True)
        wanted.append(sum((w @ table) ** 2 / n for w, n in pairs if n > 1e-9))
    # What the projections add up to is all that is not the mean.
    assert np.sum(wanted, 0) == pytest.approx(((table - table.mean(0)) ** 2).sum(0))
    assert wave_power(table) == pytest.approx(np.array(wanted) / np.sum(wanted, 0))


def test_ratios_of_what_is_known():
    p = 31
    angle = 2 * np.pi * np.arange(p) / p
    two = 3 * np.cos(4 * angle) + np.sin(5 * angle + 0.3)
    table = np.stack([np.cos(7 * angle - 2) + 5, two, np.eye(p)[3], np.full(p, 0.1)], 1)
    assert participation(table) == pytest.approx([1, 0.9**2 + 0.1**2, 1 / 15, 0])


def test_random_numbers_have_the_ratio_of_a_simplex():
    table = np.random.default_rng(1).standard_normal((31, 20_000))
    assert participation(table).mean() == pytest.approx(2 / 16, abs=2e-3)


def test_units_that_are_no_waves_memorise():
    p, draw = 31, np.random.default_rng(2)
    angle = 2 * np.pi * np.arange(p) / p
    waves = [np.cos(np.outer(angle, [1, 5, 9]) + draw.random(3)) for _ in range(2)]
    heart = draw.standard_normal((2, p, 2))
    tables = [np.hstack(both) for both in zip(waves, heart, strict=True)]
    assert memorising_units(*tables).tolist() == [False] * 3 + [True] * 2


def test_two_numbers_have_no_waves():
    with pytest.raises(UsageError, match="three numbers"):
        wave_power(np.zeros((2, 1)))
