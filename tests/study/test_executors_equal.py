"""A study gives equal records to the last bit on every executor, and ends right or resumes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from executed_work import Deadly, Refusing, Slow
from typer.testing import CliRunner

import gengap as gg
from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.records.store import Store
from gengap.study import execution
from gengap.study.chunks import Chunk
from study_builders import assert_same_contents, contents, study, wards

# A fleet, runs that cannot share a program, and scikit-learn's.
METHODS = ["erm", "irm", "sklearn:LogisticRegression", "sklearn:DecisionTreeClassifier"]


def dropping() -> Any:
    """A network that draws from torch's global generator while it trains."""
    from torch import nn

    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))


def records(store: Any = None, **settings: Any) -> dict:
    """The outcomes of a study of every kind of run."""
    result = study(wards(), METHODS, store=store, memory=200_000, **settings).run()
    assert not result.skipped
    return contents(result.store)


@pytest.fixture(scope="module")
def plainly() -> dict:
    return records()


@pytest.fixture
def executor(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "given processes":
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            yield pool
    elif request.param == "given threads":
        with ThreadPoolExecutor(2) as pool:
            yield pool
    elif request.param in ("ray", "dask"):
        yield request.getfixturevalue(f"{request.param}_executor")
    else:
        yield request.param


EVERYWHERE = [None, "threads", "processes", "given processes", "given threads", "ray", "dask"]
APART = ["processes", "ray", "dask"]
APART_OR_SLOW = ["processes", *(pytest.param(e, marks=pytest.mark.slow) for e in ("ray", "dask"))]


@pytest.mark.parametrize("executor", EVERYWHERE, indirect=True)
def test_records_are_equal_to_the_last_bit(executor, plainly):
    assert_same_contents(plainly, records(executor=executor, jobs=2, threads=2))


@pytest.mark.parametrize("executor", ["threads", *APART_OR_SLOW], indirect=True)
def test_networks_that_draw_in_training_are_equal_as_well(executor):
    settings: dict[str, Any] = {"model": dropping, "seeds": 1, "steps": 6}
    alone = contents(study(wards(), **settings).run().store)
    there = study(wards(), **{**settings, "jobs": 2, "threads": 2}, executor=executor).run()
    assert_same_contents(alone, contents(there.store))


@pytest.mark.parametrize(
    "executor", ["dask", pytest.param("ray", marks=pytest.mark.slow)], indirect=True
)
def test_workers_of_a_cluster_record_in_postgresql_themselves(
    executor, plainly, postgresql, monkeypatch
):
    def never(*_: object) -> None:
        raise AssertionError("the driver has nothing to record")

    monkeypatch.setattr(execution, "record", never)
    url = postgresql.new_schema(f"workers_{'ray' if executor == 'ray' else 'dask'}")
    assert_same_contents(plainly, records(url, executor=executor))


def test_an_executor_that_was_given_stays_open():
    with ThreadPoolExecutor(1) as pool:
        study(wards(), executor=pool).run()
        assert pool.submit(int, 3).result() == 3


def deadly(folder: Path, deaths: int, **settings: Any) -> gg.Study:
    folder.mkdir(exist_ok=True)
    estimator = Deadly(str(folder), deaths)
    return study(wards(), [estimator], plain_training=False, seeds=1, jobs=2, **settings)


@pytest.mark.parametrize("executor", APART_OR_SLOW, indirect=True)
def test_a_study_outlives_a_killed_worker(executor, tmp_path):
    """Its records equal those of a study whose workers all lived."""
    result = deadly(tmp_path / "deaths", 1, executor=executor).run()
    assert len(list((tmp_path / "deaths").iterdir())) >= 1
    assert not result.skipped
    undisturbed = deadly(tmp_path / "deaths", 1, executor="threads").run()
    assert_same_contents(contents(undisturbed.store), contents(result.store))


@pytest.mark.parametrize("executor", APART_OR_SLOW, indirect=True)
def test_workers_that_die_again_and_again_stop_the_study_in_a_sentence(executor, tmp_path):
    path = tmp_path / "records.db"
    with pytest.raises(UsageError, match=r"Two workers were lost.*Deadly.*goes on from there"):
        deadly(tmp_path / "deaths", 1000, executor=executor, store=path).run()
    for k in range(1000 - len(list((tmp_path / "deaths").iterdir()))):
        (tmp_path / "deaths" / f"{k}").touch()
    resumed = deadly(tmp_path / "deaths", 1000, executor="threads", store=path).run()
    assert len(contents(resumed.store)) == 2 * 5


@pytest.mark.parametrize("executor", APART_OR_SLOW, indirect=True)
def test_an_estimator_that_fails_is_left_out_with_its_reason(executor):
    result = study(wards(), ["sklearn:GaussianNB", Refusing()], executor=executor, jobs=2).run()
    assert result.skipped == {"Refusing": "Refusing failed on this data: this data is not for me."}


@pytest.mark.parametrize("executor", APART_OR_SLOW, indirect=True)
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_stopped_study_goes_on_where_it_was(executor, tmp_path):
    path = tmp_path / "records.db"

    def stop(now: Any) -> None:
        if now.done >= 4:
            raise KeyboardInterrupt

    slow = study(
        wards(), [Slow()], plain_training=False, executor=executor, jobs=2, store=path, seeds=3
    )
    with pytest.raises(KeyboardInterrupt):
        slow.run(stop)
    with Store(path, create=False) as store:
        kept = contents(store)
    assert 0 < len(kept) < 2 * 3 * 5
    again = study(wards(), [Slow()], plain_training=False, jobs=1, store=path, seeds=3).run()
    whole = study(wards(), [Slow()], plain_training=False, jobs=1, seeds=3).run()
    assert_same_contents(contents(whole.store), contents(again.store))


@pytest.mark.parametrize("executor", ["threads", "processes"], indirect=True)
def test_progress_grows_to_the_end(executor):
    seen = []
    study(wards(), METHODS, executor=executor, jobs=2, threads=2).run(seen.append)
    assert [now.done for now in seen] == sorted(now.done for now in seen)
    assert seen[-1].done == seen[-1].total == 4 * 2 * 5
    assert {now.total for now in seen} == {40}


def test_what_cannot_be_sent_is_told(tmp_path):
    class Locked(Slow):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

        def __reduce__(self) -> Any:
            raise TypeError("cannot pickle '_thread.lock' object")

    unsendable = study(wards(), [Locked()], plain_training=False, executor="processes", jobs=2)
    with pytest.raises(UsageError, match=r"cannot be sent.*lock.*--executor threads"):
        unsendable.run()


@pytest.mark.parametrize(
    ("executor", "said"),
    [("grid", "There is no executor 'grid'; use threads"), (3, "executor must be one of")],
)
def test_a_wrong_executor_is_told_before_anything_is_written(executor, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        study(wards(), executor=executor, store=tmp_path / "records.db").run()
    assert not (tmp_path / "records.db").exists()


def test_the_command_line_names_the_executors():
    result = CliRunner().invoke(app, ["run", "--suite", "linear-shift", "--executor", "grid"])
    assert result.exit_code == 2
    assert "ray://host:port or dask://host:port" in " ".join(result.output.split())


class Listing(ThreadPoolExecutor):
    """Notes whose runs it is handed."""

    def __init__(self) -> None:
        super().__init__(1)
        self.methods: list[str] = []

    def submit(self, function: Any, *arguments: Any, **named: Any) -> Any:
        self.methods += [a.method for a in arguments if isinstance(a, Chunk)]
        return super().submit(function, *arguments, **named)


def test_what_takes_longest_is_handed_out_first() -> None:
    with Listing() as executor:
        study(wards(), ["erm", "sam", "sklearn:LogisticRegression"], executor=executor).run()
    fleets = [name for name in executor.methods if "sklearn" not in name]
    assert fleets[0] == "sam"  # two passes a step
    assert sorted(fleets, reverse=True) == fleets
    assert "sklearn" in executor.methods[-1]
