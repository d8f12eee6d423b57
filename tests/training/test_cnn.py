"""Networks that cannot share a program: through the process pool, with the same records."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from builders import tables, task
from torch import nn

import gengap as gg
from gengap.methods.erm import ERM
from gengap.models.networks import Module
from gengap.training.train import train_fleet

STEPS = 9


def drops(shape, outputs):
    """A module with running statistics and random layers."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(int(np.prod(shape)), 16), nn.BatchNorm1d(16), nn.ReLU(),
        nn.Dropout(0.3), nn.Linear(16, outputs),
    )  # fmt: skip


MODELS = {"cnn": "cnn", "batch norm and dropout": drops}


def images() -> gg.Environments:
    """Four environments of pictures whose left or right half is brighter."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 160)
    X = rng.normal(size=(160, 1, 6, 6)).astype(np.float32)
    for k, label in enumerate(y):
        X[k, 0, :, 3 * label : 3 * label + 3] += 0.8
    return gg.Environments.from_arrays(X, y, np.repeat(list("abcd"), 40))


def study(model, jobs: int = 1, **settings):
    options = {"seeds": 1, "steps": STEPS, "batch": 8, "splits": "hold-out:d", **settings}
    return gg.Study(images(), ["erm"], model=model, jobs=jobs, **options)


def records(result):
    keys = sorted(stored.run.key for stored in result.store.runs())
    return {
        (key, part, step): (outcome.predicted, outcome.true_probability)
        for part in ("validation", "test")
        for (key, step), outcome in result.store.outcomes(keys, part).items()
    }


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return MODELS[request.param]


@pytest.fixture(scope="module")
def alone(model):
    torch.manual_seed(1)  # the tests below start from other states of the global generator
    return study(model).run()


def test_the_records_have_the_shape_of_all_others(alone):
    found = records(alone)
    assert len(found) == 2 * 3 * 2  # a reference and an unseen run, three checkpoints, two parts
    for (_, _, step), (predicted, true) in found.items():
        assert step in (3, 6, 9)
        assert predicted.shape == true.shape == (32,)  # a fifth of four times forty
        assert set(predicted) <= {0, 1}
        assert true.dtype == np.float16
    for stored in alone.store.runs():
        assert stored.passes == STEPS
        assert stored.examples == STEPS * 3 * 8
        assert stored.seconds > 0
    assert np.isfinite(alone.gaps.cost_of_unseen).all()


def test_two_processes_give_what_one_gives(model, alone):
    first, second = records(alone), records(study(model, jobs=2).run())
    assert first.keys() == second.keys()
    for key, (predicted, true) in first.items():
        np.testing.assert_array_equal(second[key][0], predicted)
        np.testing.assert_array_equal(second[key][1], true)


def test_global_generators_and_threads_are_left_alone(model):
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
    before = (
        random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state(),  # noqa: NPY002
        torch.get_num_threads(),
    )  # fmt: skip
    study(model, steps=3).run()
    assert random.getstate() == before[0]
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])
    assert torch.get_num_threads() == before[3]


def test_what_is_drawn_globally_before_does_not_matter(model, alone):
    torch.manual_seed(12345)
    for key, (_, true) in records(study(model).run()).items():
        np.testing.assert_array_equal(true, records(alone)[key][1])


def test_a_cnn_learns_what_a_picture_shows():
    result = study("cnn", steps=40, seeds=1).run()
    assert result.gaps.reference.iloc[0] > 0.85


def test_running_statistics_come_from_training_batches_alone():
    """After one step a BatchNorm has moved a tenth of the way to that batch's statistics."""
    rng = np.random.default_rng(0)
    shared = tables(rng.normal(size=(400, 3)).astype(np.float32) + 5, rng.integers(0, 2, 400), 2)
    made: list[nn.Module] = []

    def factory(shape, outputs):
        made.append(nn.Sequential(nn.BatchNorm1d(shape[0]), nn.Linear(shape[0], outputs)))
        return made[-1]

    job = task(shared)
    train_fleet(
        shared, [job], [ERM()], Module(factory), steps=1, batch=16, slots=3, checkpoints=[1],
    )  # fmt: skip
    norm = made[-1][0]
    assert norm.num_batches_tracked == 1
    # Inputs are standardised, so the batch's variance is near 1 and the mean near 0.
    assert torch.all((norm.running_var - 1).abs() < 0.06)
    assert torch.all(norm.running_mean.abs() < 0.06)


def test_a_module_without_state_shares_a_program_and_agrees_with_itself_alone():
    """The same module through vmap in one program and, seed by seed, in programs of its own."""

    def plain(shape, outputs):
        return nn.Sequential(nn.Flatten(), nn.Linear(36, 8), nn.Tanh(), nn.Linear(8, outputs))

    together = records(study(plain, seeds=2).run())
    apart = records(study(plain, seeds=2, memory=1).run())
    assert together.keys() == apart.keys()
    for key, (_, true) in together.items():
        np.testing.assert_allclose(apart[key][1].astype(float), true.astype(float), atol=2e-3)
