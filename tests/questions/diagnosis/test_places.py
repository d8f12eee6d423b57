"""Segments, factors and subgroups of a study whose cost was planted, in numbers and in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import gengap as gg
from gengap.environments.suites import suite_info
from gengap.questions.diagnosis.attributes import Condition, coded, conditions
from gengap.questions.diagnosis.factors import factors
from gengap.questions.diagnosis.material import Material, material
from gengap.questions.diagnosis.segments import segments
from gengap.questions.diagnosis.subgroups import subgroups
from gengap.report.document import document
from gengap.report.explanation import factors as factor_words
from gengap.report.explanation import segments as segment_words
from gengap.report.explanation import subgroups as subgroup_words
from gengap.report.html import render_document as page
from gengap.report.markdown import render_document as text
from gengap.statistics.segments import Condition as Coding


def told(found, part) -> str:
    """A part's section as a text; its page must render too."""
    sentences = part.sentences(found)
    made = [document("t", "a", "f", sentences, [part.section(found)], "c") for _ in range(2)]
    assert "<svg" in page(made[0]) or part is not factor_words
    return text(made[1])


@pytest.fixture(scope="module")
def hospitals() -> Material:
    """Five hospitals. Each has a device that no other has, whose readings are 3 too high, so that
    models that have not seen it are wrong there; and surgical patients above 60 are noisy."""
    rng = np.random.default_rng(0)
    n = 1500
    hospital, age = rng.integers(0, 5, n), rng.integers(20, 90, n)
    ward = rng.choice(["icu", "medicine", "surgery"], n)
    own = rng.random(n) < 0.3
    device = np.where(own, np.char.add("device ", hospital.astype(str)), "common")
    x = rng.normal(size=n)
    noisy = (age > 60) & (ward == "surgery")
    y = x + 3 * own + rng.normal(size=n) * np.where(noisy, 3.0, 0.5)
    X = pd.DataFrame({"age": age.astype(float), "x": x})
    X["ward"], X["device"] = pd.Categorical(ward), pd.Categorical(device)
    data = gg.Environments.from_arrays(
        X, y, hospital, factors={"year": 2010 + rng.integers(0, 9, n)}, task="regression"
    )
    study = gg.Study(data, ["sklearn:Ridge"], seeds=5, jobs=1, metric="squared_error")
    return material(study.run())


def test_the_planted_segment_of_noise_is_told(hospitals: Material):
    found = segments(hospitals)
    assert found.loss[0].confirmed
    columns = {c.column for c in found.loss[0].conditions}
    assert columns & {"age", "ward", "device"}
    ruled = [segment_words.rule_words(s.conditions) for s in found.loss if s.confirmed]
    assert any("ward = surgery" in rule and "age > " in rule for rule in ruled)
    assert found.columns == 5
    assert not found.one_seed
    assert "The loss in unseen environments concentrates where" in told(found, segment_words)


def test_segments_of_images_need_factors():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 1, 4, 4)), rng.integers(0, 2, 150)
    data = gg.Environments.from_arrays(X, y, np.repeat(list("abc"), 50))
    study = gg.Study(data, ["erm"], seeds=1, steps=2, model="mlp(4)", jobs=1)
    found = material(study.run())
    for part in (segments, factors, subgroups):
        with pytest.raises(gg.UsageError, match=r"(columns|factors)"):
            part(found)


def test_rows_new_in_two_factors_cost_more_than_those_new_in_one(hospitals: Material):
    found = factors(hospitals)
    pair = next(p for p in found.together if {p.first, p.second} == {"environment", "device"})
    nowhere, other, alone, both = pair.rows
    assert (nowhere, alone) == (0, 0)
    assert both == hospitals.data.X["device"].ne("common").sum()
    assert other + both == len(hospitals.data)
    assert pair.cost[3].low > pair.cost[1].high
    assert pair.extra.low > 0
    assert "Rows new in both environment and device cost" in told(found, factor_words)


def test_costs_inside_and_beyond_hold_what_closed_forms_give():
    info = suite_info("covariate-shift")
    data = info.load(n=300, curvature=0.5, seed=1)
    study = gg.Study(data, ["sklearn:LinearRegression"], seeds=3, jobs=1, metric="squared_error")
    found = factors(material(study.run()), along=["mean"])
    truth = {name: info.truth(name, curvature=0.5).cost_of_unseen for name in data.names}
    ends = [data.names[0], data.names[-1]]
    (along,) = found.along
    assert along.common == (-0.9, 0.9)
    assert along.rows_beyond == 2 * 180
    assert along.beyond.low < np.mean([truth[k] for k in ends]) < along.beyond.high
    within = [truth[k] for k in data.names if k not in ends]
    assert along.inside.estimate == pytest.approx(np.mean(within), abs=0.03)
    assert along.difference.low > 0
    assert found.explained[0].factor == "mean"
    assert found.explained[0].share > 0.6
    for name, band in zip(data.names, along.bands, strict=True):
        assert band.low == band.high == pytest.approx(float(name))
        assert band.cost.low - 0.02 < truth[name] < band.cost.high + 0.02


def test_a_subgroup_that_fares_worse_outside_than_inside(hospitals: Material):
    found = subgroups(hospitals)
    by_column = {c.column: c for c in found.columns}
    ward = by_column["ward"]
    assert ward.worst == "surgery"
    assert ward.outside.low > 0
    assert abs(ward.growth.estimate) < 0.5
    assert ward.naive >= ward.outside.low
    assert {g.level: g.environments for g in ward.groups} == dict.fromkeys(
        ["icu", "medicine", "surgery"], 5
    )
    assert "device" not in by_column
    assert "Outside, subgroups of ward are" in told(found, subgroup_words)


def test_numbers_are_told_by_quarters_where_they_are_named(hospitals: Material):
    (found,) = subgroups(hospitals, columns=["x"]).columns
    assert [group.rows for group in found.groups] == pytest.approx([375] * 4, abs=3)
    with pytest.raises(gg.UsageError, match="no column 'agee'"):
        subgroups(hospitals, columns=["agee"])


def test_rules_are_told_in_the_columns_own_values():
    table = pd.DataFrame(
        {
            "dose": [1.0, 2.0, 3.0, np.nan] * 30,
            "ward": pd.Categorical(["a", "b", "b", None] * 30),
            "same": 1,
        }
    )
    codes, bins = coded(table)
    assert [b.name for b in bins] == ["dose", "ward"]
    rule = (Coding(0, 1, 2), Coding(1, 1, 1))
    assert conditions(rule, bins) == (
        Condition("dose", ">", low=1.0), Condition("ward", "=", value="b"),
    )  # fmt: skip
    assert segment_words.rule_words(conditions(rule, bins)) == "dose > 1 and ward = b"
    np.testing.assert_array_equal(codes.rows(rule), table["dose"].gt(1) & table["ward"].eq("b"))
    missing = conditions((Coding(0, 3, 3),), bins)
    assert segment_words.rule_words(missing) == "dose is missing"
    np.testing.assert_array_equal(codes.rows((Coding(0, 3, 3),)), table["dose"].isna())


def test_names_from_outside_are_made_safe(hospitals: Material):
    found = segments(hospitals)
    evil = replace(found.loss[0].conditions[0], column="a\x1b[31m\n# b")
    one = replace(found.loss[0], conditions=(evil,), confirmed=True)
    said = segment_words.sentences(replace(found, loss=(one,)))
    assert not any(letter in sentence for sentence in said for letter in "\x1b\n")
