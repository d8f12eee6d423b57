"""Two sets, with and without a model."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd
import pytest

from gengap.base.errors import UsageError
from gengap.questions.detection import separate
from gengap.report import render_html


def _tables(distance: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    columns = ["a", "b", "c"]
    normal = pd.DataFrame(rng.normal(size=(300, 3)), columns=columns)
    normal["colour"] = np.where(normal["a"] > 0, "red", "blue")
    normal["target"] = (normal["b"] + rng.normal(0, 0.2, 300) > 0).astype(int)
    other = pd.DataFrame(rng.normal(distance, 1, size=(80, 3)), columns=columns)
    other["colour"] = "red"
    return normal, other


def test_without_a_target_inputs_alone_are_compared() -> None:
    normal, other = _tables(5.0)
    found = separate(normal.drop(columns="target"), other, detectors=["knn", "msp"], seeds=2)
    assert list(found.detectors) == ["knn"]
    assert "logits" in found.skipped["msp"]
    knn = found.detectors["knn"]
    assert knn.auroc.low > 0.8
    assert knn.auroc.low <= knn.auroc.estimate <= knn.auroc.high
    assert found.hidden.estimate < 0.1
    estimated, limit = (f"{100 * x:.0f}%" for x in (found.hidden.estimate, found.hidden.high))
    assert f"An estimated {estimated} of the others look normal by their" in found.answer
    assert f"(95% limit {limit})" in found.answer
    assert found.model == ""
    assert found.held_out == 120
    page = render_html(found)
    assert "Give --target to use what needs a model, 1 in all: msp." in page
    assert "80 beside 120 held-out normal examples" in page


def test_with_a_target_a_model_is_trained() -> None:
    normal, other = _tables(6.0)
    found = separate(normal, other, "target", "mlp(8)", detectors=["msp", "knn"], steps=50)
    assert set(found.detectors) == {"msp", "knn"}
    assert found.model == "mlp(8)"
    assert json.dumps(found.summary, allow_nan=False)
    assert "knn" in render_html(found)


def test_the_same_source_cannot_be_told_apart_and_looks_normal() -> None:
    normal, other = _tables(0.0)
    other["colour"] = np.where(other["a"] > 0, "red", "blue")
    found = separate(normal.drop(columns="target"), other, detectors=["knn"], seeds=1)
    assert found.detectors["knn"].auroc.low < 0.5 < found.detectors["knn"].auroc.high
    assert found.hidden.estimate > 0.7
    assert found.hidden.high == 1.0
    assert len(found.suspects) > 0
    # A limit of 100% says nothing, and points at no rows.
    assert "look normal" not in found.answer
    assert "look first" not in found.answer


def test_too_few_for_a_threshold_is_said() -> None:
    normal, other = _tables(5.0)
    found = separate(normal[:60].drop(columns="target"), other, detectors=["knn"], seeds=1)
    assert math.isnan(found.detectors["knn"].flagged)
    assert "Too few examples are held out" in found.answer
    heads = render_html(found).split("<thead>")[1].split("</thead>")[0]
    assert "FPR95" in heads
    assert "flagged" not in heads


def test_arrays_are_welcome() -> None:
    rng = np.random.default_rng(1)
    normal, other = rng.random((60, 1, 6, 6)), rng.random((20, 1, 6, 6)) + 1
    found = separate(normal, other, detectors=["isolation-forest"], seeds=1)
    assert found.detectors["isolation-forest"].auroc.estimate > 0.95


def test_bad_input_is_told_in_a_sentence() -> None:
    normal, other = _tables(1.0)
    with pytest.raises(UsageError, match="at least 20"):
        separate(normal[:10], other)
    with pytest.raises(UsageError, match="have no column 'b'"):
        separate(normal.drop(columns="target"), other.drop(columns="b"), detectors=["knn"])
    with pytest.raises(UsageError, match="have no column 'targt'; did you mean 'target'"):
        separate(normal, other, "targt")
    with pytest.raises(UsageError, match="beside target 'target'; add some"):
        separate(normal[["target"]].assign(site=1), other, "target")
    with pytest.raises(UsageError, match="named for tables only"):
        separate(np.zeros((30, 2)), np.zeros((3, 2)), "y")
    with pytest.raises(UsageError, match="No detector applies"):
        separate(normal.drop(columns="target"), other, detectors=["msp"])
