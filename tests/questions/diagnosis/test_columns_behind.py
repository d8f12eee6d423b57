"""Which columns: the planted shortcut is found, moved columns are told, and nothing else is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import gengap as gg
from gengap.questions.diagnosis.columns import ColumnDiagnosis, columns
from gengap.questions.diagnosis.material import material
from gengap.report.explanation import columns as report

N = 160


def table(strengths: tuple[float, ...], seed: int = 0) -> gg.Environments:
    """A cause, a shortcut of a strength for each environment, a column that moves, a category."""
    rng = np.random.default_rng(seed)
    K = len(strengths)
    where = np.repeat(np.arange(K), N)
    cause = rng.normal(size=K * N)
    y = cause + 0.5 * rng.normal(size=K * N)
    frame = pd.DataFrame(
        {
            "cause": cause,
            "shortcut": np.asarray(strengths)[where] * y + 0.3 * rng.normal(size=K * N),
            "moves": rng.normal(size=K * N) + 1.5 * (where == 0),
            "kind": rng.choice(["p", "q", "r"], K * N),
            "gaps": np.where(rng.random(K * N) < 0.1, np.nan, rng.normal(size=K * N)),
        }
    )
    return gg.Environments.from_arrays(frame, y, np.array(list("abcdef"))[where])


def asked(data: gg.Environments, **settings) -> ColumnDiagnosis:
    study = gg.Study(
        data, settings.pop("methods", ["sklearn:Ridge"]), seeds=2, jobs=1, plain_training=False,
        metric="squared_error", **{"keep_models": "all", **settings},
    )  # fmt: skip
    return columns(material(study.run()))


@pytest.fixture(scope="module")
def found() -> ColumnDiagnosis:
    return asked(table((1.0, 1.1, 0.9, 1.0, -1.0)))


def by_name(found: ColumnDiagnosis) -> dict:
    return {column.name: column for column in found.columns}


def test_the_shortcut_carries_the_cost_and_fails_where_it_is_reversed(found):
    shortcut = by_name(found)["shortcut"]
    assert found.columns[0] is shortcut
    assert shortcut.carries
    assert shortcut.fails
    assert "e" in shortcut.carries_in
    assert "e" in shortcut.fails_in
    assert shortcut.inside.estimate > 0
    others = [c for c in found.columns if c.name in ("moves", "kind", "gaps")]
    assert not any(c.carries or c.fails for c in others)


def test_columns_that_moved_are_told_with_where_and_how(found):
    own = by_name(found)
    assert own["moves"].moved_in >= 1
    assert own["moves"].most_moved == "a"
    assert own["moves"].change.of == "median"
    assert own["kind"].moved_in == own["gaps"].moved_in == 0


def test_what_is_carried_is_what_the_reversal_costs(found):
    """Matched to training, the shortcut is as good as there: nearly all of the cost is carried."""
    e = found.environments.index("e")
    place = [c.name for c in found.columns].index("shortcut")
    assert found.cost[e, place] == pytest.approx(found.cost[e].sum(), rel=0.3)
    assert found.cost[e, place] > 5 * np.abs(np.delete(found.cost[e], place)).max()


def test_words_and_table(found):
    said = " ".join(report.sentences(found))
    assert "Confirmed to carry the cost of unseen: shortcut (" in said
    assert "shortcut suspects" in said
    section = report.section(found)
    (columns_table,) = (b for b in section.blocks if getattr(b, "element", "") == "table")
    assert columns_table.rows[0][0].text == "shortcut"


def test_where_nothing_differs_nothing_is_confirmed():
    found = asked(table((1.0, 1.0, 1.0, 1.0), seed=3))
    assert not any(c.carries or c.fails for c in found.columns)


def test_networks_are_asked_as_estimators_are():
    found = asked(table((1.0, 1.0, -1.0)), methods=["erm"], steps=300, model="linear")
    assert found.models == 12
    names = [column.name for column in found.columns]
    assert names[int(np.argmax(found.cost[found.environments.index("c")]))] == "shortcut"


def test_without_models_only_what_moved_is_told():
    study = gg.Study(
        table((1.0, 1.0, 1.0)), ["erm"], seeds=1, steps=5, jobs=1, keep_models="none",
        plain_training=False,
    )  # fmt: skip
    found = columns(material(study.run()))
    assert found.models == 0
    assert by_name(found)["moves"].moved_in >= 1
    assert "--keep-models" in " ".join(report.sentences(found))
    assert report.section(found).blocks


def test_images_have_no_columns():
    rng = np.random.default_rng(0)
    data = gg.Environments.from_arrays(
        rng.normal(size=(90, 1, 4, 4)), rng.integers(0, 2, 90), np.repeat(["a", "b", "c"], 30)
    )
    study = gg.Study(data, ["sklearn:LogisticRegression"], seeds=1, jobs=1, plain_training=False)
    with pytest.raises(gg.UsageError, match="no columns"):
        columns(material(study.run()))


def test_a_metric_that_no_row_has_by_itself_is_explained_by_one_that_rows_have():
    data = table((1.0, 1.0, -1.0))
    binary = gg.Environments.from_arrays(
        data.X, (data.y > 0).astype(int), np.array(data.names)[data.environment]
    )
    study = gg.Study(
        binary, ["sklearn:LogisticRegression"], seeds=1, jobs=1, plain_training=False,
        metric="auroc", keep_models="all",
    )  # fmt: skip
    found = columns(material(study.run()))
    assert (found.metric, found.asked) == ("accuracy", "auroc")
    assert found.models
