"""The causes of a study's gap: its own numbers in parts, the planted cause named, no other."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest
from benchmarks.calibration.explain import PLANTED
from sklearn.linear_model import LinearRegression

import gengap as gg
from gengap.base.files import json_values
from gengap.questions.diagnosis.decomposition import (
    Decomposition,
    _of_rows,
    adjusted_p_values,
    decomposition,
    environment_interval,
    mean_interval,
)
from gengap.questions.diagnosis.material import material
from gengap.report.explanation import decomposition as report
from gengap.statistics.decomposition.parts import Parts, decompose


def explained(data: gg.Environments, model: object = "sklearn:LinearRegression", **settings):
    study = gg.Study(data, [model], jobs=1, plain_training=False, **{"seeds": 2, **settings})
    result = study.run()
    return result, decomposition(material(result))


@pytest.fixture(scope="module")
def shifted() -> tuple[gg.Result, Decomposition]:
    data = gg.load_suite("concept-shift", n=200, offsets=(-1.2, 0.0, 0.2, 1.4))
    return explained(data, LinearRegression(), metric="squared_error")


def test_the_study_and_its_parts_speak_of_the_same_gap(shifted):
    result, found = shifted
    rows = result.gaps.set_index("environment")
    for own in found.environments:
        row = rows.loc[own.environment]
        assert own.gap == pytest.approx(row.gap, rel=1e-6)
        assert own.cost == pytest.approx(row.cost_of_unseen, rel=1e-6)
        assert own.difficulty == pytest.approx(row.difficulty, rel=1e-6)
        assert sum(c.gap.estimate for c in own.causes) == pytest.approx(own.gap)
        whole = sum(c.cost.estimate for c in own.causes) + own.dilution
        assert whole == pytest.approx(own.cost)


def test_the_planted_cause_is_named_and_no_other(shifted):
    _, found = shifted
    named = {(own.environment, c.name) for own in found.environments for c in own.named}
    assert {("-1.2", "relation"), ("1.4", "relation")} <= named
    assert {name for _, name in named} == {"relation"}
    assert found.shares_first is None
    assert found.rows == found.of


def test_it_is_told_in_words_and_as_json(shifted):
    _, found = shifted
    said = report.sentences(found)
    assert said[0].startswith("Beyond chance: relation changed (for the worse: ")
    assert "class shares" not in " ".join(said)
    section = report.section(found)
    (table,) = (b for b in section.blocks if getattr(b, "element", "") == "table")
    assert [row[0].text for row in table.rows] == ["on average", "-1.2", "0", "0.2", "1.4"]
    assert json_values(found)["environments"][0]["environment"] == "-1.2"


def test_shares_of_classes_are_told_from_inputs():
    data = gg.load_suite("label-shift", n=200, priors=(0.15, 0.4, 0.6, 0.9))
    _, found = explained(data, "sklearn:LinearDiscriminantAnalysis", metric="accuracy")
    assert found.shares_first
    assert {c.name for own in found.environments for c in own.named} <= {"shares"}
    assert "shares" in found.causes
    # Fewer of class 1 than elsewhere, for a model that has learnt otherwise.
    first = {c.name: c.cost for c in found.environments[0].causes}
    assert first["shares"].low > 0


def test_images_with_rows_in_clusters_and_one_environment_held_out():
    rng = np.random.default_rng(0)
    where = np.repeat(["a", "b", "c"], 90)
    y = rng.integers(0, 2, 270)
    images = rng.normal(size=(270, 1, 7, 7)) + (where == "c")[:, None, None, None]
    images[:, 0, 0, 0] += 2 * y
    data = gg.Environments.from_arrays(images, y, where, cluster=np.arange(270) // 2)
    _, found = explained(data, "sklearn:LogisticRegression", splits="hold-out:c", seeds=1)
    (own,) = found.environments
    assert own.environment == "c"
    assert own.covariate > 0.5
    average = {c.name: c for c in found.mean.causes}
    assert average["inputs"].gap.estimate == pytest.approx(
        {c.name: c for c in own.causes}["inputs"].gap.estimate, nan_ok=True
    )


def test_too_few_rows_are_refused():
    rng = np.random.default_rng(0)
    X, where = rng.normal(size=(60, 2)), np.repeat(["a", "b", "c"], 20)
    data = gg.Environments.from_arrays(pd.DataFrame(X), X[:, 0], where)
    with pytest.raises(gg.UsageError, match="tested rows"):
        explained(data, LinearRegression(), seeds=1)


def planted(kind: str, rows: int, options: dict[str, object]) -> Parts:
    return decompose(PLANTED[kind].sample(options, rows, seed=1))


def test_what_a_correction_alone_takes_for_relation_is_not_named():
    """Loss that moves from noise to relation, and leaves their sum as it is."""
    parts = planted("placebo", 60, {"offsets": (-1e-9, 0.0, 1e-9)})
    moved = parts.estimate.copy()
    by = 9 * np.sqrt(parts.variance[0, :, 2])
    moved[0, :, 1], moved[0, :, 2] = moved[0, :, 1] - by, moved[0, :, 2] + by
    shifted = replace(parts, estimate=moved)
    assert environment_interval(shifted, 0, 0, 2)[1] < 1e-4
    mean, each = adjusted_p_values(shifted)
    assert min(mean[1:3].min(), each[:, 1:3].min()) > 0.05


def test_shares_are_named_by_rows_where_environments_are_few():
    """Of the same sign everywhere, but of a size that no six environments tell from their like."""
    priors = (0.1, 0.15, 0.2, 0.25, 0.3, 0.85)
    parts = planted("shares", 150, {"priors": priors, "separation": 2.0})
    assert parts.shares_first
    like = min(mean_interval(parts, place, 3)[1] for place in (0, 1))
    mean, _ = adjusted_p_values(parts)
    values = parts.estimate[1, :, 3].mean() / np.sqrt(parts.mean_variance[1, 3])
    assert mean[3] <= 0.01 < like
    assert values == pytest.approx(NormalDist().inv_cdf(1 - _of_rows(parts, 1, 3) / 2), rel=1e-6)
