"""What could be memorised: the conditions keep what they say, and a table learnt by heart shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from typer.testing import CliRunner

import gengap as gg
from gengap.base.errors import UsageError
from gengap.cli import app
from gengap.questions.diagnosis.memorising import (
    CONDITIONS,
    EACH,
    LABELS,
    ORDER,
    RANDOM,
    TRUE,
    condition,
    memorising,
)
from gengap.report.memorising import answer


def table(task: str = "classification") -> gg.Environments:
    rng = np.random.default_rng(0)
    where = np.repeat(["a", "b"], [120, 80])
    X = rng.normal(2, 3, size=(200, 4))
    score = X[:, 0] - 2 + 3 * (where == "b")
    y = np.where(score > 0, "yes", "no") if task == "classification" else score
    return gg.Environments.from_arrays(X, y, where, task=task, name="table")  # type: ignore[arg-type]


def test_each_condition_keeps_what_it_says() -> None:
    data = table()
    true, labels, order, each, random = (condition(data, name, 0) for name in CONDITIONS)
    np.testing.assert_allclose(true.X.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(true.X.std(0), 1, rtol=1e-5)
    for k in (0, 1):
        own = data.environment == k
        np.testing.assert_array_equal(np.bincount(labels.y[own]), np.bincount(data.y[own]))
    assert (labels.y != data.y).any()
    np.testing.assert_array_equal(labels.X, true.X)
    moved = [int(np.argmin(np.abs(true.X - column[:, None]).sum(0))) for column in order.X.T]
    assert sorted(moved) == [0, 1, 2, 3]
    np.testing.assert_array_equal(order.X, true.X[:, moved])
    np.testing.assert_array_equal(np.sort(each.X, 1), np.sort(true.X, 1))
    assert not any(np.array_equal(each.X, true.X[:, p]) for p in (moved, [0, 1, 2, 3]))
    assert abs(np.corrcoef(random.X.ravel(), true.X.ravel())[0, 1]) < 0.15
    for made in (order, each, random):
        np.testing.assert_array_equal(made.y, data.y)
        np.testing.assert_array_equal(made.environment, data.environment)
    again = condition(data, LABELS, 0)
    np.testing.assert_array_equal(again.y, labels.y)
    assert (condition(data, LABELS, 1).y != labels.y).any()


def test_images_keep_their_shape_and_pixels() -> None:
    rng = np.random.default_rng(0)
    images = rng.random((60, 1, 4, 4), dtype=np.float32)
    data = gg.Environments.from_arrays(images, rng.integers(0, 2, 60), np.arange(60) % 2)
    order = condition(data, ORDER, 3)
    assert order.X.shape == images.shape
    np.testing.assert_array_equal(np.sort(order.X.reshape(60, -1)), np.sort(images.reshape(60, -1)))
    assert abs(condition(data, RANDOM, 3).X.mean() - images.mean()) < 0.1


def test_nearest_neighbours_know_every_example_by_heart_and_a_line_does_not() -> None:
    heart = memorising(table(), KNeighborsClassifier(1), seeds=2)
    assert heart.capacity == pytest.approx(1)
    assert [c.train.estimate for c in heart.conditions] == pytest.approx([1] * 5)
    shuffled = heart.condition(LABELS)
    assert abs(shuffled.test.estimate - heart.chance) < 0.25
    assert heart.condition(TRUE).test.estimate > 0.7
    assert "can memorise these 120 examples" in answer(heart)
    assert "says nothing of what it has learnt" in answer(heart)
    line = memorising(table(), LogisticRegression(), seeds=2)
    assert line.capacity < 0.5
    assert "can memorise these" not in answer(line)
    assert line.steps is None
    assert line.condition(EACH).steps == ()


def test_targets_that_are_numbers() -> None:
    found = memorising(table("regression"), KNeighborsRegressor(1), seeds=1)
    assert (found.metric, found.chance) == ("r2", 0.0)
    assert found.condition(LABELS).train.estimate == pytest.approx(1)
    assert found.condition(LABELS).test.estimate < 0.3
    assert "targets" in answer(found)


def test_a_higher_score_on_rows_kept_apart_is_more_not_less() -> None:
    found = memorising(table(), KNeighborsClassifier(1), seeds=2)
    *_, last = answer(found).partition("On rows kept apart")
    assert "points less than on those trained on" in last
    true = found.condition(TRUE)
    turned = replace(true, train=true.test, test=true.train)
    more = replace(found, conditions=(turned, *found.conditions[1:]))
    lost = 100 * (true.train.estimate - true.test.estimate)
    assert f"it scores 100.0%, {lost:.1f} points more than on those trained on" in answer(more)


def test_networks_say_after_how_many_steps_and_runs_are_found_again(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/records.db"
    first = memorising(table(), "mlp(32)", seeds=1, steps=60, store=store)
    assert first.condition(TRUE).steps[-1] == 60
    assert memorising(table(), "mlp(32)", seeds=1, steps=60, store=store).answer == first.answer
    with gg.Store(store) as records:
        assert len(records.runs()) == 5


def test_the_command_writes_its_files_and_refuses_what_it_cannot_use(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [
        f"{x:.3f},{'ab'[i % 2]},{'yes' if x > 0 else 'no'}"
        for i, x in enumerate(rng.normal(size=80))
    ]
    (tmp_path / "data.csv").write_text("x,site,ill\n" + "\n".join(rows) + "\n")
    command = ["memorise", str(tmp_path / "data.csv"), "--target", "ill", "--environment", "site"]
    named = ["--model", "sklearn:DecisionTreeClassifier", "--seeds", "2"]
    done = CliRunner().invoke(app, [*command, *named, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "labels shuffled" in done.output
    assert (tmp_path / "out" / "memorising.json").exists()
    bad = CliRunner().invoke(app, [*command, "--model", "forest"])
    assert bad.exit_code == 2
    with pytest.raises(UsageError, match="seeds"):
        memorising(table(), seeds=0)
