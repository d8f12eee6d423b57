"""Hidden inliers are found and bounded."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gengap.base.errors import UsageError
from gengap.statistics.separation.audit import contamination, hidden_share


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_hidden_inliers_is_found(share: float) -> None:
    rng = np.random.default_rng(1)
    hidden = rng.random(4000) < share
    strangers = np.where(hidden, rng.normal(size=4000), rng.normal(8, 1, 4000))
    found = hidden_share(rng.normal(size=4000), strangers)
    assert found.estimate == pytest.approx(share, abs=0.04)
    assert found.low == 0
    assert share <= found.high <= min(share + 0.12, 1)


def test_the_bound_holds_in_nearly_all_draws() -> None:
    rng, held = np.random.default_rng(2), 0
    for _ in range(200):
        strangers = np.r_[rng.normal(size=40), rng.normal(5, 1, 60)]
        held += hidden_share(rng.normal(size=100), strangers).high >= 0.4
    assert held >= 190


def test_planted_inliers_come_first() -> None:
    rng = np.random.default_rng(3)
    train, inliers = rng.normal(size=(300, 5)), rng.normal(size=(100, 5))
    strangers = rng.normal(6, 1, size=(30, 5))
    strangers[[4, 17]] = train[[10, 20]] + 0.01
    usual, distance = cdist(inliers, train).min(1), cdist(strangers, train).min(1)
    found = contamination(usual, distance)
    assert set(found.order[:2]) == {4, 17}
    assert found.closer[4] == 1.0
    assert found.closer[0] == 0.0


def test_bad_input_is_told_in_a_sentence() -> None:
    with pytest.raises(UsageError, match="distances of strangers must be"):
        contamination(np.zeros(3), np.zeros((3, 4)))
    with pytest.raises(UsageError, match="distances of inliers must be"):
        contamination(np.full(3, np.nan), np.zeros(3))
