"""Kemeny's order: against every permutation, and where several orders are equally good."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gengap.base.errors import UsageError
from gengap.statistics import kemeny as module
from gengap.statistics.kemeny import best_positions, kemeny


def random_wins(seed: int, methods: int, environments: int) -> np.ndarray:
    """Wins in environments where some methods tie."""
    scores = np.random.default_rng(seed).integers(0, 4, (methods, environments))
    above = (scores[:, None] > scores[None]).sum(-1) + (scores[:, None] == scores[None]).sum(-1) / 2
    return above * (1 - np.eye(methods))


def agreement(wins: np.ndarray, order: tuple[int, ...]) -> float:
    return sum(wins[a, b] for a, b in itertools.combinations(order, 2))


@pytest.mark.parametrize("seed", range(20))
def test_against_all_permutations(seed: int):
    methods = 2 + seed % 5
    wins = random_wins(seed, methods, 1 + seed % 7)
    orders = list(itertools.permutations(range(methods)))
    values = [agreement(wins, order) for order in orders]
    best = [order for order, value in zip(orders, values, strict=True) if value == max(values)]
    found = kemeny(wins)
    assert found.exact
    assert found.order in best
    assert found.best_orders == len(best)
    mean_place = [np.mean([order.index(i) + 1 for order in best]) for i in range(methods)]
    np.testing.assert_allclose(found.positions, mean_place)
    assert found.disagreement == pytest.approx(min(wins.sum() - value for value in values))


def test_condorcet_cycle_shares_all_positions():
    cycle = np.array([[0, 2, 1], [1, 0, 2], [2, 1, 0]])
    found = kemeny(cycle)
    assert found.best_orders == 3
    np.testing.assert_allclose(found.positions, 2.0)


def test_many_tables_at_once_give_what_each_gives():
    tables = np.stack([random_wins(seed, 6, 5) for seed in range(7)])
    positions, numbers = best_positions(tables)
    for table, position, number in zip(tables, positions, numbers, strict=True):
        found = kemeny(table)
        np.testing.assert_allclose(found.positions, position)
        assert found.best_orders == number


def test_large_tables_without_cycles_stay_exact():
    methods = 40
    wins = np.triu(np.full((methods, methods), 3.0), 1) + np.tril(np.ones((methods, methods)), -1)
    shuffle = np.random.default_rng(0).permutation(methods)
    found = kemeny(wins[np.ix_(shuffle, shuffle)])
    assert found.exact
    assert [shuffle[k] for k in found.order] == list(range(methods))


def test_local_search_finds_the_best_order_of_small_entangled_tables(monkeypatch):
    tables = [random_wins(seed, 9, 5) for seed in range(8)]
    exact = [kemeny(table).disagreement for table in tables]
    monkeypatch.setattr(module, "EXACT_TO", 1)
    found = [kemeny(table) for table in tables]
    assert [order.disagreement for order in found] == exact
    assert not all(order.exact for order in found)


def test_same_seed_same_order_beyond_the_exact():
    wins = random_wins(0, 24, 9)
    first, again = kemeny(wins, seed=3), kemeny(wins, seed=3)
    assert not first.exact
    assert np.isnan(first.best_orders)
    assert first.order == again.order
    assert sorted(first.order) == list(range(24))


@pytest.mark.parametrize("wins", [[1, 2], [[0, 1]], [[0, np.nan], [1, 0]]])
def test_unusable_input(wins):
    with pytest.raises(UsageError):
        kemeny(wins)
