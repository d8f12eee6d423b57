"""Swapped halves: what is trained on one half of the environments is the other half's reference."""

from __future__ import annotations

import numpy as np
import pytest

import gengap as gg
from gengap.environments.splits import Halves, parse_splits


def many(environments: int = 12, n: int = 20, cost: float = 1.0, seed: int = 0) -> gg.Environments:
    """Environments with a column of their own that alone says what is added to their target.

    At a cost of 0 nothing is added, and there are no such columns.
    """
    rng = np.random.default_rng(seed)
    names = np.repeat([f"place {k}" for k in range(environments)], n)
    own = np.repeat(np.eye(environments, dtype=np.float32), n, 0)
    added = np.repeat(rng.normal(size=environments) * cost, n)
    x = rng.normal(size=(len(names), 1)).astype(np.float32)
    y = x[:, 0] + added + rng.normal(size=len(names)) / 100
    return gg.Environments.from_arrays(np.hstack([x, own]) if cost else x, y, names)


def ridge(data: gg.Environments, **settings: object) -> object:
    from sklearn.linear_model import Ridge

    settings = {"splits": "halves", "seeds": 2, "metric": "squared_error", **settings}
    return gg.Study(data, methods=[{"ridge": Ridge(1e-3)}], **settings).run()  # type: ignore[arg-type]


def test_each_half_is_unseen_once_and_the_other_is_its_reference() -> None:
    data = many()
    first, second = parse_splits("halves").iterate(data)
    assert (first.reference, second.reference) == (second.name, first.name)
    np.testing.assert_array_equal(first.train, second.unseen)
    np.testing.assert_array_equal(second.train, first.unseen)
    assert len(first.train_environments(data)) == 6


def test_two_trainings_a_seed_are_all_there_are() -> None:
    found = ridge(many())
    runs = [run for run, _ in found.plan.runs["ridge"]]
    assert {run.role for run in runs} == {"unseen"}
    assert len(runs) == 4
    assert found.plan.whole


def test_the_cost_is_what_the_environments_own_column_is_worth() -> None:
    """A seen environment is known up to noise; of an unseen one what is added is not known."""
    data = many(environments=40)
    found = ridge(data)
    rows = found.gaps.set_index("environment")
    rest = data.y - np.asarray(data.X)[:, 0]
    added = {name: rest[data.environment == k].mean() for k, name in enumerate(data.names)}
    for half in Halves().iterate(data):
        inside = [added[name] for name in half.train_environments(data)]
        for name in half.unseen_environments(data):
            # The model's intercept is near what is added elsewhere on average.
            expected = (added[name] - np.mean(inside)) ** 2
            assert rows.loc[name, "cost_of_unseen"] == pytest.approx(expected, abs=0.1)
            assert rows.loc[name, "reference"] < 0.05


def test_halves_are_read_back_from_records(tmp_path) -> None:
    store = tmp_path / "records.db"
    first = ridge(many(), store=store)
    again = ridge(many(), store=store)
    assert again.gaps.equals(first.gaps)


def test_a_model_is_fitted_on_everything_after_halves(tmp_path) -> None:
    found = ridge(many())
    delivered = found.fit("best")
    rows = np.hstack([np.array([[1.0], [2.0]]), np.zeros((2, 12))])
    predicted = delivered.predict(rows)
    assert predicted[1] - predicted[0] == pytest.approx(1.0, abs=0.05)


def test_of_sizes_each_halfs_set_is_the_others_reference_where_it_was_trained_on() -> None:
    """What is not known is the square of what is added here less its mean where trained on."""
    data = many(environments=20)
    found = ridge(data, sizes="environments=2,4", seeds=3)
    plan, rest = found.plan, data.y - np.asarray(data.X)[:, 0]
    assert [run.role for run, _ in plan.runs["ridge"]].count("sized") == 2 * 2 * 3
    added = {name: rest[data.environment == k].mean() for k, name in enumerate(data.names)}
    for row, m in zip(found.finding.sizes.rows, (2, 4), strict=True):
        expected = []
        for cell in plan.cells:
            if cell.role == "sized" and cell.name.split(" @ ")[1] == f"{m};examples=all":
                beside = plan.sized(cell.reference)
                assert plan.sized(beside.reference) is cell
                assert not set(cell.train) & set(beside.train)
                inside = np.mean([added[name] for name in cell.train])
                expected += [(added[name] - inside) ** 2 for name in beside.train]
        assert row.cost_of_unseen == pytest.approx(np.mean(expected), abs=0.1)
        assert row.cost_low < row.cost_of_unseen < row.cost_high
        assert row.score_reference < 0.05


def test_of_an_odd_number_of_environments_both_halves_train_on_as_many() -> None:
    found = ridge(many(9), sizes="environments=2,4,all", seeds=2)
    sized = [cell for cell in found.plan.cells if cell.role == "sized"]
    assert sorted(len(cell.train) for cell in sized) == [2] * 4 + [4] * 4
    assert all(row.cost_of_unseen is not None for row in found.finding.sizes.rows)


@pytest.mark.slow
@pytest.mark.parametrize(("cost", "truth", "least"), [(0.0, 0.0, 0.95), (1.0, 13 / 12, 0.90)])
def test_the_interval_of_environments_like_these_holds(
    cost: float, truth: float, least: float
) -> None:
    """Two hundred studies, within three errors of what Student's t covers.

    Of a normal addition with variance 1, E(a - mean of 12)² = 1 + 1/12. Costs are then squares of
    normals, of whose mean Student's t with 24 of them covers about 90%.
    """
    held = 0
    for seed in range(200):
        row = ridge(many(24, 20, cost, seed), seeds=3).finding.methods[0]
        held += row.expected_low <= truth <= row.expected_high
    assert held / 200 > least - 3 * np.sqrt(least * (1 - least) / 200)
