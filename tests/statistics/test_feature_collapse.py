"""Feature collapse against regression on indicators, by hand, and where roles say nothing."""

from __future__ import annotations

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.statistics.feature_collapse import feature_collapse


def test_it_is_the_adjusted_share_explained_by_a_regression_on_roles():
    rng = np.random.default_rng(0)
    roles = rng.integers(4, size=50)
    features = rng.standard_normal((50, 3)) + roles[:, None] * [1.0, 0.3, 0.0]
    indicators = (roles[:, None] == np.arange(4)).astype(float)
    fitted = indicators @ np.linalg.lstsq(indicators, features, rcond=None)[0]
    shares = [np.var(part, axis=0, ddof=0).sum() for part in (features - fitted, features)]
    wanted = 1 - shares[0] / shares[1] * 49 / 46
    assert feature_collapse(features, roles) == pytest.approx(wanted)


def test_by_hand():
    # Means 1 and 4 of all 2.5: within 4 over 2, in all 13 over 3.
    found = feature_collapse(np.array([[0.0], [2.0], [3.0], [5.0]]), np.array([0, 0, 1, 1]))
    assert found == pytest.approx(1 - 2 / (13 / 3))


def test_it_is_nought_on_average_where_roles_say_nothing():
    rng = np.random.default_rng(1)
    roles = np.arange(30) % 6
    found = [feature_collapse(rng.standard_normal((30, 4)), roles) for _ in range(400)]
    error = np.std(found) / 20
    assert abs(np.mean(found)) < 4 * error
    assert min(found) < 0


def test_turning_moving_and_scaling_change_nothing():
    rng = np.random.default_rng(2)
    features, roles = rng.standard_normal((20, 3)), np.arange(20) % 3
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    assert feature_collapse(5 * features @ turn + 7, roles) == pytest.approx(
        feature_collapse(features, roles)
    )


@pytest.mark.parametrize(
    ("features", "roles", "said"),
    [
        (np.eye(3), [0, 0, 0], "two roles or more"),
        (np.eye(3), [0, 1, 2], "more entities than roles"),
        (np.eye(3), [0, 1], "one to each"),
        (np.full((4, 2), 0.1), [0, 0, 1, 1], "the same features"),
    ],
)
def test_what_says_nothing_is_refused(features, roles, said):
    with pytest.raises(UsageError, match=said):
        feature_collapse(features, np.array(roles))
