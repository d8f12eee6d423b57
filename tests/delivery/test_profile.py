"""Columns that moved: against other implementations, and false alarms by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gengap.delivery.profile import BINS, against, moved, profile_of
from gengap.environments.preparation import ColumnCode, Encoded, encode


def counts(values: np.ndarray) -> np.ndarray:
    return np.bincount(values, minlength=BINS)[None]


def test_the_rank_sum_on_bins_is_scipys():
    rng = np.random.default_rng(0)
    batch, known = rng.integers(2, 10, 40), rng.integers(0, 9, 70)
    high, low = against(counts(batch), counts(known))
    for found, way in ((high, "greater"), (low, "less")):
        wanted = stats.mannwhitneyu(batch, known, alternative=way, method="asymptotic").pvalue
        assert found[0] == pytest.approx(wanted)


def test_two_values_are_fishers_exact_test():
    batch, known = np.repeat([0, 1], [10, 20]), np.repeat([0, 1], [45, 15])
    high, low = against(counts(batch), counts(known))
    for found, way in ((high, "greater"), (low, "less")):
        table = [[20, 10], [15, 45]]
        assert found[0] == pytest.approx(stats.fisher_exact(table, alternative=way).pvalue)


def drawn(rng, rows, where):
    """A number with a long tail and a mark, whose level and share differ between environments."""
    return np.stack(
        [
            rng.gamma(1.0 + 0.3 * where, 2.0, rows),
            (rng.random(rows) < 0.2 + 0.1 * where).astype(float),
        ],
        1,
    )


def test_batches_of_one_environment_and_of_mixtures_are_no_alarm():
    rng = np.random.default_rng(0)
    homes = np.repeat([0, 1, 2], 60)
    codes = (ColumnCode("dose", "number"), ColumnCode("mark", "category", present=(0,)))
    found = []
    for trial in range(300):
        known = np.concatenate([drawn(rng, 60, where) for where in range(3)])
        profile = profile_of(known, codes, homes, 3)
        kind = trial % 4
        where = rng.integers(0, 3, 40) if kind == 3 else np.full(40, kind)
        batch = np.concatenate([drawn(rng, 1, own) for own in where])
        described = Encoded(batch, ("dose", "mark"), ("number", "category"), {}, codes)
        found.append(moved(profile, batch, described).p_value)
    for level in (0.01, 0.05, 0.1):
        assert np.mean(np.array(found) <= level) <= level + 2 * np.sqrt(level / 300)


def test_the_column_that_moved_is_named_in_its_own_units():
    rng = np.random.default_rng(1)
    homes = np.repeat([0, 1], 80)
    known = np.stack([rng.normal(50 + 5 * homes, 8), rng.normal(size=160)], 1)
    encoded = encode(known)
    profile = profile_of(encoded.matrix, encoded.codes, homes, 2)
    new = encode(known).matrix[:40] + np.array([15, 0], np.float32)
    said = moved(profile, new, encoded)
    assert said.column == "x0"
    assert said.p_value < 0.01
    assert said.low == pytest.approx(known[:80, 0].mean(), rel=1e-5)
    assert said.mean == pytest.approx(known[:40, 0].mean() + 15, rel=1e-5)
    assert moved(profile, new[:10], encoded) is None
