"""What to collect: environments where they differ, examples where an environment costs too much."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor

import gengap as gg
from gengap.base.errors import UsageError
from gengap.questions.planning.collection import what_to_collect
from gengap.records.store import Store
from gengap.report.collection import answer
from gengap.study.study import Study


def hospitals(spread: float, noise: float, seed: int = 0) -> gg.Environments:
    """Targets that are their environment's own constant and noise; a model learns their mean."""
    rng = np.random.default_rng(seed)
    where = np.repeat(np.arange(6), 60)
    y = spread * np.linspace(-1.5, 1.5, 6)[where] + noise * rng.normal(size=len(where))
    return gg.Environments.from_arrays(
        rng.normal(size=(len(where), 2)), y, where, task="regression", name=f"noise {noise:g}"
    )


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Two studies with sizes: environments that differ much, and environments all alike."""
    address = f"sqlite:///{Path(tmp_path_factory.mktemp('collection'))}/records.db"
    for spread, noise in ((0.0, 1.0), (1.0, 0.3)):
        study = Study(
            hospitals(spread, noise), [DummyRegressor()], metric="squared_error", seeds=2, jobs=1,
            sizes="environments=1,2,all;examples=2,10", store=address,
        )  # fmt: skip
        study.run().store.close()
    with Store(address) as store:
        yield store


def test_environments_are_advised_where_they_differ(records: Store) -> None:
    found = what_to_collect(records, 400, cost_environment=10, study="noise 0.3")
    (factor,) = found.factors
    best = factor.ways[0]
    assert best.environments == 400 // (10 + round(factor.examples))
    assert factor.environments == 6
    assert best.spent <= 400
    assert best.gain.estimate > 0
    assert "more environment" in answer(found)
    assert factor.backtest is not None
    assert "Checked by holding back: without the sizes of 5 environments" in answer(found)


def test_examples_are_advised_where_an_environment_costs_more_than_there_is(records: Store) -> None:
    found = what_to_collect(records, 80, cost_environment=1000, study="noise 0.3")
    (way,) = found.factors[0].ways
    assert (way.environments, way.more_examples, way.spent) == (0, 13, 78.0)


def test_factors_are_compared_and_the_one_that_gains_most_comes_first(records: Store) -> None:
    found = what_to_collect(records, 400, cost_environment=10)
    assert {factor.study for factor in found.factors} == {"noise 0.3", "noise 1"}
    first, second = (factor.ways[0].gain.estimate for factor in found.factors)
    assert first > second


def test_what_cannot_be_planned_is_said(records: Store) -> None:
    with pytest.raises(UsageError, match="buys neither"):
        what_to_collect(records, 1)
    with pytest.raises(UsageError, match="positive number"):
        what_to_collect(records, -1)


def test_studies_without_sizes_say_how_to_get_them(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/records.db"
    Study(hospitals(1, 1), [DummyRegressor()], seeds=1, jobs=1, store=address).run().store.close()
    with Store(address) as store, pytest.raises(UsageError, match="one size only; run it with"):
        what_to_collect(store, 100)
