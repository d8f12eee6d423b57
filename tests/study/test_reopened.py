"""A recorded study is opened again with its data, and only with the data it ran on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import gengap as gg
from gengap.cli import app
from gengap.records.store import Store
from gengap.study.source import reopened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    n = 120
    hospital = np.repeat(["a", "b", "c"], n // 3)
    table = pd.DataFrame(
        {
            "age": rng.normal(50, 10, n).round(1),
            "weight": rng.normal(70, 9, n).round(1),
            "hospital": hospital,
            "died": (rng.random(n) < 0.4).astype(int),
        }
    )
    table.to_csv(tmp_path / "patients.csv", index=False)
    found = CliRunner().invoke(
        app,
        f"run {tmp_path / 'patients.csv'} --target died --environment hospital --drop weight "
        f"--methods sklearn:LogisticRegression --seeds 2 --jobs 1 --out {tmp_path / 'out'}",
    )
    assert found.exit_code == 0, found.output
    return tmp_path


def test_the_study_and_its_data_come_back_from_anywhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    with Store(folder / "out" / "records.db", create=False) as store:
        result = reopened(store)
        assert result.study is not None
        assert list(result.study.problem.X.columns) == ["age"]
        assert result.study.plan.record.key == result.plan.record.key
        runs = len(store.runs())
        again = result.study.run()
        assert len(store.runs()) == runs
        assert again.summary["methods"][0]["cost_of_unseen"] == pytest.approx(
            result.summary["methods"][0]["cost_of_unseen"]
        )
        again.store.close()


def test_data_that_were_moved_are_named(folder: Path) -> None:
    (folder / "patients.csv").rename(folder / "elsewhere.csv")
    with Store(folder / "out" / "records.db", create=False) as store:
        with pytest.raises(gg.UsageError, match="There is no file"):
            reopened(store)
        result = reopened(store, data=str(folder / "elsewhere.csv"))
        assert result.study is not None


def test_other_data_are_refused(folder: Path) -> None:
    table = pd.read_csv(folder / "patients.csv")
    table.loc[0, "age"] += 1
    table.to_csv(folder / "patients.csv", index=False)
    with (
        Store(folder / "out" / "records.db", create=False) as store,
        pytest.raises(gg.UsageError, match="no longer what the study patients ran on"),
    ):
        reopened(store)


def test_a_study_made_in_python_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.tile([0, 1], 30)
    data = gg.Environments.from_arrays(X, y, np.repeat(["a", "b", "c"], 20))
    path = tmp_path / "records.db"
    methods = ["sklearn:LogisticRegression"]
    gg.Study(data, methods, seeds=1, store=path, jobs=1).run().store.close()
    with (
        Store(path, create=False) as store,
        pytest.raises(gg.UsageError, match="was made in Python"),
    ):
        reopened(store)
