"""Weights trained on some classes, and studies of others that start from them."""

import numpy as np
import pytest
import torch

from gengap.base.errors import UsageError
from gengap.environments.core import Environments
from gengap.environments.suites import load_suite
from gengap.models.starting import read_start
from gengap.records.store import Store
from gengap.study.pretraining import pretrain
from gengap.study.study import Study


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    digits = load_suite("digits-writers", n=20, classes=(5, 6, 7, 8, 9), writers=tuple(range(7)))
    found = pretrain(digits, "mlp(16)", steps=60, threads=1)
    path = found.save(tmp_path_factory.mktemp("start") / "start.safetensors")
    return found, path


def test_the_file_holds_the_network_that_scored(start):
    found, path = start
    assert (found.model, found.method, found.steps) == ("mlp(16)", "erm", 60)
    assert found.score > 0.6
    read = read_start(path).weights
    assert read.keys() == {"weight0", "weight1", "bias0", "bias1"}
    assert all(torch.equal(read[name], found.weights[name]) for name in read)


def test_merges_go_back_to_where_training_started(start):
    _, path = start
    digits = load_suite("digits-writers", n=20, classes=(0, 1, 2), writers=tuple(range(7, 14)))
    study = Study(
        digits, ["erm"], model="mlp(16)", start=path, seeds=[0], steps=20, splits="folds:2",
        trials=2, threads=1, keep_models="all",
        merges=["wise-ft:share=0", "model-stock", "average"],
    )  # fmt: skip
    result = study.run()
    assert set(result.methods["method"]) == {
        "erm", "erm + wise-ft (share=0)", "erm + model-stock", "erm + average",
    }  # fmt: skip
    # With no share of the fine-tuning, the body is that of the file and the head is drawn: chance.
    by_name = result.methods.set_index("method")["score_unseen"]
    assert by_name["erm"] > by_name["erm + wise-ft (share=0)"] + 0.2
    result.store.close()


def test_features_learned_without_labels_are_a_start_and_are_found_again(tmp_path):
    digits = load_suite("digits-writers", n=20, classes=(5, 6, 7), writers=(0, 1))
    settings = {"method": "vicreg", "steps": 30, "threads": 1}
    with Store(f"sqlite:///{tmp_path / 'kept.sqlite'}") as store:
        told = []
        first = pretrain(digits, "mlp(16)", store=store, progress=told.append, **settings)
        trained, told[:] = len(told), []
        again = pretrain(digits, "mlp(16)", store=store, progress=told.append, **settings)
    assert trained > 1
    assert all(one.done == one.total for one in told)
    assert first.weights.keys() == {"weight0", "weight1", "bias0", "bias1"}
    assert all(torch.equal(first.weights[name], again.weights[name]) for name in first.weights)


def test_of_equal_passes_the_weights_are_those_of_the_last_step_that_there_is():
    draw = np.random.default_rng(0)
    places = Environments.from_arrays(
        draw.normal(size=(60, 2)), draw.integers(0, 2, 60), np.arange(60) % 2
    )
    settings = {"method": "sam", "threads": 1}
    halved = pretrain(places, "mlp(4)", steps=20, budget="passes", **settings)
    ten = pretrain(places, "mlp(4)", steps=10, **settings)
    assert halved.steps == 10
    assert halved.score == ten.score
    assert all(torch.equal(halved.weights[name], ten.weights[name]) for name in ten.weights)


def test_an_estimator_has_no_weights_to_start_from():
    draw = np.random.default_rng(0)
    places = Environments.from_arrays(
        draw.normal(size=(60, 2)), draw.integers(0, 2, 60), np.arange(60) % 2
    )
    with pytest.raises(UsageError, match="trains no network"):
        pretrain(places, method="sklearn:LogisticRegression")


def test_classes_of_the_digits_that_are_none_are_refused():
    with pytest.raises(UsageError, match="classes are numbers from 0 to 9"):
        load_suite("digits-writers", classes=(5, 10))


def test_gradients_at_the_base_are_those_of_the_mean_loss():
    from gengap.methods.erm import ERM
    from gengap.training.importance import magnitudes_at
    from gengap.training.remedies import Bench
    from gengap.training.tasks import Task

    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(40, 3)).astype(np.float32), draw.integers(0, 2, 40)
    study = Study(Environments.from_arrays(X, y, np.arange(40) % 2), ["erm"], model="linear")
    problem, (run, cell) = study.problem, study.plan.runs["erm"][0]
    rows = study.plan.training_rows(cell, run.seed)
    task = Task(run, rows, problem.prepare(np.concatenate(rows)))
    bench = Bench(problem, task, ERM.make(), study.architecture, len(rows), 1, np.arange(0))
    feed, (network, context) = bench.feed(), bench.start
    found = magnitudes_at(feed, context, network)
    own = np.concatenate(rows)
    x = torch.from_numpy(task.prepared.inputs.apply(problem.matrix[own]))
    weight, bias = (network.parameters[n][0].detach() for n in ("weight0", "bias0"))
    error = torch.softmax(x @ weight + bias, 1) - torch.eye(2)[y[own]]
    torch.testing.assert_close(found["weight0"], (x.T @ error / len(x)).abs())
    torch.testing.assert_close(found["bias0"], error.mean(0, keepdim=True).abs())
