"""Rows that belong together: in one part, and one unit of the intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsRegressor
from typer.testing import CliRunner

import gengap as gg
from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.environments.parts import TRAIN
from gengap.environments.repeats import repeats
from gengap.records.store import Store
from gengap.study.result import read_result
from gengap.study.scores import _by_cluster

HOSPITALS, PATIENTS, VISITS = 5, 12, 8


def patients(seed: int = 0) -> pd.DataFrame:
    """Patients of a few visits whose target is their own: neighbours know them, and no hospital.

    All hospitals are alike, so that an unseen one costs only what fewer training rows cost, which a
    reference of the same size does not gain: the true cost is 0.
    """
    rng = np.random.default_rng(seed)
    count = HOSPITALS * PATIENTS
    patient = np.repeat(np.arange(count), VISITS)
    own = rng.normal(size=(count, 3))
    x = own[patient] + 0.05 * rng.normal(size=(len(patient), 3))
    y = rng.normal(size=count)[patient] + 0.1 * rng.normal(size=len(patient))
    table = pd.DataFrame(x, columns=["u", "v", "w"])
    return table.assign(
        y=y, patient=[f"p{k}" for k in patient], hospital=patient % HOSPITALS
    ).sample(frac=1, random_state=seed)


def measured(seed: int, together: bool):
    table = patients(seed)
    return gg.measure(
        KNeighborsRegressor(1),
        table[["u", "v", "w"]],
        table["y"],
        environment=table["hospital"],
        cluster=table["patient"] if together else None,
        metric="squared_error",
        jobs=1,
    )


def test_a_model_that_remembers_patients_has_a_cost_that_is_not_one():
    apart, together = measured(0, False).methods.iloc[0], measured(0, True).methods.iloc[0]
    # Without clusters the reference knows every patient: it errs by 2 * 0.1^2, the unseen by 2.
    assert apart.cost_of_unseen > 1
    assert apart.cost_low > 0
    assert abs(together.cost_of_unseen) < 0.5
    assert together.cost_low < 0 < together.cost_high


@pytest.mark.slow
def test_intervals_hold_the_true_cost_as_often_as_they_say():
    rows = [measured(seed, True).methods.iloc[0] for seed in range(60)]
    held = np.mean([row.cost_low <= 0 <= row.cost_high for row in rows])
    assert held >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / 60)
    apart = [measured(seed, False).methods.iloc[0] for seed in range(10)]
    assert not any(row.cost_low <= 0 <= row.cost_high for row in apart)


@pytest.fixture(scope="module")
def environments():
    table = patients().assign(ward=np.tile(["a", "b", "c"], 160))
    return gg.Environments.from_frame(table, "y", "hospital", cluster="patient")


def test_the_cluster_is_a_factor_and_no_feature(environments):
    assert list(environments.X.columns) == ["u", "v", "w", "ward"]
    assert environments.cluster == "patient"
    labels = environments.factors["patient"].to_numpy()
    for code in range(60):
        assert len(np.unique(labels[environments.clusters == code])) == 1
    assert "kept together" in environments.notes[-1]
    assert "60 of them in 480 rows" in environments.notes[-1]


def test_references_draw_whole_clusters_and_no_cluster_is_on_both_sides(environments):
    plan = gg.Study(environments, ["sklearn:Ridge"], seeds=2).plan
    for cell in plan.cells:
        for seed in plan.seeds:
            rows = np.concatenate(plan.training_rows(cell, seed))
            trained = np.unique(plan.clusters[rows])
            scored = np.flatnonzero(plan.parts(seed) != TRAIN)
            assert not np.isin(plan.clusters[scored], trained).any()
            whole = np.isin(plan.clusters, trained) & cell.rows & (plan.parts(seed) == TRAIN)
            # The size of the reference is kept: one patient of each hospital may be cut.
            assert whole.sum() - len(rows) < HOSPITALS * VISITS


def test_the_result_is_read_back_from_the_records_alone(environments, tmp_path):
    path = tmp_path / "records.db"
    study = gg.Study(
        environments, ["sklearn:Ridge"], seeds=2, store=path, plain_training=False, jobs=1
    )
    given = study.run()
    with Store(path, create=False) as store:
        pd.testing.assert_frame_equal(read_result(store).gaps, given.gaps)
    # The unit is the patient: 12 a hospital, of whom two seeds test two fifths.
    assert given.gaps["examples"].between(4, 6).all()


def test_other_clusters_are_other_data(environments):
    apart = gg.Environments.from_arrays(
        environments.X, environments.y, environments.environment, factors=environments.factors
    )
    assert apart.together("patient").fingerprint != apart.fingerprint
    assert apart.together("patient").fingerprint != apart.together("hospital").fingerprint


def test_an_entry_of_a_cluster_has_the_rows_mean_and_the_ratios_variance():
    rng = np.random.default_rng(0)
    clusters = rng.permutation(np.repeat(np.arange(9), [1, 2, 3, 4, 5, 6, 7, 8, 9]))
    scores = rng.normal(size=(2, len(clusters))) + clusters
    found, home, rows = _by_cluster(
        scores, np.zeros(len(clusters), int), np.arange(100, 145), clusters
    )
    assert home.tolist() == [0] * 9
    assert rows.tolist() == [100 + int(np.argmax(clusters == g)) for g in range(9)]
    np.testing.assert_allclose(found.mean(axis=1), scores.mean(axis=1))
    # Cochran's estimator of the variance of a ratio, sum (y_g - R n_g)^2 / (G (G - 1) n^2).
    total = np.array([scores[0, clusters == g].sum() for g in range(9)])
    size = np.bincount(clusters)
    ratio = total.sum() / size.sum()
    cochran = np.sum((total - ratio * size) ** 2) / (9 * 8) / size.mean() ** 2
    np.testing.assert_allclose(found[0].var(ddof=1) / 9, cochran)
    # Entries of a difference are differences of entries.
    difference = _by_cluster(
        scores[:1] - scores[1:], np.zeros(len(clusters), int), np.arange(45), clusters
    )[0]
    np.testing.assert_allclose(difference[0], found[0] - found[1])


def test_the_command_takes_a_column(tmp_path):
    path = tmp_path / "visits.csv"
    patients().to_csv(path, index=False)
    options = ["--target", "y", "--environment", "hospital", "--methods", "sklearn:Ridge"]
    wanted = ["--cluster", "patient", "--print-study"]
    runner = CliRunner()
    said = runner.invoke(app, ["run", str(path), *options, *wanted])
    assert "cluster: patient" in said.output
    said = runner.invoke(app, ["run", str(path), *options, "--cluster", "patent"])
    assert said.exit_code == 2
    assert "did you mean 'patient'" in " ".join(said.output.split())


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("y", "is the target and cannot be a cluster"),
        ("hospital", "name a finer column"),
        ("row", "another value in every row"),
        ("gap", "missing values in 1 of 480"),
        ("half", "Only 0 of 5 environments .* have 5 values of half or more"),
    ],
)
def test_columns_that_keep_nothing_together_are_refused(column, words):
    table = patients()
    table = table.assign(row=range(480), gap=[None, *["a", "b"] * 239, "a"], half=["a", "b"] * 240)
    with pytest.raises(UsageError, match=words):
        gg.Study(gg.Environments.from_frame(table, "y", "hospital", cluster=column))


def test_clusters_of_several_environments_are_said_to_count_in_each():
    table = patients()
    table["hospital"] = (table["hospital"] + (np.arange(480) % 40 == 0)) % HOSPITALS
    made = gg.Environments.from_frame(table, "y", "hospital", cluster="patient")
    places = table.groupby("patient")["hospital"].nunique()
    (sentence,) = repeats(made)
    assert sentence.startswith(f"{(places > 1).sum()} of 60 values of patient occur in several")


def test_suites_have_no_clusters():
    said = CliRunner().invoke(app, ["run", "--cluster", "patient"])
    assert said.exit_code == 2
    assert "--cluster is for your own data" in said.output
