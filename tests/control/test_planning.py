"""Values on levels worked by hand, and against a linear solve."""

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import UsageError
from gengap.control.exact import returns
from gengap.control.planning import greedy, optimal, policy_values
from gengap.control.tables import LevelTables

GO, STAY = 0, 1


def corridor(slip: float = 0.0, discount: float = 0.9, horizon: int = 5) -> LevelTables:
    """Three states in a row; going on from the last earns 1 and ends the episode."""
    onward = np.array([[[1, 0], [2, 1], [2, 2]]])
    reward, end = np.zeros((1, 3, 2), np.float32), np.zeros((1, 3, 2), bool)
    reward[0, 2, GO], end[0, 2, GO] = 1.0, True
    return LevelTables(
        onward, reward, end, np.eye(3, dtype=np.uint8)[None], np.array([3]), np.array([[0]]),
        horizon, ("go", "stay"), pd.DataFrame({"level": ["a"]}), np.full(1, slip), discount,
    )  # fmt: skip


def test_the_best_policy_goes_on_and_is_worth_the_discounted_reward() -> None:
    values = optimal(corridor())[0]
    np.testing.assert_allclose(values[:, GO], [0.81, 0.9, 1.0], rtol=1e-5)
    np.testing.assert_allclose(values[:, STAY], [0.729, 0.81, 0.9], rtol=1e-5)


def test_values_of_a_policy_solve_its_linear_equations() -> None:
    """On random levels with slips, against a solver of linear equations."""
    rng = np.random.default_rng(0)
    L, S, A = 3, 6, 3
    onward = rng.integers(S, size=(L, S, A))
    reward, end = rng.normal(size=(L, S, A)).astype(np.float32), rng.random((L, S, A)) < 0.2
    slip = rng.uniform(0, 0.5, L)
    levels = LevelTables(
        onward, reward, end, np.zeros((L, S, 1), np.uint8), np.full(L, S), np.zeros((L, 1), int), 9,
        ("a", "b", "c"), pd.DataFrame({"level": list("xyz")}), slip, 0.8,
    )  # fmt: skip
    policy = rng.dirichlet(np.ones(A), (L, S)).astype(np.float32)
    found = (policy_values(levels, policy) * policy).sum(-1)
    for level in range(L):
        done = (1 - slip[level]) * policy[level] + slip[level] / A
        move, earned = np.zeros((S, S)), (done * reward[level]).sum(-1)
        for s in range(S):
            for a in range(A):
                move[s, onward[level, s, a]] += done[s, a] * 0.8 * (not end[level, s, a])
        np.testing.assert_allclose(found[level], np.linalg.solve(np.eye(S) - move, earned), 1e-4)


def test_slips_lose_what_a_random_action_loses() -> None:
    """With half of the actions random: V2 = 0.75 + 0.25 · 0.9 V2, and so on down the corridor."""
    values = optimal(corridor(slip=0.5))[0].max(-1)
    last = 0.75 / (1 - 0.225)
    middle = 0.75 * 0.9 * last / (1 - 0.225)
    np.testing.assert_allclose(values, [0.675 * middle / 0.775, middle, last], rtol=1e-4)


@pytest.mark.parametrize(("horizon", "reached"), [(2, 0.0), (3, 0.81), (5, 0.81)])
def test_what_lies_beyond_the_horizon_is_not_reached(horizon: int, reached: float) -> None:
    levels = corridor(horizon=horizon)
    going = greedy(optimal(levels))
    found = returns(levels, going, np.array([0]), np.array([0]))
    np.testing.assert_allclose(found, reached, rtol=1e-6)


def test_chance_and_certainty_agree_with_rollouts() -> None:
    """The random policy from the first state, against ten thousand walks."""
    levels = corridor(discount=1.0, horizon=6)
    even = np.full((1, 3, 2), 0.5, np.float32)
    exact = returns(levels, even, np.array([0]), np.array([0]))[0]
    # Three goings-on within six fair choices: 1 - P(at most two).
    assert exact == pytest.approx(1 - (1 + 6 + 15) / 64, rel=1e-6)


def test_equal_preferences_are_equally_likely() -> None:
    np.testing.assert_allclose(greedy(np.array([[1.0, 1.0, 0.0]])), [[0.5, 0.5, 0.0]])


def test_rewards_that_are_no_numbers_are_refused() -> None:
    levels = corridor()
    levels.reward[0, 0, 0] = np.nan
    with pytest.raises(UsageError, match="finite"):
        levels.at(np.array([0]))
